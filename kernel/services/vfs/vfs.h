/*
 * The file system layer: names, mounts, files. Open this first; README.md says which file holds what.
 *
 * One lock, the tree's, guards every name: folders, dentries, mounts, and the counts of references. It is held for one
 * step of a path or one change of a folder, both bounded. Contents have a lock for each inode. The order, outer first:
 *
 *     inode.writers (may wait)  >  vfs.lock  >  inode.lock, and locks of files and tables, none inside another  >  machine
 *
 * A crash in the middle leaves nothing behind: all of it is memory.
 */
#ifndef GROVE_VFS_VFS_H
#define GROVE_VFS_VFS_H

#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/identity.h"
#include "kernel/services/vfs/inode.h"
#include "kernel/services/vfs/machine.h"

struct memory_files;
struct mount;
struct view;

struct vfs {
    const struct vfs_machine *machine;
    struct spinlock lock;
    struct list doomed, doomed_systems; /* inodes and file systems that vfs_unlock releases */

    struct list *buckets; /* of the dentry cache, see dentry.h */
    uint32_t bucket_count; /* a power of two */
    uint32_t dentries, dentries_max;
    struct list unused; /* dentries without references, the longest unused first */
    uint64_t hash_key;
    uint64_t hits, misses; /* of the cache */
    struct list devices; /* see device.h */
    struct spinlock watches_lock; /* see struct file_watch; innermost */
    struct {
        struct spinlock lock; /* all record locks */
        struct wait_queue changed;
        struct list waiting;
    } records; /* see record_lock.h */
    struct list kinds; /* see kinds.h */
    uint64_t tmpfs_pages_max; /* of a tmpfs that is mounted without a size; 0: it has no limit */
    struct memory_files *memory_files; /* see memory_file.h; NULL: there was none yet */
    uint64_t systems; /* file systems made so far: their device numbers */
    uint64_t nameless; /* files without an inode made so far; atomic */
};

#define JUDGED_BY_MODE 1

/* What statfs tells of a file system. */
struct file_system_space {
    int64_t kind; /* Linux's number for it */
    uint64_t pages, free_pages, inodes, free_inodes; /* 0: there is no limit */
};

/* A tree of files to be mounted. Lives as long as a mount or whoever made it holds a reference; see its own header. */
struct file_system {
    struct vfs *vfs;
    const char *name; /* of its kind */
    struct dentry *root;
    uint64_t device; /* as st_dev tells it */
    bool
        is_volatile; /* names come and go by themselves: each is looked up anew, and nothing is mounted below the root */
    bool is_remote; /* answers come from elsewhere: the second half of struct inode_operations */
    uint32_t references; /* guarded by the tree's lock */
    struct list doomed;
    /* May this caller at all, before modes are looked at? 0, an error, or JUDGED_BY_MODE. NULL: modes decide. */
    int (*judge)(struct file_system *system, const struct identity *identity, const struct inode *inode,
                 uint32_t wanted);
    /* The last reference is gone: give everything back. Called without locks. */
    void (*release)(struct file_system *system);
    /* NULL: it has nothing to tell. Without locks. */
    void (*tell_space)(struct file_system *system, struct file_system_space *space);
};

/* A place in a file view. */
struct path {
    struct mount *mount;
    struct dentry *dentry;
};

/* Who calls: what a process passes on with every path. */
struct caller {
    struct vfs *vfs;
    struct identity identity;
    struct path root, folder; /* where "/" and relative paths begin; the caller holds references */
    uint32_t mask; /* umask */
    bool is_limited; /* it makes no file larger than file_bytes_max: RLIMIT_FSIZE; -LINUX_EFBIG */
    uint64_t file_bytes_max;
};

/* May it make a file that large? 0 or -LINUX_EFBIG. */
static inline int caller_check_size(const struct caller *caller, uint64_t size_bytes) {
    return caller->is_limited && size_bytes > caller->file_bytes_max ? -LINUX_EFBIG : 0;
}

/*
 * dentries_max bounds the cache: what is in use is never thrown out, so it may be passed while more than that is in use.
 * bucket_count is a power of two. -LINUX_ENOMEM.
 */
int vfs_init(struct vfs *vfs, const struct vfs_machine *machine, uint32_t bucket_count, uint32_t dentries_max);
/* All file systems and views must be gone. */
void vfs_deinit(struct vfs *vfs);

static inline void vfs_lock(struct vfs *vfs) {
    spinlock_lock(&vfs->lock);
}

/* Also releases the inodes and file systems that lost their last reference. */
void vfs_unlock(struct vfs *vfs);

/* For the release operations of inodes and file systems, which vfs_unlock calls: it looks again for what they gave up. */
static inline void vfs_unlock_in_release(struct vfs *vfs) {
    spinlock_unlock(&vfs->lock);
}

/* One reference, no root yet. */
void file_system_init(struct file_system *system, struct vfs *vfs, const char *name,
                      void (*release)(struct file_system *system));
/* Both with the tree's lock held. */
void file_system_ref(struct file_system *system);
void file_system_unref(struct file_system *system);

/* The next number for files without an inode. */
static inline uint64_t vfs_next_nameless(struct vfs *vfs) {
    return __atomic_add_fetch(&vfs->nameless, 1, __ATOMIC_RELAXED);
}

/* Device numbers as Linux packs them for programs. */
static inline uint64_t vfs_device(uint32_t major, uint32_t minor) {
    return (uint64_t)(minor & 0xff) | (uint64_t)(major & 0xfff) << 8 | (uint64_t)(minor & ~0xffu) << 12 |
           (uint64_t)(major & ~0xfffu) << 32;
}

static inline uint32_t vfs_device_major(uint64_t number) {
    return (uint32_t)(number >> 8 & 0xfff) | (uint32_t)(number >> 32 & ~0xfffu);
}

static inline uint32_t vfs_device_minor(uint64_t number) {
    return (uint32_t)(number & 0xff) | (uint32_t)(number >> 12 & ~0xffu);
}

#endif
