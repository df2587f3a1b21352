/*
 * The file view of a container: an own small tmpfs as root, and on it only what was granted.
 *
 *     /            scratch tmpfs, read-only to the container     granted paths   mounts of the kernel's own files
 *     /tmp         its folder "tmp"                              /usr /lib ...   the same, if the spec asks for system files
 *     /dev         shared by all, read-only                      /dev/shm        the folder "shm" of the scratch tmpfs
 *     /proc        its own processes, unless the service is native
 *
 * One tmpfs serves the root, /tmp and /dev/shm, so that one limit on bytes and inodes holds for all three. A second view of it, without
 * limits on rights and gone when this is done, is where the kernel makes the places to mount on. Granted paths are mounted
 * shortest first, so what lies in a longer one is found inside of a shorter one.
 *
 * A mount is never more than its grant: no set-id programs, no devices, read-only unless written, no execution unless
 * executed. What is mounted inside of a granted folder of the kernel's own files is not shown.
 */
#include "kernel/services/containers/grants.h"
#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/notify.h"
#include "kernel/services/containers/source.h"
#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/tmpfs.h"

#define SCRATCH_BYTES (UINT64_C(16) << 20)
#define SCRATCH_FILES 4096u
#define SCRATCH_FLAGS ((uint32_t)MOUNT_NO_SETUID | (uint32_t)MOUNT_NO_DEVICES | (uint32_t)MOUNT_NO_EXECUTE)
#define NOTIFY_FOLDER "/run"
#define NOTIFY_MASK 0111u
#define LOADER_CACHE "/etc/ld.so.cache"

static const char *const system_folders[] = {"/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"};

struct building {
    struct container_record *record;
    const struct grove_spec *spec;
    struct grant *grants;
    uint32_t grant_count;
    struct file_system *scratch;
    struct view outer; /* the second view */
    struct caller maker; /* root, in the second view */
    struct caller inside; /* root, in the container's */
    bool has_outer, has_whole; /* has_whole: "/" itself is granted */
};

static void give_up(const struct path *path) {
    vfs_lock(containers.vfs);
    path_unref(path);
    vfs_unlock(containers.vfs);
}

/* ---- mounting ---- */

/* Show what `source` is at a place that is there. */
static int show(struct building *building, const char *text, const struct path *source, uint32_t flags) {
    struct walk_path path = {.text = text};
    struct path place;
    vfs_lock(containers.vfs);
    int status = walk(&building->inside, &path, 0, &place);
    vfs_unlock(containers.vfs);
    if (status != 0)
        return status;
    status = view_mount(&building->record->view, &place, source->dentry, flags);
    give_up(&place);
    return status;
}

/* The same for a path of the second view. */
static int show_own(struct building *building, const char *text, const char *own, uint32_t flags) {
    struct walk_path path = {.text = own};
    struct path source;
    vfs_lock(containers.vfs);
    int status = walk(&building->maker, &path, 0, &source);
    vfs_unlock(containers.vfs);
    if (status != 0)
        return status;
    status = show(building, text, &source, flags);
    give_up(&source);
    return status;
}

static int make_folder(struct building *building, const char *text, uint32_t mode) {
    struct walk_path path = {.text = text};
    int status = vfs_make_folder(&building->maker, &path, mode);
    return status == -LINUX_EEXIST ? 0 : status;
}

/* A place for a mount that lies in no other one, with the folders above it. */
static int make_place(struct building *building, const char *text, bool is_folder) {
    char prefix[GROVE_ARGUMENT_TEXT_MAX + 1];
    uint32_t i = 0;
    int status = 0;
    for (; text[i] != '\0' && status == 0; i++) {
        if (i >= GROVE_ARGUMENT_TEXT_MAX)
            return -LINUX_ENAMETOOLONG;
        if (text[i] == '/' && i > 0) {
            prefix[i] = '\0';
            status = make_folder(building, prefix, 0755);
        }
        prefix[i] = text[i];
    }
    if (status != 0)
        return status;
    if (is_folder)
        return make_folder(building, text, 0755);
    struct walk_path path = {.text = text};
    status = vfs_make_node(&building->maker, &path, 0644, 0);
    return status == -LINUX_EEXIST ? 0 : status;
}

static uint32_t flags_of(const struct grant *grant) {
    uint32_t flags = (uint32_t)MOUNT_NO_SETUID | (uint32_t)MOUNT_NO_DEVICES;
    if (!grant->can_write)
        flags |= MOUNT_READ_ONLY;
    if (!grant->can_execute)
        flags |= MOUNT_NO_EXECUTE;
    return flags;
}

