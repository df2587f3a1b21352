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

#define LINUX_FALLOC_KEEP_SIZE 1u
#define LINUX_FALLOC_PUNCH_HOLE 2u
#define LINUX_FALLOC_COLLAPSE_RANGE 8u
#define LINUX_FALLOC_ZERO_RANGE 0x10u
#define LINUX_FALLOC_INSERT_RANGE 0x20u
#define LINUX_FALLOC_UNSHARE_RANGE 0x40u

/* What poll looks at and answers with. */
#define LINUX_POLLIN 0x001u
#define LINUX_POLLPRI 0x002u
#define LINUX_POLLOUT 0x004u
#define LINUX_POLLERR 0x008u
#define LINUX_POLLHUP 0x010u
#define LINUX_POLLNVAL 0x020u
#define LINUX_POLLRDNORM 0x040u
#define LINUX_POLLRDBAND 0x080u
#define LINUX_POLLWRNORM 0x100u
#define LINUX_POLLWRBAND 0x200u
#define LINUX_POLLRDHUP 0x2000u

/* Queues of a file that are woken when what poll says of it may have changed. */
enum {
    FILE_QUEUE_READ, /* there may be something to read, or the other end went; of a file with one queue: for all */
    FILE_QUEUE_WRITE, /* there may be room to write, or the other end went; NULL for a file with one queue */
    FILE_QUEUES
};

struct pipe;

/* Of files whose contents are no inode's: devices, pipes, sockets, and what has a descriptor and no name. */
struct file_operations {
    /* NULL: -LINUX_EINVAL. */
    int (*read)(struct open_file *file, struct transfer *transfer, size_t *done_bytes);
    int (*write)(struct open_file *file, struct transfer *transfer, size_t *done_bytes);
    /*
     * LINUX_POLL bits that are so now. `queues` has room for FILE_QUEUES, all NULL at the call: those that are woken when the
     * bits may have changed; they stay as long as the file. None: they never change.
     */
    uint32_t (*poll)(struct open_file *file, struct wait_queue **queues);
    void (*close)(struct open_file *file);
    bool has_positions; /* reads by position are reads; the position itself stays 0 */
    /* In place of `read`, with has_positions: from an offset on, and the file's position moves as that of any file. */
    int (*read_at)(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
    /* ioctl; `argument` may be an address of the program's. -LINUX_ENOTTY for a request that it does not know. */
    int64_t (*control)(struct open_file *file, uint32_t request, uint64_t argument);
    /* Of files without an inode, as /proc and stat show them: "anon_inode:[eventfd]"; mode with kind, 0 is 0600. */
    const char *name;
    uint32_t mode;
};

struct open_file {
    struct vfs *vfs;
    const struct file_operations *operations; /* NULL: files and folders, by the inode's */
    struct path path; /* counted; without a mount: an unnamed pipe */
    struct inode *inode;
    union {
        struct pipe *pipe;
        const void *device;
        void *object; /* of file_create's caller */
    };
    uint64_t number; /* of a file without an inode: both ends of a pipe have the same */
    uint32_t references; /* atomic */
    uint32_t flags; /* LINUX_O_; atomic, since fcntl changes them */
    struct sleep_lock position_lock;
    uint64_t position; /* in a folder: of the next entry */
    struct list whole_link; /* see whole_lock.h, as for the next */
    uint32_t whole_lock;
    bool is_writing; /* counted in inode->in_use */
    struct list watches; /* of struct file_watch; guarded by vfs.watches_lock */
};

/* Somebody without a reference who wants to know when a file ends: epoll. */
struct file_watch {
    struct list link;
    struct open_file *file;
    /* The last reference is gone, the watch is off the list, and the file is about to be closed. Without locks. */
    void (*gone)(struct file_watch *watch);
};

/* Find or make, and open. *opened has one reference. Errors of vfs_open_path; ENXIO, EINTR (a named pipe), ENODEV. */
int file_open(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
              struct open_file **opened);
/* A place that was found, whose references are taken over, also on failure. Errors as above, and ENOMEM. */
int file_open_path(struct vfs *vfs, const struct path *found, uint32_t flags, struct open_file **opened);
/*
 * An open file without a name whose operations are all of it: an eventfd, a socket. One reference; `object` is the caller's, given
 * back by its `close`. NULL without memory.
 */
struct open_file *file_create(struct vfs *vfs, const struct file_operations *operations, void *object, uint32_t flags);
void file_ref(struct open_file *file);
void file_unref(struct open_file *file);
/* A descriptor of the file is closed, by close(2) or otherwise: what the file system has to say to that. */
int file_flush_kept(struct open_file *file);
static inline int file_flush(struct open_file *file) {
    bool is_told = file->operations == NULL && file->inode != NULL && file->inode->operations->flush != NULL;
    return is_told ? file_flush_kept(file) : 0;
}
/* fsync(2), fdatasync(2). */
int file_sync(struct open_file *file, bool only_data);
/* Put a watch on a file that is held. */
void file_watch_add(struct file_watch *watch, struct open_file *file);
/* A reference on the file that is watched. False: it ends, and `gone` is or was called. */
bool file_watch_hold(struct vfs *vfs, struct file_watch *watch);
/* Take a watch off a file that is held. */
void file_watch_remove(struct vfs *vfs, struct file_watch *watch);

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
/*
 * fallocate: `mode` of LINUX_FALLOC_. EINVAL, EFBIG, ENOSPC, EBADF: not open for writing; ESPIPE, EISDIR, ENODEV; EOPNOTSUPP:
 * the file system cannot.
 */
int file_allocate(const struct caller *caller, struct open_file *file, uint32_t mode, int64_t offset,
                  int64_t size_bytes);
/* fcntl's F_SETFL: of `flags` only O_APPEND, O_NONBLOCK, O_DIRECT and O_NOATIME count. EPERM: O_NOATIME, not the owner. */
int file_change_flags(const struct caller *caller, struct open_file *file, uint32_t flags);
/* As the operation: what has none of its own can always be read and written. `queues` has room for FILE_QUEUES. */
uint32_t file_poll(struct open_file *file, struct wait_queue **queues);
/* ioctl: -LINUX_ENOTTY where the file has no requests of its own. */
int64_t file_control(struct open_file *file, uint32_t request, uint64_t argument);

/* Has it neither inode nor kind: an eventfd, an epoll? Linux calls those anonymous inodes. */
static inline bool file_is_anonymous(const struct open_file *file) {
    return file->inode == NULL && file->operations->mode == 0;
}

static inline uint32_t file_flags(const struct open_file *file) {
    return __atomic_load_n(&file->flags, __ATOMIC_RELAXED);
}

#endif
