/* The mounts that the caller sees, as /proc/mounts and /proc/PID/mountinfo have them: see proc.h, fstab(5) and proc(5). */
#include "kernel/services/posix/proc/proc.h"

#include "kernel/services/posix/process.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define TEXT_BYTES 256u

/* One mount, read at one moment. */
struct facts {
    char where[TEXT_BYTES], root[TEXT_BYTES]; /* where it lies; which folder of its file system it shows */
    const char *kind;
    uint32_t flags, number, parent; /* numbers count from the oldest, which is 1 */
    uint64_t device;
};

static struct mount *next_of(const struct view *view, const struct mount *mount) {
    const struct list *link = mount == NULL ? view->mounts.previous : mount->link.previous;
    return link == &view->mounts ? NULL : list_item((struct list *)(uintptr_t)link, struct mount, link);
}

static uint32_t number_of(const struct view *view, const struct mount *wanted) {
    uint32_t number = 1;
    for (const struct mount *mount = next_of(view, NULL); mount != NULL; mount = next_of(view, mount), number++)
        if (mount == wanted)
            return number;
    return 0;
}

/* The names above a folder within its file system; what is too long is cut at its beginning. */
static void put_root(const struct dentry *dentry, char text[TEXT_BYTES]) {
    size_t at = TEXT_BYTES - 1;
    text[at] = 0;
    for (; dentry->parent != NULL; dentry = dentry->parent) {
        struct name name = dentry_name(dentry);
        if (name.size_bytes + 1 > at)
            break;
        at -= name.size_bytes;
        memcpy(text + at, name.text, name.size_bytes);
        text[--at] = '/';
    }
    if (text[at] == 0)
        text[--at] = '/';
    memmove(text, text + at, TEXT_BYTES - at);
}

/* With the tree's lock held: the mount at this place of the list; false: there are not so many. */
static bool read_mount(const struct caller *caller, uint32_t index, struct facts *facts) {
    const struct view *view = caller->root.mount->view;
    struct mount *mount = view != NULL ? next_of(view, NULL) : NULL;
    for (uint32_t i = 0; i < index && mount != NULL; i++)
        mount = next_of(view, mount);
    if (mount == NULL)
        return false;
    struct path place = {.mount = mount, .dentry = mount->root};
    if (path_text(&place, &caller->root, facts->where, TEXT_BYTES) < 0)
        facts->where[0] = 0;
    put_root(mount->root, facts->root);
    facts->kind = mount->system->name;
    facts->flags = mount->flags;
    facts->number = index + 1;
    facts->parent = mount->parent != NULL ? number_of(view, mount->parent) : index + 1;
    facts->device = mount->system->device;
    return true;
}

static bool find_mount(uint32_t index, struct facts *facts) {
    const struct caller *caller = &process_current()->caller;
    vfs_lock(caller->vfs);
    bool is_there = read_mount(caller, index, facts);
    vfs_unlock(caller->vfs);
    return is_there;
}

static const char *access_of(const struct facts *facts) {
    return (facts->flags & MOUNT_READ_ONLY) != 0 ? "ro" : "rw";
}

static void print_flags(const struct facts *facts, struct proc_text *text) {
    proc_print(text, "%s%s%s%s", access_of(facts), (facts->flags & MOUNT_NO_SETUID) != 0 ? ",nosuid" : "",
               (facts->flags & MOUNT_NO_DEVICES) != 0 ? ",nodev" : "",
               (facts->flags & MOUNT_NO_EXECUTE) != 0 ? ",noexec" : "");
}

int proc_print_mounts(const struct proc_place *place, struct proc_text *text) {
    struct facts facts;
    (void)place;
    for (uint32_t i = 0; i < VIEW_MOUNTS_MAX && find_mount(i, &facts); i++) {
        proc_print(text, "%s %s %s ", facts.kind, facts.where, facts.kind);
        print_flags(&facts, text);
        proc_print(text, " 0 0\n");
    }
    return 0;
}

int proc_print_mount_facts(const struct proc_place *place, struct proc_text *text) {
    struct facts facts;
    (void)place;
    for (uint32_t i = 0; i < VIEW_MOUNTS_MAX && find_mount(i, &facts); i++) {
        proc_print(text, "%u %u %u:%u %s %s ", facts.number, facts.parent, vfs_device_major(facts.device),
                   vfs_device_minor(facts.device), facts.root, facts.where);
        print_flags(&facts, text);
        proc_print(text, " - %s %s %s\n", facts.kind, facts.kind, access_of(&facts));
    }
    return 0;
}