/* ---- the root ---- */

static uint64_t or_default(uint64_t limit, uint64_t otherwise) {
    return limit != 0 ? limit : otherwise;
}

static int make_scratch(struct building *building) {
    const struct grove_budget *budget = &building->record->budget;
    struct tmpfs_limits limits = {.pages_max = or_default(budget->scratch_bytes, SCRATCH_BYTES) / VFS_PAGE_BYTES,
                                  .inodes_max = or_default(budget->scratch_files, SCRATCH_FILES),
                                  .mode = 0755};
    limits.pages_max = or_default(limits.pages_max, 1);
    int status = tmpfs_create(containers.vfs, &limits, &building->scratch);
    if (status != 0)
        return status;
    status = view_init(&building->outer, containers.vfs, building->scratch->root, 0, &building->maker.root);
    if (status != 0)
        return status;
    building->has_outer = true;
    building->maker.folder = building->maker.root;
    if ((status = make_folder(building, "/tmp", 01777)) == 0 && (status = make_folder(building, "/dev", 0755)) == 0)
        status = make_folder(building, "/shm", 01777);
    return status;
}

/* The view itself begins with the scratch tmpfs, or with what "/" was granted as. */
static int make_view(struct building *building) {
    struct dentry *root = building->scratch->root;
    uint32_t flags = SCRATCH_FLAGS | MOUNT_READ_ONLY;
    if (building->has_whole) {
        root = containers.caller.root.dentry;
        flags = flags_of(&building->grants[0]);
    }
    int status = view_init(&building->record->view, containers.vfs, root, flags, &building->inside.root);
    if (status != 0)
        return status;
    building->record->has_view = true;
    building->inside.folder = building->inside.root;
    return 0;
}

/* Where the root is the kernel's own, it may lack the places: then there is no such folder. */
static int unless_missing(const struct building *building, int status) {
    return building->has_whole && status == -LINUX_ENOENT ? 0 : status;
}

static int show_standard(struct building *building) {
    struct path devices = {.dentry = containers.devices->root};
    uint32_t flags = (uint32_t)MOUNT_READ_ONLY | (uint32_t)MOUNT_NO_SETUID | (uint32_t)MOUNT_NO_EXECUTE;
    int status = unless_missing(building, show_own(building, "/tmp", "/tmp", SCRATCH_FLAGS));
    if (status == 0)
        status = unless_missing(building, show(building, "/dev", &devices, flags));
    if (status == 0)
        status = unless_missing(building, show_own(building, "/dev/shm", "/shm", SCRATCH_FLAGS));
    return status;
}

/* As on linux: of services that know nothing of Grove, whose programs look there. */
static int show_processes(struct building *building) {
    struct path source = {.dentry = containers.processes != NULL ? containers.processes->root : NULL};
    uint32_t flags = (uint32_t)MOUNT_NO_SETUID | (uint32_t)MOUNT_NO_DEVICES | (uint32_t)MOUNT_NO_EXECUTE;
    if (source.dentry == NULL || (building->spec->flags & GROVE_SPEC_NATIVE) != 0)
        return 0;
    int status = building->has_whole ? 0 : make_folder(building, "/proc", 0555);
    return status == 0 ? unless_missing(building, show(building, "/proc", &source, flags)) : status;
}

/* ---- what is granted ---- */

/* The place is there already when a shorter grant holds it. */
static bool is_inside(const struct building *building, uint32_t index) {
    const char *path = building->grants[index].path;
    for (uint32_t i = 0; i < index; i++)
        if (grant_is_below(path, building->grants[i].path))
            return true;
    for (uint32_t i = 0; i < sizeof(system_folders) / sizeof(*system_folders); i++)
        if ((building->spec->flags & GROVE_SPEC_SYSTEM_FILES) != 0 && grant_is_below(path, system_folders[i]))
            return true;
    return false;
}

static int show_grant(struct building *building, uint32_t index) {
    const struct grant *grant = &building->grants[index];
    struct path source;
    int status = grant->is_created ? source_make_folder(&containers.caller, grant->path) : 0;
    if (status == 0)
        status = source_find(&containers.caller, grant->path, &source);
    if (status != 0)
        return status == -LINUX_ENOENT && grant->is_optional ? 0 : status;
    if (!is_inside(building, index))
        status = make_place(building, grant->path, inode_is_folder(source.dentry->inode));
    if (status == 0)
        status = show(building, grant->path, &source, flags_of(grant));
    give_up(&source);
    return status;
}

