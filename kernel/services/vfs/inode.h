/*
 * Inodes: a file, folder, link, device or pipe, whatever names it has. A file system makes them; it says in a table what
 * can be done with them.
 *
 * An inode lives as long as somebody holds a reference: each entry of a folder that names it, each dentry, each open file.
 * The count is guarded by the tree's lock (vfs.h). The last reference only queues it; vfs_unlock releases what was queued,
 * without locks, because a file may have many pages.
 *
 * mode, user, group, links and times change with the tree's lock and the inode's lock held, so either is enough to read
 * them; the kind in the mode never changes. Contents and size are guarded by the inode's lock. Whoever changes contents also holds `writers`, which may wait
 * and so keeps a whole write together; reading does not need it.
 */
#ifndef GROVE_VFS_INODE_H
#define GROVE_VFS_INODE_H

#include "kernel/core/list.h"
#include "kernel/services/vfs/constants.h"
#include "kernel/services/vfs/sleep_lock.h"
#include "kernel/services/vfs/transfer.h"

struct dentry;
struct file_system;
struct inode;
struct open_file;
struct identity;
struct path;
struct pipe;

/* A name in a folder; not terminated. */
struct name {
    const char *text;
    uint32_t size_bytes;
};

/* What a new inode begins as. */
struct inode_plan {
    uint32_t mode; /* with its kind */
    uint32_t user, group;
    uint64_t device; /* of a device node: vfs_device() */
    const char *link_text; /* of a symbolic link; not terminated */
    uint32_t link_bytes;
};

/* What an open that makes its file asks for, and what the file system keeps of it for the open file; NULL: nothing. */
struct open_intent {
    uint32_t flags; /* LINUX_O_ */
    void *handle;
    void (*drop)(void *handle); /* nobody opens it after all. Without locks */
};

/* What is to change of an inode's attributes; what is not named stays. */
enum {
    INODE_CHANGE_MODE = 1,
    INODE_CHANGE_USER = 2,
    INODE_CHANGE_GROUP = 4,
    INODE_CHANGE_ACCESSED = 8,
    INODE_CHANGE_MODIFIED = 16,
    INODE_CHANGE_TO_NOW = 32
};
struct inode_change {
    uint32_t what; /* INODE_CHANGE_TO_NOW: both times are now, whatever the file system thinks that is */
    uint32_t mode, user, group; /* the mode without its kind */
    int64_t accessed_ns, modified_ns;
};

/* One entry of a folder, as a file system tells of it. */
struct folder_entry {
    struct name name;
    uint64_t number; /* of the inode */
    uint32_t mode; /* its kind counts */
    uint64_t next; /* where to go on behind it */
};

struct inode_operations {
    /*
     * Folders. Called with the tree's lock held, by names that are neither "." nor ".." and not too long, after all that
     * vfs.h promises was checked. An inode that is found or made comes with a reference.
     */
    int (*find)(struct inode *folder, const struct name *name, struct inode **found); /* -LINUX_ENOENT */
    int (*make)(struct inode *folder, const struct name *name, const struct inode_plan *plan, struct inode **made);
    int (*link)(struct inode *folder, const struct name *name, struct inode *inode);
    int (*remove)(struct inode *folder, const struct name *name, struct inode *inode); /* -LINUX_ENOTEMPTY */
    /* What `to` names is replaced; with `is_exchange` both change places. */
    int (*rename)(struct inode *from, const struct name *from_name, struct inode *to, const struct name *to_name,
                  bool is_exchange);
    /* The first entry from position `at` on; positions 0 and 1, "." and "..", are no entries. False: the end. */
    bool (*entry_at)(struct inode *folder, uint64_t at, struct folder_entry *entry);

