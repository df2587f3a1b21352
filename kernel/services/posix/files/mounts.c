/*
 * mount(2) and umount2(2), for who has CAP_SYS_ADMIN. Mounts are those of the caller's view, which processes of one container
 * share. How mounts spread from view to view (shared, slave, private) is of no account here: they never do.
 */
#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/kinds.h"

#define CAP_SYS_ADMIN 21u
#define MS_RIGHTS 15u /* read-only, no set-user-id, no devices, no execution: in the order of enum mount_flags */
#define MS_REMOUNT 0x20u
#define MS_BIND 0x1000u
#define MS_MOVE 0x2000u
#define MS_SPREADING (15u << 17)
#define UMOUNT_KNOWN 15u
#define UMOUNT_DETACH 2u
#define UMOUNT_EXPIRE 4u
#define UMOUNT_NOFOLLOW 8u

_Static_assert(MOUNT_READ_ONLY == 1 && MOUNT_NO_SETUID == 2 && MOUNT_NO_DEVICES == 4 && MOUNT_NO_EXECUTE == 8,
               "as MS_RIGHTS has them");

static struct view *view_of(const struct files *files) {
    return files->caller->root.mount->view;
}

static int find(const struct files *files, uint64_t address, uint32_t flags, struct target *found) {
    int status = target_begin(files, found, (uint64_t)LINUX_AT_FDCWD, address, flags);
    if (status == 0 && !identity_has(&files->caller->identity, CAP_SYS_ADMIN)) {
        target_end(files, found);
        status = -LINUX_EPERM;
    }
    return status;
}

/* What is at the source's path, also shown at the place. */
static int bind(const struct files *files, uint64_t source, const struct path *place, uint32_t rights) {
    struct target from;
    int status = find(files, source, 0, &from);
    if (status != 0)
        return status;
    status = view_mount(view_of(files), place, from.path.dentry, rights);
    target_end(files, &from);
    return status;
}

static int mount_new(const struct files *files, const char *kind, const char *options, const struct path *place,
                     uint32_t rights) {
    struct file_system *system;
    int status = file_system_make(files->vfs, kind, options, &system);
    if (status != 0)
        return status;
    status = view_mount(view_of(files), place, system->root, rights);
    vfs_lock(files->vfs);
    file_system_unref(system); /* the mount has one */
    vfs_unlock(files->vfs);
    return status;
}

/* A text that may be left out. */
static int read_text(const struct files *files, struct call_text *text, uint64_t address) {
    if (address != 0)
        return call_text_begin(files, text, address);
    *text = (struct call_text){.long_text = NULL};
    return 0;
}

static int mount_kind(const struct files *files, const uint64_t arguments[6], const struct path *place,
                      uint32_t rights) {
    struct call_text kind, options;
    if (arguments[2] == 0)
        return -LINUX_EINVAL;
    int status = call_text_begin(files, &kind, arguments[2]);
    if (status != 0)
        return status;
    status = read_text(files, &options, arguments[4]);
    if (status == 0) {
        status = mount_new(files, call_text(&kind), call_text(&options), place, rights);
        call_text_end(files, &options);
    }
    call_text_end(files, &kind);
    return status;
}

int64_t system_call_mount(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t flags = (uint32_t)arguments[3], rights = flags & MS_RIGHTS;
    struct target place;
    int status = find(&files, arguments[1], 0, &place);
    if (status != 0)
        return status;
    if (view_of(&files) == NULL)
        status = -LINUX_EINVAL;
    else if ((flags & MS_REMOUNT) != 0)
        status = view_change_flags(view_of(&files), &place.path, rights);
    else if ((flags & MS_BIND) != 0)
        status = bind(&files, arguments[0], &place.path, rights);
    else if ((flags & MS_SPREADING) != 0)
        status = 0;
    else if ((flags & MS_MOVE) != 0)
        status = -LINUX_EINVAL;
    else
        status = mount_kind(&files, arguments, &place.path, rights);
    target_end(&files, &place);
    return status;
}

int64_t system_call_umount2(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t flags = (uint32_t)arguments[1];
    struct target place;
    if ((flags & ~UMOUNT_KNOWN) != 0)
        return -LINUX_EINVAL;
    int status = find(&files, arguments[0], (flags & UMOUNT_NOFOLLOW) != 0 ? LINUX_AT_SYMLINK_NOFOLLOW : 0, &place);
    if (status != 0)
        return status;
    if (view_of(&files) == NULL || (flags & UMOUNT_EXPIRE) != 0)
        status = -LINUX_EINVAL;
    else
        status = (flags & UMOUNT_DETACH) != 0 ? view_detach(view_of(&files), &place.path)
                                              : view_unmount(view_of(&files), &place.path);
    target_end(&files, &place);
    return status;
}
