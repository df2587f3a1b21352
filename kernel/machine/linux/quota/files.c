/* What is in the files of a folder that is counted. See server.h for what they count. */
#include "kernel/machine/linux/quota/server.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define MODE_MASK 01777u

/* ---- attributes ---- */

static int tell(struct server *server, uint64_t node, struct answer *answer) {
    struct fuse_attr_out *out = (struct fuse_attr_out *)(void *)answer->data;
    int descriptor = server_descriptor(server, node);
    struct stat status;
    if (descriptor < 0 || fstat(descriptor, &status) < 0)
        return descriptor < 0 ? descriptor : -errno;
    *out = (struct fuse_attr_out){.attr_valid = 1};
    server_attributes(server, &status, &out->attr);
    answer->bytes = sizeof *out;
    return 0;
}

int files_get(struct server *server, const struct call *call, struct answer *answer) {
    return tell(server, call->node, answer);
}

/* A file that is to have `size` bytes: 0 with what more was taken for it, or -EDQUOT. */
static int take_up_to(struct server *server, int file, uint64_t size, uint64_t *taken) {
    struct stat status;
    *taken = 0;
    if (fstat(file, &status) < 0)
        return -errno;
    uint64_t now = account_blocks((uint64_t)status.st_size), then = account_blocks(size);
    if (then <= now)
        return 0;
    *taken = then - now;
    return server_take(server, *taken);
}

static int resize(struct server *server, int file, uint64_t size) {
    struct stat before;
    uint64_t taken;
    if (fstat(file, &before) < 0)
        return -errno;
    int error = take_up_to(server, file, size, &taken);
    if (error < 0)
        return error;
    if (ftruncate(file, (off_t)size) < 0) {
        error = -errno;
        account_give(server->account, taken);
    } else if (taken == 0) {
        account_give(server->account, account_blocks((uint64_t)before.st_size) - account_blocks(size));
    }
    return error;
}

static int set_size(struct server *server, const struct fuse_setattr_in *in, const char *path) {
    if ((in->valid & FATTR_FH) != 0)
        return resize(server, (int)in->fh, in->size);
    int file = open(path, O_WRONLY | O_CLOEXEC | O_NONBLOCK);
    if (file < 0)
        return -errno;
    int error = resize(server, file, in->size);
    (void)close(file);
    return error;
}

static struct timespec time_of(uint32_t valid, uint32_t is_set, uint32_t is_now, uint64_t seconds, uint32_t more) {
    if ((valid & is_set) == 0)
        return (struct timespec){.tv_nsec = UTIME_OMIT};
    if ((valid & is_now) != 0)
        return (struct timespec){.tv_nsec = UTIME_NOW};
    return (struct timespec){.tv_sec = (time_t)seconds, .tv_nsec = (long)more};
}

static int set_times(const struct fuse_setattr_in *in, const char *path) {
    const struct timespec times[2] = {
        time_of(in->valid, FATTR_ATIME, FATTR_ATIME_NOW, in->atime, in->atimensec),
        time_of(in->valid, FATTR_MTIME, FATTR_MTIME_NOW, in->mtime, in->mtimensec),
    };
    return utimensat(AT_FDCWD, path, times, 0) < 0 ? -errno : 0;
}

/* Files keep their owner: to the container that is itself. */
static int set_owner(const struct server *server, const struct fuse_setattr_in *in) {
    bool is_other = ((in->valid & FATTR_UID) != 0 && in->uid != server->user) ||
                    ((in->valid & FATTR_GID) != 0 && in->gid != server->group);
    return is_other ? -EPERM : 0;
}

int files_set(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_setattr_in *in = call->body;
    char path[SERVER_PATH_BYTES];
    int error = server_path(server, call->node, path);
    if (error == 0)
        error = set_owner(server, in);
    if (error == 0 && (in->valid & FATTR_MODE) != 0 && fchmodat(AT_FDCWD, path, in->mode & MODE_MASK, 0) < 0)
        error = -errno;
    if (error == 0 && (in->valid & FATTR_SIZE) != 0)
        error = set_size(server, in, path);
    if (error == 0 && (in->valid & (FATTR_ATIME | FATTR_MTIME)) != 0)
        error = set_times(in, path);
    return error < 0 ? error : tell(server, call->node, answer);
}

/* ---- contents ---- */