    /*
     * File systems whose answers come from elsewhere and take time (file_system.is_remote). Called like those above, but the
     * tree's lock is given up while they wait and is held again when they return; a name that they were given may be
     * gone by then, so they copy it first. Callers hold references on all that they use, and look again at what they
     * found before. `find` is not called then, but this: a name is good until a moment of clock_ns; with no inode
     * (-LINUX_ENOENT) the moment says for how long it is known not to be there.
     */
    int (*look_up)(struct inode *folder, const struct name *name, struct inode **found, uint64_t *valid_until_ns);
    /* As `make`, for open: what it keeps of the file for `open` goes into the intent. */
    int (*create)(struct inode *folder, const struct name *name, const struct inode_plan *plan,
                  struct open_intent *intent, struct inode **made);
    /* In place of `link`: the new name may be another inode's, as far as is known here; *named comes with a reference. */
    int (*link_as)(struct inode *folder, const struct name *name, struct inode *inode, struct inode **named);
    /* How long a name is good that was just made for this inode. */
    uint64_t (*valid_until)(struct inode *inode);
    /* Before a link's text is read. */
    int (*read_link)(struct inode *inode);
    /* Attributes are brought up to date, if they are too old. Through `file` if it is not NULL. Without locks. */
    int (*refresh)(struct inode *inode, struct open_file *file);
    /* Attributes are changed there, after the checks here. Without locks. */
    int (*change)(struct inode *inode, const struct inode_change *change);
    /* access(2), for who was not refused here. Without locks. */
    int (*access)(struct inode *inode, uint32_t wanted);
    /* In place of `read` and `write`, for open files. Without spin locks; `write_file` with `writers` held. */
    int (*read_file)(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
    int (*write_file)(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
    /* In place of `seek` and `allocate`. */
    int (*seek_file)(struct open_file *file, uint64_t offset, bool to_hole, uint64_t *found);
    int (*allocate_file)(struct open_file *file, uint32_t mode, uint64_t offset, uint64_t size_bytes);
    /*
     * In place of `entry_at`, without locks: 1 and the entry behind a position that an entry before told (0: the first), whose
     * name stays until the next call; 0 at the end; or an error. "." and ".." are entries like others.
     */
    int (*next_entry)(struct open_file *file, uint64_t at, struct folder_entry *entry);
    /* A descriptor of the file was closed; its last one; fsync. */
    int (*flush)(struct open_file *file);
    void (*close)(struct open_file *file);
    int (*sync)(struct open_file *file, bool only_data);
    bool has_no_shared_writes; /* mappings of its files are private or only read */

    /* Links: their text, which stays while the inode does. */
    const char *(*link_text)(struct inode *inode, uint32_t *size_bytes);

    /*
     * With the tree's lock held: following the link leads to this place, with references, and not to what its text says.
     * False: its text is right. May be NULL.
     */
    bool (*jump)(struct inode *inode, struct path *to);

    /* A file is opened, without locks: it may get operations and an object of its own. May be NULL. */
    int (*open)(struct open_file *file);
    /* Contents. Called without spin locks. *done_bytes counts also what was done before an error. */
    int (*read)(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
    /* With `writers` held. */
    int (*write)(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes);
    int (*resize)(struct inode *inode, uint64_t size_bytes);
    /* With `writers` held: make memory for a range, or give that of its whole pages back and clear the rest. */
    int (*allocate)(struct inode *inode, uint64_t offset, uint64_t size_bytes, bool is_hole);
    /* The first data or hole from offset on. -LINUX_ENXIO: there is none. */
    int (*seek)(struct inode *inode, uint64_t offset, bool to_hole, uint64_t *found);
    /*
     * The page with this number, which the file keeps: made if it is a hole and is_made is set. Under the inode's lock `hold`
     * is told of it. Files without this cannot be mapped. Without locks. -LINUX_EFAULT: it lies behind the end of the file;
     * -LINUX_ENOENT: it is a hole; -LINUX_ENOSPC, ENOMEM.
     */
    int (*page)(struct inode *inode, uint64_t number, bool is_made, void (*hold)(void *page), void **page);
    /* The last reference is gone. Called without locks. */
    void (*release)(struct inode *inode);
};

/* What an inode knows of the programs that map it: mapping.h. */
struct inode_mapping {
    /* With the inode's lock held: a reference. False: it ends. */
    bool (*hold)(struct inode_mapping *mapping);
    /* Take pages [first, end) out of all programs, and give a reference up. Without spin locks; may sleep. */
    void (*cut)(struct inode_mapping *mapping, uint64_t first, uint64_t end);
    /* May some program write through a shared mapping? */
    bool (*has_writers)(struct inode_mapping *mapping);
};

struct inode {
    const struct inode_operations *operations;
    struct file_system *system;
    uint64_t number;
    uint32_t mode, user, group, links;
    uint64_t device;
    int64_t accessed_ns, modified_ns, changed_ns, created_ns;
    uint32_t references;
    struct list doomed; /* in vfs.doomed once nobody holds it */

    struct spinlock lock;
    uint64_t size_bytes;
    uint64_t pages; /* that it takes up */
    struct sleep_lock writers;
    struct list record_locks; /* see record_lock.h, as for the count; guarded by vfs.records.lock */
    uint32_t record_lock_count;
    struct list whole_locks; /* see whole_lock.h; guarded by the same lock */
    struct inode_mapping *mapping; /* NULL: nobody maps it; guarded by the inode's lock */
    uint32_t seals; /* see seal.h; changed with `writers` held, atomic */
    int32_t in_use; /* open for writing so often, or, below zero, run as a program so often; atomic */
    bool is_judged; /* its file system has a `judge` */
    bool is_sealable;
    bool is_linkable; /* it may be given a name though it has none: see nameless.h; guarded by the tree's lock */
    struct pipe *pipe; /* of a named pipe that is open, else NULL; guarded by the tree's lock */
};

static inline uint32_t inode_kind(const struct inode *inode) {
    return inode->mode & LINUX_S_IFMT;
}

static inline bool inode_is_folder(const struct inode *inode) {
    return inode_kind(inode) == LINUX_S_IFDIR;
}

static inline bool inode_is_link(const struct inode *inode) {
    return inode_kind(inode) == LINUX_S_IFLNK;
}

/* What every file system begins a new inode with: the plan, one reference, the time. Links are the file system's. */
void inode_init(struct inode *inode, struct file_system *system, const struct inode_operations *operations,
                const struct inode_plan *plan);
/* Without the inode's lock. */
static inline uint64_t inode_size(struct inode *inode) {
    spinlock_lock(&inode->lock);
    uint64_t size_bytes = inode->size_bytes;
    spinlock_unlock(&inode->lock);
    return size_bytes;
}

/*
 * What is run as a program is not written to, and the other way round (ETXTBSY of open and execve). -LINUX_ETXTBSY: it is in the
 * other use. Whoever runs it already may begin once more. Any context.
 */
int inode_begin_writing(struct inode *inode);
void inode_end_writing(struct inode *inode);
int inode_begin_program(struct inode *inode);
/* Is it open for writing right now? */
static inline bool inode_is_written(const struct inode *inode) {
    return __atomic_load_n(&inode->in_use, __ATOMIC_ACQUIRE) > 0;
}
void inode_end_program(struct inode *inode);

/* The attributes of a file system that keeps them elsewhere; nothing to do for others. Without locks. */
static inline int inode_refresh(struct inode *inode, struct open_file *file) {
    return inode->operations->refresh != NULL ? inode->operations->refresh(inode, file) : 0;
}

/* A link's text, without locks; it stays while the inode does. Errors of a remote file system. */
int inode_link_text(struct inode *inode, const char **text, uint32_t *size_bytes);

/* Both with the tree's lock held. */
struct inode *inode_ref(struct inode *inode);
void inode_unref(struct inode *inode);
/* The tree's lock is held: the times of a folder whose entries changed, or of an inode that got or lost a name. */
void inode_touch(struct inode *inode, bool is_modified);
/* The file's pages [first, end) are gone: take them out of the programs that map it. Without spin locks; may sleep. */
void inode_cut(struct inode *inode, uint64_t first, uint64_t end);

#endif
