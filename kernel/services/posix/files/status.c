/* What files say of themselves: stat(2), statx(2), access(2), readlink(2), statfs(2). */
#include "kernel/services/vfs/status.h"

#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/change.h"

#include <string.h>

#define STATUS_FLAGS (LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_NO_AUTOMOUNT | LINUX_AT_EMPTY_PATH)
#define STATX_RESERVED 0x80000000u

static int read_target(const struct target *target, struct file_status *status) {
    struct inode *inode = target_inode(target);
    int answer = inode != NULL ? inode_refresh(inode, target->file) : 0;
    if (answer != 0)
        return answer;
    if (target->file != NULL)
        status_read_file(target->file, status);
    else
        status_read(inode, status);
    return 0;
}

static int64_t write_status(const struct target *target, uint64_t to) {
    struct file_status status;
    struct linux_stat laid;
    int answer = read_target(target, &status);
    if (answer != 0)
        return answer;
    status_to_stat(&status, &laid);
    return process_write(to, &laid, sizeof(laid)) ? 0 : -LINUX_EFAULT;
}

static int64_t stat_at(uint64_t folder, uint64_t address, uint64_t to, uint32_t flags) {
    struct files files = files_of_current();
    struct target target;
    int status = target_begin(&files, &target, folder, address, flags | TARGET_MAY_BE_NULL);
    if (status != 0)
        return status;
    int64_t answer = write_status(&target, to);
    target_end(&files, &target);
    return answer;
}

int64_t system_call_stat(const uint64_t arguments[6]) {
    return stat_at((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1], 0);
}

int64_t system_call_lstat(const uint64_t arguments[6]) {
    return stat_at((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1], LINUX_AT_SYMLINK_NOFOLLOW);
}

int64_t system_call_fstat(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct target target;
    int status = target_begin_descriptor(&files, &target, arguments[0]);
    if (status != 0)
        return status;
    int64_t answer = write_status(&target, arguments[1]);
    target_end(&files, &target);
    return answer;
}

int64_t system_call_newfstatat(const uint64_t arguments[6]) {
    uint32_t flags = (uint32_t)arguments[3];
    if ((flags & ~(STATUS_FLAGS | LINUX_AT_STATX_SYNC_TYPE)) != 0)
        return -LINUX_EINVAL;
    return stat_at(arguments[0], arguments[1], arguments[2], flags);
}

int64_t system_call_statx(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t flags = (uint32_t)arguments[2];
    struct file_status told;
    struct linux_statx laid;
    struct target target;
    if (((uint32_t)arguments[3] & STATX_RESERVED) != 0 ||
        (flags & LINUX_AT_STATX_SYNC_TYPE) == LINUX_AT_STATX_SYNC_TYPE ||
        (flags & ~(STATUS_FLAGS | LINUX_AT_STATX_SYNC_TYPE)) != 0)
        return -LINUX_EINVAL;
    int status = target_begin(&files, &target, arguments[0], arguments[1], flags | TARGET_MAY_BE_NULL);
    if (status != 0)
        return status;
    status = read_target(&target, &told);
    target_end(&files, &target);
    if (status != 0)
        return status;
    status_to_statx(&told, &laid);
    return process_write(arguments[4], &laid, sizeof(laid)) ? 0 : -LINUX_EFAULT;
}

/* ---- access ---- */

/* By the real user and group, which a program with set-user-id bit asks for. */
static struct caller real_caller(const struct files *files) {
    struct caller real = *files->caller;
    real.identity.user = files->real_user;
    real.identity.group = files->real_group;
    real.identity.capabilities = files->real_user == 0 ? files->permitted : 0;
    return real;
}

static int64_t access_at(uint64_t folder, uint64_t address, uint64_t wanted, uint32_t flags) {
    struct files files = files_of_current();
    struct target target;
    struct caller real;
    if ((wanted & ~(uint64_t)(LINUX_R_OK | LINUX_W_OK | LINUX_X_OK)) != 0)
        return -LINUX_EINVAL;
    if ((flags & ~(LINUX_AT_EACCESS | LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)) != 0)
        return -LINUX_EINVAL;
    if ((flags & LINUX_AT_EACCESS) == 0) {
        real = real_caller(&files);
        files.caller = &real;
    }
    int status = target_begin(&files, &target, folder, address, flags);
    if (status != 0)
        return status;
    const struct path *path = target_path(&target);
    if (path != NULL)
        status = vfs_access(files.caller, path, (uint32_t)wanted);
    else if ((wanted & LINUX_X_OK) != 0) /* nobody executes a pipe */
        status = -LINUX_EACCES;
    target_end(&files, &target);
    return status;
}