int files_open(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_open_in *in = call->body;
    struct fuse_open_out *out = (struct fuse_open_out *)(void *)answer->data;
    char path[SERVER_PATH_BYTES];
    int error = server_path(server, call->node, path);
    if (error < 0)
        return error;
    /* The link in /proc is to be followed: what it leads to is the node, which is a plain file. */
    int file = open(path, server_open_flags(in->flags) & ~O_NOFOLLOW);
    if (file < 0)
        return -errno;
    *out = (struct fuse_open_out){.fh = (uint64_t)file};
    answer->bytes = sizeof *out;
    return 0;
}

int files_read(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_read_in *in = call->body;
    size_t most = in->size < SERVER_WRITE_BYTES ? in->size : SERVER_WRITE_BYTES;
    ssize_t bytes = pread((int)in->fh, answer->data, most, (off_t)in->offset);
    (void)server;
    if (bytes < 0)
        return -errno;
    answer->bytes = (size_t)bytes;
    return 0;
}

/* Whatever the file has grown less than was taken for it goes back. */
static void give_unused(struct server *server, uint64_t wanted, uint64_t reached, uint64_t taken) {
    uint64_t unused = account_blocks(wanted) - account_blocks(reached);
    account_give(server->account, unused < taken ? unused : taken);
}

int files_write(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_write_in *in = call->body;
    struct fuse_write_out *out = (struct fuse_write_out *)(void *)answer->data;
    uint64_t taken, end;
    if (in->size > call->bytes - sizeof *in)
        return -EINVAL;
    if (in->offset > (uint64_t)INT64_MAX - in->size)
        return -EFBIG;
    end = in->offset + in->size;
    int error = take_up_to(server, (int)in->fh, end, &taken);
    if (error < 0)
        return error;
    ssize_t bytes = pwrite((int)in->fh, in + 1, in->size, (off_t)in->offset);
    if (bytes < 0) {
        error = -errno;
        account_give(server->account, taken);
        return error;
    }
    /* Nothing written, nothing grown: also not up to the place where it was to be written. */
    give_unused(server, end, bytes > 0 ? in->offset + (uint64_t)bytes : 0, taken);
    *out = (struct fuse_write_out){.size = (uint32_t)bytes};
    answer->bytes = sizeof *out;
    return 0;
}

int files_allocate(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_fallocate_in *in = call->body;
    bool is_hole = in->mode == (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE);
    uint64_t taken = 0;
    (void)answer;
    if (in->mode != 0 && !is_hole)
        return -EOPNOTSUPP;
    if (in->offset > (uint64_t)INT64_MAX || in->length > (uint64_t)INT64_MAX - in->offset)
        return -EFBIG;
    int error = is_hole ? 0 : take_up_to(server, (int)in->fh, in->offset + in->length, &taken);
    if (error < 0)
        return error;
    if (fallocate((int)in->fh, (int)in->mode, (off_t)in->offset, (off_t)in->length) < 0) {
        error = -errno;
        account_give(server->account, taken);
    }
    return error;
}

int files_sync(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_fsync_in *in = call->body;
    int result = (in->fsync_flags & FUSE_FSYNC_FDATASYNC) != 0 ? fdatasync((int)in->fh) : fsync((int)in->fh);
    (void)server;
    (void)answer;
    return result < 0 ? -errno : 0;
}

int files_release(struct server *server, const struct call *call, struct answer *answer) {
    const struct fuse_release_in *in = call->body;
    (void)server;
    (void)answer;
    (void)close((int)in->fh);
    return 0;
}

/* A file system of the limit's size, so that programs and people see how much room there is: no more than the disk has. */
int files_statistics(struct server *server, const struct call *call, struct answer *answer) {
    struct fuse_statfs_out *out = (struct fuse_statfs_out *)(void *)answer->data;
    uint64_t left = account_left(server->account) / ACCOUNT_BLOCK_BYTES;
    uint64_t all = atomic_load(&server->account->limit_bytes) / ACCOUNT_BLOCK_BYTES;
    struct statvfs disk;
    (void)call;
    if (fstatvfs(server->folder, &disk) < 0)
        return -errno;
    uint64_t free = (uint64_t)disk.f_bavail * disk.f_frsize / ACCOUNT_BLOCK_BYTES;
    free = free < left ? free : left;
    *out = (struct fuse_statfs_out){.st = {.blocks = all,
                                           .bfree = free,
                                           .bavail = free,
                                           .files = all,
                                           .ffree = left,
                                           .bsize = (uint32_t)ACCOUNT_BLOCK_BYTES,
                                           .frsize = (uint32_t)ACCOUNT_BLOCK_BYTES,
                                           .namelen = 255}};
    answer->bytes = sizeof *out;
    return 0;
}
