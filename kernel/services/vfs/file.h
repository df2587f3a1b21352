/*
 * Open files: what descriptors stand for. Several descriptors, also of several processes, may stand for one open file and
 * share its position and flags.
 *
 * A file lives while somebody holds a reference; whoever gives the last one up closes it. All calls are made without spin
 * locks, may wait, and answer 0 or the negative of an enum linux_error. What was done before an error is told in
 * *done_bytes, and then the call is no error: read and write return it.
 */
#ifndef GROVE_VFS_FILE_H
#define GROVE_VFS_FILE_H

#include "kernel/services/vfs/open.h"

/* What poll looks at and answers with. */
#define LINUX_POLLIN 0x001u
#define LINUX_POLLOUT 0x004u
#define LINUX_POLLERR 0x008u
#define LINUX_POLLHUP 0x010u
#define LINUX_POLLRDNORM 0x040u
#define LINUX_POLLWRNORM 0x100u

struct pipe;

/* Of files whose contents are no inode's: devices and pipes. */
struct file_operations {
    int (*read)(struct open_file *file, struct transfer *transfer, size_t *done_bytes);
    int (*write)(struct open_file *file, struct transfer *transfer, size_t *done_bytes);
    /* LINUX_POLL bits that are so now; *queue is woken when they may have changed, NULL: they never do. */
    uint32_t (*poll)(struct open_file *file, struct wait_queue **queue);
    void (*close)(struct open_file *file);
    bool has_positions; /* reads by position are reads; the position itself stays 0 */
};

struct open_file {
    struct vfs *vfs;
    const struct file_operations *operations; /* NULL: files and folders, by the inode's */
    struct path path; /* counted; without a mount: an unnamed pipe */
    struct inode *inode;
    union {
        struct pipe *pipe;
        const void *device;
    };
    uint32_t references; /* atomic */
    uint32_t flags; /* LINUX_O_; atomic, since fcntl changes them */
    struct sleep_lock position_lock;
    uint64_t position; /* in a folder: of the next entry */
};

/* Find or make, and open. *opened has one reference. Errors of vfs_open_path; ENXIO, EINTR (a named pipe), ENODEV. */
int file_open(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
              struct open_file **opened);
void file_ref(struct open_file *file);
void file_unref(struct open_file *file);

/* From the position on, which moves. EBADF: it is not open for that; EISDIR; EAGAIN; EINTR; EFBIG; ENOSPC; EPIPE; EFAULT. */
int file_read(struct open_file *file, struct transfer *transfer, size_t *done_bytes);
int file_write(const struct caller *caller, struct open_file *file, struct transfer *transfer, size_t *done_bytes);
/* At an offset. EINVAL: it is negative; ESPIPE: a pipe. Behind O_APPEND, writes go to the end all the same, as on Linux. */
int file_read_at(struct open_file *file, int64_t offset, struct transfer *transfer, size_t *done_bytes);
int file_write_at(const struct caller *caller, struct open_file *file, int64_t offset, struct transfer *transfer,
                  size_t *done_bytes);
/* lseek: `whence` is LINUX_SEEK_. EINVAL, ESPIPE, ENXIO. */
int file_seek(struct open_file *file, int64_t offset, uint32_t whence, int64_t *position);
/* ftruncate. EINVAL, EFBIG, EPERM. */
int file_resize(const struct caller *caller, struct open_file *file, int64_t size_bytes);
/*
 * getdents64: entries as Linux lays them out, as many as fit whole. ENOTDIR; EINVAL: not even one fits; ENOENT: the folder
 * was removed.
 */
int file_read_folder(struct open_file *file, struct transfer *transfer, size_t *done_bytes);
/* fcntl's F_SETFL: of `flags` only O_APPEND, O_NONBLOCK, O_DIRECT and O_NOATIME count. EPERM: O_NOATIME, not the owner. */
int file_change_flags(const struct caller *caller, struct open_file *file, uint32_t flags);
uint32_t file_poll(struct open_file *file, struct wait_queue **queue);

static inline uint32_t file_flags(const struct open_file *file) {
    return __atomic_load_n(&file->flags, __ATOMIC_RELAXED);
}

#endif
