/*
 * Dentries: names that were looked up, and the cache of them.
 *
 * A dentry is a name in a folder and the inode it names, or none: then the name is known not to be there (a negative one).
 * The dentries of one file system are a tree. Each holds a reference on its parent and its inode, so a dentry that is in
 * use keeps the way up to the root, which is what ".." and mounts go by. One that nobody uses stays in the cache, in the
 * order of use; when there are more than vfs.dentries_max, those that were unused longest go.
 *
 * A dentry outside of the cache (not hashed) belongs to a name that was removed while somebody used it.
 *
 * Everything here is called with the tree's lock held.
 */
#ifndef GROVE_VFS_DENTRY_H
#define GROVE_VFS_DENTRY_H

#include "kernel/services/vfs/vfs.h"

#define DENTRY_SHORT_BYTES 36u

struct dentry_name {
    char *long_text; /* NULL if it fits below */
    uint32_t size_bytes;
    char short_text[DENTRY_SHORT_BYTES];
};

struct dentry {
    struct dentry *parent; /* NULL: the root of a file system */
    struct inode *inode; /* NULL: there is no such file */
    struct dentry_name name;
    struct file_system *system;
    uint32_t references; /* of users, and one of each child */
    uint32_t children, used_children; /* how many there are, and how many of them have references */
    uint32_t hash;
    uint32_t mounts; /* how many lie here, in any file view */
    bool is_hashed;
    uint64_t valid_until_ns; /* of a remote file system: a moment of clock_ns after which it is asked again */
    struct list hash_link;
    struct list unused_link; /* in vfs.unused while references is 0 */
};

struct dentry *dentry_ref(struct dentry *dentry);
void dentry_unref(struct dentry *dentry);

struct name dentry_name(const struct dentry *dentry);
/*
 * The dentry of a name in a folder, with a reference: from the cache, or else by asking the file system. It may be
 * negative. -LINUX_ENAMETOOLONG, -LINUX_ENOMEM, -LINUX_EAGAIN: it is not in the cache and is_cached_only is set.
 */
int dentry_find(struct dentry *folder, const struct name *name, bool is_cached_only, struct dentry **found);
/* The root of a file system, with a reference. Takes over the reference on the inode, also on failure. -LINUX_ENOMEM. */
int dentry_make_root(struct file_system *system, struct inode *root, struct dentry **made);

/* A negative dentry's name was made: it names this inode now. Takes over the reference. */
void dentry_fill(struct dentry *dentry, struct inode *inode);
/*
 * The same after a time without the lock, when others may have done as much. Takes over the reference. -LINUX_ESTALE: it names
 * another inode by now.
 */
int dentry_fill_late(struct dentry *dentry, struct inode *inode);
/* Forget it: the file system is asked for its name again. Nothing to one that has mounts. */
void dentry_drop(struct dentry *dentry);
/*
 * A remote file system tells of a name in a folder without having been asked. Takes over the reference on the inode. Nothing
 * if there is no memory.
 */
void dentry_offer(struct dentry *folder, const struct name *name, struct inode *inode, uint64_t valid_until_ns);
/* The dentry in the cache of a name, without a reference, or NULL. */
struct dentry *dentry_find_cached(struct dentry *folder, const struct name *name);
/*
 * The name was removed. The dentry becomes negative, or leaves the cache if somebody else uses it or what was below it.
 * What the cache knows not to be in a folder that was removed does not keep it.
 */
void dentry_empty(struct dentry *dentry);
/* `from` was renamed to where `to` is; what `to` named is gone, or took its place. */
void dentry_move(struct dentry *from, struct dentry *to, bool is_exchange);
/* Is it `above`, or below it? */
bool dentry_is_below(const struct dentry *dentry, const struct dentry *above);

/* Throw out all that nobody uses. */
void dentry_forget_unused(struct vfs *vfs);
/* Throw out what nobody uses of one file system. */
void dentry_forget_system(struct file_system *system);

#endif
