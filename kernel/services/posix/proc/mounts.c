/* The mounts that the caller sees, as /proc/mounts has them: see proc.h and fstab(5). */
#include "kernel/services/posix/proc/proc.h"

#include "kernel/services/posix/process.h"
#include "kernel/services/vfs/errors.h"

#define TEXT_BYTES 256u

/* With the tree's lock held: the mount at this place of the list, counted from the oldest; false: there are not so many. */
static bool read_mount(const struct caller *caller, uint32_t index, char text[TEXT_BYTES], const char **kind,
                       uint32_t *flags) {
    const struct view *view = caller->root.mount->view;
    uint32_t at = 0;
    for (const struct list *link = view->mounts.previous; link != &view->mounts; link = link->previous, at++) {
        const struct mount *mount = list_item((struct list *)(uintptr_t)link, struct mount, link);
        struct path place = {.mount = (struct mount *)(uintptr_t)mount, .dentry = mount->root};
        if (at < index)
            continue;
        if (path_text(&place, &caller->root, text, TEXT_BYTES) < 0)
            text[0] = 0;
        *kind = mount->system->name;
        *flags = mount->flags;
        return true;
    }
    return false;
}

int proc_print_mounts(const struct proc_place *place, struct proc_text *text) {
    const struct caller *caller = &process_current()->caller;
    (void)place;
    for (uint32_t i = 0; i < VIEW_MOUNTS_MAX; i++) {
        char where[TEXT_BYTES];
        const char *kind;
        uint32_t flags;
        vfs_lock(caller->vfs);
        bool is_there = caller->root.mount->view != NULL && read_mount(caller, i, where, &kind, &flags);
        vfs_unlock(caller->vfs);
        if (!is_there)
            return 0;
        proc_print(text, "%s %s %s %s%s%s%s 0 0\n", kind, where, kind, (flags & MOUNT_READ_ONLY) != 0 ? "ro" : "rw",
                   (flags & MOUNT_NO_SETUID) != 0 ? ",nosuid" : "", (flags & MOUNT_NO_DEVICES) != 0 ? ",nodev" : "",
                   (flags & MOUNT_NO_EXECUTE) != 0 ? ",noexec" : "");
    }
    return 0;
}
