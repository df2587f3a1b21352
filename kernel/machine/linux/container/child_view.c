/*
 * The file view, as the starting child builds it: an own small tmpfs as root, and on it only what was granted.
 *
 *     /            scratch tmpfs, read-only in the end         /usr /lib ...  moved from the template, if asked for
 *     /dev         moved from the template, read-only          /dev/shm       the folder "shm" of the scratch tmpfs
 *     /tmp         the folder "tmp" of the scratch tmpfs       granted paths  detached trees that the parent opened
 *
 * One tmpfs serves the root, /tmp and /dev/shm, so one limit on bytes and inodes holds for all three: the mounts differ,
 * the memory does not. Until it is entered every path below is relative to the folder that becomes the root and is made
 * by us in an empty tmpfs, so no symbolic link can be in the way. Granted paths are mounted after that, shortest
 * first: what they may traverse then lies inside the view.
 *
 * Runs in the child only; see child.c. Nothing here outlives the child's mount namespace.
 */
#include "kernel/machine/linux/container/calls.h"
#include "kernel/machine/linux/container/landlock.h"
#include "kernel/machine/linux/container/plan.h"

#include <errno.h>
#include <linux/landlock.h>
#include <sys/mount.h>

static long view_folder(const char *path, mode_t mode) {
    long result = calls_mkdir(path, mode);
    return result == -EEXIST ? 0 : result;
}

/* The parent folders of an absolute path inside the view. */
static long view_parents(const char *path) {
    char prefix[GROVE_ARGUMENT_TEXT_MAX + 1];
    for (unsigned i = 0; i < GROVE_ARGUMENT_TEXT_MAX && path[i] != '\0'; i++) {
        if (path[i] == '/' && i > 0) {
            prefix[i] = '\0';
            long result = view_folder(prefix, 0755);
            if (result < 0)
                return result;
        }
        prefix[i] = path[i];
    }
    return 0;
}

static long view_attach(const struct plan_mount *mount) {
    long result = 0;
    if (!mount->is_inside) {
        result = view_parents(mount->path);
        if (result == 0)
            result = mount->is_folder ? view_folder(mount->path, 0755) : calls_make_file(mount->path);
        if (result == -EEXIST)
            result = 0;
    }
    return result < 0 ? result : calls_attach(mount->tree, mount->path);
}

/* Link names and what they point to; folder names, which are the same in the template and in the view. */
static long view_system(const struct plan *plan) {
    for (const char *const *link = plan->system_links; link != NULL && *link != NULL; link += 2) {
        long result = calls_symlink(link[1], link[0]);
        if (result < 0)
            return result;
    }
    for (const char *const *folder = plan->system_folders; folder != NULL && *folder != NULL; folder++) {
        /* The template has it at "/NAME", the new root at "NAME". */
        long result = view_folder(*folder + 1, 0755);
        if (result == 0)
            result = calls_move(*folder, *folder + 1);
        if (result < 0)
            return result;
    }
    return 0;
}

static long view_scratch(const struct plan *plan) {
    long result;
    if (plan->root_tree < 0) {
        if ((result = calls_mount("grove", "/new", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, plan->scratch_options)) <
                0 ||
            (result = calls_chdir("/new")) < 0 || (result = calls_mkdir("tmp", 01777)) < 0 ||
            (result = calls_mkdir("dev", 0755)) < 0 || (result = calls_mkdir("shm", 01777)) < 0 ||
            (result = calls_mount("tmp", "tmp", NULL, MS_BIND, NULL)) < 0 ||
            (plan->has_process_files && (result = calls_mkdir("proc", 0555)) < 0))
            return result;
        return 0;
    }
    if ((result = calls_attach(plan->root_tree, "/new")) < 0 || (result = calls_chdir("/new")) < 0)
        return result;
    return calls_mount("grove", "tmp", "tmpfs", MS_NOSUID | MS_NODEV | MS_NOEXEC, plan->scratch_options);
}

static long view_devices(const struct plan *plan) {
    long result = calls_move("/dev", "dev");
    if (result < 0)
        return result;
    if (plan->root_tree >= 0) {
        if ((result = calls_mkdir("tmp/.shm", 01777)) < 0)
            return result;
        return calls_mount("tmp/.shm", "dev/shm", NULL, MS_BIND, NULL);
    }
    return calls_mount("shm", "dev/shm", NULL, MS_BIND, NULL);
}

