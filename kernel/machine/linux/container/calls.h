/*
 * The system calls of the starting child, typed. Each returns 0 (or the descriptor, or the count) or a negative error
 * number; none touches errno. Only forms that exist on every processor are used (mkdirat, not mkdir).
 */
#ifndef GROVE_LINUX_CALLS_H
#define GROVE_LINUX_CALLS_H

#include "system_call.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <linux/mount.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/syscall.h>
#include <sys/types.h>

static inline long calls_pointer(const void *pointer) {
    return (long)(uintptr_t)pointer;
}

static inline long calls_close(int descriptor) {
    return system_call(SYS_close, descriptor, 0, 0, 0, 0);
}

static inline long calls_write(int descriptor, const void *bytes, size_t count) {
    return system_call(SYS_write, descriptor, calls_pointer(bytes), (long)count, 0, 0);
}

static inline long calls_read(int descriptor, void *bytes, size_t count) {
    return system_call(SYS_read, descriptor, calls_pointer(bytes), (long)count, 0, 0);
}

static inline long calls_open(const char *path, int flags) {
    return system_call(SYS_openat, AT_FDCWD, calls_pointer(path), flags, 0, 0);
}

static inline long calls_mkdir(const char *path, mode_t mode) {
    return system_call(SYS_mkdirat, AT_FDCWD, calls_pointer(path), (long)mode, 0, 0);
}

static inline long calls_make_file(const char *path) {
    return system_call(SYS_mknodat, AT_FDCWD, calls_pointer(path), 0100444 /* S_IFREG, readable */, 0, 0);
}

static inline long calls_symlink(const char *target, const char *path) {
    return system_call(SYS_symlinkat, calls_pointer(target), AT_FDCWD, calls_pointer(path), 0, 0);
}

static inline long calls_chdir(const char *path) {
    return system_call(SYS_chdir, calls_pointer(path), 0, 0, 0, 0);
}

static inline long calls_mount(const char *source, const char *path, const char *type, unsigned long flags,
                               const char *options) {
    return system_call(SYS_mount, calls_pointer(source), calls_pointer(path), calls_pointer(type), (long)flags,
                       calls_pointer(options));
}

static inline long calls_unmount(const char *path, int flags) {
    return system_call(SYS_umount2, calls_pointer(path), flags, 0, 0, 0);
}

static inline long calls_pivot_root(const char *root, const char *old) {
    return system_call(SYS_pivot_root, calls_pointer(root), calls_pointer(old), 0, 0, 0);
}

/* Move a detached tree to a path. */
static inline long calls_attach(int tree, const char *path) {
    return system_call(SYS_move_mount, tree, calls_pointer(""), AT_FDCWD, calls_pointer(path), MOVE_MOUNT_F_EMPTY_PATH);
}

static inline long calls_move(const char *from, const char *path) {
    return system_call(SYS_move_mount, AT_FDCWD, calls_pointer(from), AT_FDCWD, calls_pointer(path), 0);
}

static inline long calls_mount_attributes(const char *path, unsigned flags, const struct mount_attr *attributes) {
    return system_call(SYS_mount_setattr, AT_FDCWD, calls_pointer(path), (long)flags, calls_pointer(attributes),
                       sizeof *attributes);
}

static inline long calls_prctl(int option, unsigned long a, unsigned long b) {
    return system_call(SYS_prctl, option, (long)a, (long)b, 0, 0);
}

static inline long calls_setns(int descriptor, int type) {
    return system_call(SYS_setns, descriptor, type, 0, 0, 0);
}

static inline long calls_unshare(unsigned long flags) {
    return system_call(SYS_unshare, (long)flags, 0, 0, 0, 0);
}

static inline long calls_duplicate(int from, int to, int flags) {
    return system_call(SYS_dup3, from, to, flags, 0, 0);
}

static inline long calls_landlock_path(int ruleset, int parent, uint64_t access) {
    struct landlock_path_beneath_attr rule = {.allowed_access = access, .parent_fd = parent};
    return system_call(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, calls_pointer(&rule), 0, 0);
}

#endif
