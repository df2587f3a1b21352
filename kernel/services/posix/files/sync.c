/*
 * Calls that have little to do where all files are in memory: fsync(2) and its like, advice, and extended attributes, which no
 * file system here has. They find the same mistakes as on Linux.
 */
#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/pipe.h"

/* Contents on a disk, as far as there is one: files can be synchronised, pipes and what has no name cannot. */
static int64_t check_sync(uint64_t descriptor, bool only_data) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_usable_file(&files, descriptor, &file);
    if (status != 0)
        return status;
    if (file->operations != NULL)
        status = -LINUX_EINVAL;
    else
        status = file_sync(file, only_data);
    file_unref(file);
    return status;
}

int64_t system_call_fsync(const uint64_t arguments[6]) {
    return check_sync(arguments[0], false);
}

int64_t system_call_fdatasync(const uint64_t arguments[6]) {
    return check_sync(arguments[0], true);
}

int64_t system_call_sync(const uint64_t arguments[6]) {
    (void)arguments;
    return 0;
}

static int64_t check_descriptor(uint64_t descriptor) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_usable_file(&files, descriptor, &file);
    if (status == 0)
        file_unref(file);
    return status;
}

int64_t system_call_syncfs(const uint64_t arguments[6]) {
    return check_descriptor(arguments[0]);
}

static bool has_positions(const struct open_file *file) {
    return file->operations == NULL || file->operations->has_positions;
}

int64_t system_call_sync_file_range(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int64_t offset = (int64_t)arguments[1], size = (int64_t)arguments[2];
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    if (((uint32_t)arguments[3] & ~7u) != 0 || offset < 0 || size < 0 || size > INT64_MAX - offset)
        status = -LINUX_EINVAL;
    else if (!has_positions(file))
        status = -LINUX_ESPIPE;
    file_unref(file);
    return status;
}

#define ADVICE_MAX 5u

int64_t system_call_fadvise64(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    if (pipe_is(file))
        status = -LINUX_ESPIPE;
    else if ((int64_t)arguments[2] < 0 || (uint32_t)arguments[3] > ADVICE_MAX)
        status = -LINUX_EINVAL;
    file_unref(file);
    return status;
}

int64_t system_call_readahead(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    if ((vfs_open_access(file_flags(file)) & LINUX_R_OK) == 0)
        status = -LINUX_EBADF;
    else if (file->operations != NULL || inode_kind(file->inode) != LINUX_S_IFREG)
        status = -LINUX_EINVAL;
    file_unref(file);
    return status;
}

/* ---- extended attributes ---- */

static int64_t refuse_at(uint64_t address, uint32_t flags) {
    struct files files = files_of_current();
    struct target target;
    int status = target_begin(&files, &target, (uint64_t)LINUX_AT_FDCWD, address, flags);
    if (status != 0)
        return status;
    target_end(&files, &target);
    return -LINUX_EOPNOTSUPP;
}

static int64_t refuse_descriptor(uint64_t descriptor) {
    int64_t status = check_descriptor(descriptor);
    return status != 0 ? status : -LINUX_EOPNOTSUPP;
}

#define REFUSE(by_path, by_link, by_descriptor) \
    int64_t system_call_##by_path(const uint64_t arguments[6]) { \
        return refuse_at(arguments[0], 0); \
    } \
    int64_t system_call_##by_link(const uint64_t arguments[6]) { \
        return refuse_at(arguments[0], LINUX_AT_SYMLINK_NOFOLLOW); \
    } \
    int64_t system_call_##by_descriptor(const uint64_t arguments[6]) { \
        return refuse_descriptor(arguments[0]); \
    }

REFUSE(setxattr, lsetxattr, fsetxattr)
REFUSE(getxattr, lgetxattr, fgetxattr)
REFUSE(listxattr, llistxattr, flistxattr)
REFUSE(removexattr, lremovexattr, fremovexattr)