static int show_grants(struct building *building) {
    int status = 0;
    for (uint32_t i = building->has_whole ? 1 : 0; i < building->grant_count && status == 0; i++)
        status = show_grant(building, i);
    return status;
}

/* A link of the kernel's root is a link in the view too; of others only what is there is shown. */
static int show_system_folder(struct building *building, const char *text) {
    const struct grant grant = {.path = text, .can_execute = true};
    struct walk_path path = {.text = text};
    struct path source;
    vfs_lock(containers.vfs);
    int status = walk(&containers.caller, &path, 0, &source);
    vfs_unlock(containers.vfs);
    if (status != 0)
        return status == -LINUX_ENOENT ? 0 : status;
    struct inode *inode = source.dentry->inode;
    if (inode_is_link(inode)) {
        uint32_t size_bytes;
        status = vfs_make_link(&building->maker, inode->operations->link_text(inode, &size_bytes), &path);
    } else {
        status = make_place(building, text, inode_is_folder(inode));
        if (status == 0)
            status = show(building, text, &source, flags_of(&grant));
    }
    give_up(&source);
    return status;
}

static int show_system(struct building *building) {
    int status = 0;
    if ((building->spec->flags & GROVE_SPEC_SYSTEM_FILES) == 0 || building->has_whole)
        return 0;
    for (uint32_t i = 0; i < sizeof(system_folders) / sizeof(*system_folders) && status == 0; i++)
        status = show_system_folder(building, system_folders[i]);
    return status == 0 ? show_system_folder(building, LOADER_CACHE) : status;
}

/* ---- the whole ---- */

/*
 * Where it says that it is ready: a node of the scratch tmpfs, to which everybody in the container may send. Where the root is the
 * kernel's own, it is shown if that has the place.
 */
static int show_notify(struct building *building) {
    struct caller maker = building->maker;
    if ((building->spec->flags & GROVE_SPEC_NOTIFY_SOCKET) == 0)
        return 0;
    maker.mask = NOTIFY_MASK;
    int status = make_folder(building, NOTIFY_FOLDER, 0755);
    if (status == 0)
        status = notify_open(building->record, &maker);
    if (status == 0 && building->has_whole)
        status = show_own(building, NOTIFY_PLACE, NOTIFY_PLACE, SCRATCH_FLAGS);
    return status;
}

static int build(struct building *building) {
    int status = make_scratch(building);
    if (status == 0)
        status = make_view(building);
    if (status == 0)
        status = show_standard(building);
    if (status == 0)
        status = show_processes(building);
    if (status == 0)
        status = show_system(building);
    if (status == 0)
        status = show_notify(building);
    return status == 0 ? show_grants(building) : status;
}

/* Root and folder of whoever runs in it. */
static int enter(struct building *building, struct caller *caller) {
    const struct grove_spec *spec = building->spec;
    struct walk_path path = {.text = spec->directory.length_bytes != 0 ? grove_spec_text(spec, spec->directory) : "/"};
    vfs_lock(containers.vfs);
    int status = walk(&building->inside, &path, (uint32_t)WALK_FOLLOW | (uint32_t)WALK_FOLDER, &caller->folder);
    if (status == 0) {
        caller->root = building->inside.root;
        path_ref(&caller->root);
    }
    vfs_unlock(containers.vfs);
    return status;
}

static void take_down(struct building *building, bool is_done) {
    if (building->has_outer)
        view_deinit(&building->outer);
    if (!is_done && building->record->has_view) {
        view_deinit(&building->record->view);
        building->record->has_view = false;
    }
    vfs_lock(containers.vfs);
    if (building->has_outer)
        path_unref(&building->maker.root);
    if (building->inside.root.mount != NULL)
        path_unref(&building->inside.root);
    if (building->scratch != NULL)
        file_system_unref(building->scratch);
    vfs_unlock(containers.vfs);
}

int view_build(struct container_record *record, struct caller *caller) {
    size_t grants_bytes = (GROVE_SPEC_CAPABILITIES_MAX + 1) * sizeof(struct grant);
    struct building building = {.record = record, .spec = record->spec, .grants = containers_take(grants_bytes)};
    if (building.grants == NULL)
        return -LINUX_ENOMEM;
    building.grant_count = grants_collect(record->spec, building.grants);
    building.has_whole = building.grant_count > 0 && building.grants[0].path[1] == '\0';
    building.maker = (struct caller){.vfs = containers.vfs, .identity = containers.caller.identity};
    building.inside = building.maker;
    int status = build(&building);
    if (status == 0)
        status = enter(&building, caller);
    take_down(&building, status == 0);
    containers_give_back(building.grants, grants_bytes);
    return status;
}