/*
 * The folder becomes the root by chroot, not by pivot_root, which looks at every process of the machine. What a pivot
 * protects from is an escape to the old root: here that is the copy of the template, an empty folder but for system files
 * that any container may read. And chroot and user namespaces (denied inside a chroot) are out of reach anyway.
 */
long child_view_enter(const struct plan *plan) {
    return plan->is_open ? 0 : system_call(SYS_chroot, calls_pointer("."), 0, 0, 0, 0);
}

/* An open container sees the host's files; its own /proc must not appear on the host. */
static long view_keep(void) {
    struct mount_attr attributes = {.propagation = MS_PRIVATE};
    return calls_mount_attributes("/", AT_RECURSIVE, &attributes);
}

long child_view_begin(const struct plan *plan) {
    long result;
    if (plan->is_open)
        return view_keep();
    (void)system_call(SYS_umask, 0, 0, 0, 0, 0);
    if ((result = view_scratch(plan)) < 0 || (result = view_devices(plan)) < 0)
        return result;
    return view_system(plan);
}

long child_view_finish(const struct plan *plan) {
    struct mount_attr read_only = {.attr_set = MOUNT_ATTR_RDONLY};
    long result;
    if (plan->is_open)
        return 0;
    for (unsigned i = 0; i < plan->mount_count; i++) {
        if (plan->mounts[i].tree == plan->root_tree)
            continue;
        result = view_attach(&plan->mounts[i]);
        if (result < 0)
            return result;
    }
    if ((result = calls_chdir("/")) < 0)
        return result;
    /* A granted "/" was made as it was granted. */
    if (plan->root_tree < 0 && (result = calls_mount_attributes("/", 0, &read_only)) < 0)
        return result;
    (void)system_call(SYS_umask, 022, 0, 0, 0, 0);
    return 0;
}

static long landlock_own_folder(long ruleset, const char *path, uint64_t access) {
    long folder = calls_open(path, O_PATH | O_CLOEXEC);
    long result;
    if (folder < 0)
        return folder;
    result = calls_landlock_path((int)ruleset, (int)folder, access);
    (void)calls_close((int)folder);
    return result;
}

static long landlock_own_folders(const struct plan *plan, long ruleset) {
    uint64_t scratch = LANDLOCK_ALL_WRITE & plan->landlock_rights;
    long result;
    if ((result = landlock_own_folder(ruleset, "/", LANDLOCK_ACCESS_FS_READ_DIR)) < 0 ||
        (result = landlock_own_folder(ruleset, "/dev", LANDLOCK_DEVICES & plan->landlock_rights)) < 0 ||
        (result = landlock_own_folder(ruleset, "/tmp", scratch)) < 0 ||
        (result = landlock_own_folder(ruleset, "/dev/shm", scratch)) < 0 ||
        (plan->has_process_files &&
         (result = landlock_own_folder(ruleset, "/proc", LANDLOCK_READ | LANDLOCK_ACCESS_FS_WRITE_FILE)) < 0))
        return result;
    for (const char *const *folder = plan->system_folders; folder != NULL && *folder != NULL; folder++)
        if ((result = landlock_own_folder(ruleset, *folder, LANDLOCK_EXECUTE)) < 0)
            return result;
    return 0;
}

long child_landlock_begin(const struct plan *plan) {
    struct landlock_attributes attributes = {.handled_access_fs = plan->landlock_rights,
                                             .scoped = plan->landlock_scopes};
    long ruleset = system_call(SYS_landlock_create_ruleset, calls_pointer(&attributes),
                               (long)plan->landlock_attribute_bytes, 0, 0, 0);
    if (ruleset < 0)
        return ruleset;
    /* Without a view of its own (the layer is left out) there is nothing here to name: only granted paths count. */
    if ((plan->skip >> GROVE_LAYER_FILE_VIEW & 1) == 0) {
        long result = landlock_own_folders(plan, ruleset);
        if (result < 0)
            return result;
    }
    return ruleset;
}

long child_landlock_finish(const struct plan *plan, long ruleset) {
    for (unsigned i = 0; i < plan->mount_count; i++) {
        long result = calls_landlock_path((int)ruleset, plan->mounts[i].tree, plan->mounts[i].access);
        if (result < 0)
            return result;
    }
    return 0;
}