int64_t system_call_access(const uint64_t arguments[6]) {
    return access_at((uint64_t)LINUX_AT_FDCWD, arguments[0], (uint32_t)arguments[1], 0);
}

int64_t system_call_faccessat(const uint64_t arguments[6]) {
    return access_at(arguments[0], arguments[1], (uint32_t)arguments[2], 0);
}

int64_t system_call_faccessat2(const uint64_t arguments[6]) {
    return access_at(arguments[0], arguments[1], (uint32_t)arguments[2], (uint32_t)arguments[3]);
}

/* ---- links ---- */

static int64_t write_link(struct inode *inode, uint64_t to, uint32_t room, bool is_empty) {
    uint32_t size;
    if (inode == NULL || !inode_is_link(inode))
        return is_empty ? -LINUX_ENOENT : -LINUX_EINVAL;
    const char *text;
    int status = inode_link_text(inode, &text, &size);
    if (status != 0)
        return status;
    size = size < room ? size : room;
    return process_write(to, text, size) ? (int64_t)size : -LINUX_EFAULT;
}

static int64_t read_link_at(uint64_t folder, uint64_t address, uint64_t to, uint64_t room) {
    struct files files = files_of_current();
    struct target target;
    if ((int32_t)room <= 0)
        return -LINUX_EINVAL;
    int status = target_begin(&files, &target, folder, address, LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH);
    if (status != 0)
        return status;
    char first = 0;
    bool is_empty = process_read(&first, address, 1) && first == 0;
    int64_t answer = write_link(target_inode(&target), to, (uint32_t)room, is_empty);
    target_end(&files, &target);
    return answer;
}

int64_t system_call_readlink(const uint64_t arguments[6]) {
    return read_link_at((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_readlinkat(const uint64_t arguments[6]) {
    return read_link_at(arguments[0], arguments[1], arguments[2], arguments[3]);
}

/* ---- file systems ---- */

/* As Linux lays it out on 64-bit processors. */
struct linux_statfs {
    int64_t kind, block_bytes;
    uint64_t blocks, free_blocks, available_blocks, files, free_files;
    uint64_t number;
    int64_t name_bytes_max, fragment_bytes, flags;
    int64_t spare[4];
};

#define FLAG_VALID 0x20
#define KIND_PIPE 0x50495045

/* Flags of a mount in a program's words. */
static int64_t flags_of(const struct mount *mount) {
    static const struct {
        uint32_t ours;
        int64_t theirs;
    } flags[] = {{MOUNT_READ_ONLY, 1}, {MOUNT_NO_SETUID, 2}, {MOUNT_NO_DEVICES, 4}, {MOUNT_NO_EXECUTE, 8}};
    int64_t told = FLAG_VALID;
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        told |= (mount->flags & flags[i].ours) != 0 ? flags[i].theirs : 0;
    return told;
}

static int64_t write_space(const struct target *target, uint64_t to) {
    const struct path *path = target_path(target);
    struct linux_statfs laid = {.kind = KIND_PIPE, .block_bytes = VFS_PAGE_BYTES, .name_bytes_max = VFS_NAME_MAX};
    if (path != NULL) {
        struct file_system *system = path->mount->system;
        struct file_system_space space = {.kind = 0};
        if (system->tell_space != NULL)
            system->tell_space(system, &space);
        laid.kind = space.kind;
        laid.blocks = space.pages;
        laid.free_blocks = space.free_pages;
        laid.available_blocks = space.free_pages;
        laid.files = space.inodes;
        laid.free_files = space.free_inodes;
        laid.number = system->device;
        laid.flags = flags_of(path->mount);
    }
    laid.fragment_bytes = laid.block_bytes;
    return process_write(to, &laid, sizeof(laid)) ? 0 : -LINUX_EFAULT;
}

int64_t system_call_statfs(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct target target;
    int status = target_begin(&files, &target, (uint64_t)LINUX_AT_FDCWD, arguments[0], 0);
    if (status != 0)
        return status;
    int64_t answer = write_space(&target, arguments[1]);
    target_end(&files, &target);
    return answer;
}

int64_t system_call_fstatfs(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct target target;
    int status = target_begin_descriptor(&files, &target, arguments[0]);
    if (status != 0)
        return status;
    int64_t answer = write_space(&target, arguments[1]);
    target_end(&files, &target);
    return answer;
}
