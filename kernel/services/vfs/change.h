/*
 * What is done with names: make, link, remove, rename, and the calls that change what an inode says of itself. Each does
 * all of one system call, with the checks and in the order in which Linux makes them, so that the same mistake gives the
 * same error.
 *
 * All are called without locks and return 0 or the negative of an enum linux_error; besides those named: all of walk.h,
 * EROFS, EPERM, EACCES, ENOSPC and ENOMEM.
 */
#ifndef GROVE_VFS_CHANGE_H
#define GROVE_VFS_CHANGE_H

#include "kernel/services/vfs/walk.h"

/* mknod: a file, pipe, socket or device, by the kind in `mode`; no kind is a file. EEXIST. */
int vfs_make_node(const struct caller *caller, const struct walk_path *path, uint32_t mode, uint64_t device);
int vfs_make_folder(const struct caller *caller, const struct walk_path *path, uint32_t mode);
/* The text is terminated, 1 to VFS_PATH_MAX - 1 bytes: ENOENT, ENAMETOOLONG. */
int vfs_make_link(const struct caller *caller, const char *text, const struct walk_path *path);
/* Another name for a file. `flags` are LINUX_AT_SYMLINK_FOLLOW and LINUX_AT_EMPTY_PATH. EXDEV, EEXIST. */
int vfs_link(const struct caller *caller, const struct walk_path *from, const struct walk_path *to, uint32_t flags);
/* EISDIR, EBUSY. */
int vfs_unlink(const struct caller *caller, const struct walk_path *path);
/* ENOTEMPTY, EBUSY, ENOTDIR. */
int vfs_remove_folder(const struct caller *caller, const struct walk_path *path);
/* `flags` are LINUX_RENAME_NOREPLACE and LINUX_RENAME_EXCHANGE. */
int vfs_rename(const struct caller *caller, const struct walk_path *from, const struct walk_path *to, uint32_t flags);

/*
 * The next four are parts of the others, called with the tree's lock held. Make what a walk stopped at: `dentry` is
 * negative, in the folder walker->at, and names the inode after that. `text` is a link's, else NULL.
 */
int change_make(const struct walker *walker, struct dentry *dentry, uint32_t mode, uint64_t device, const char *text);
/* The same of a file for open: see struct open_intent. */
int change_create(const struct walker *walker, struct dentry *dentry, uint32_t mode, struct open_intent *intent);
/* May the caller take this name, which is there, out of the folder, as a folder or as another file? EISDIR, ENOTDIR. */
int change_check_removal(const struct caller *caller, const struct inode *folder, const struct dentry *dentry,
                         bool is_folder);
/* May the caller make a name in the folder? -LINUX_ENOENT: it was removed. */
int change_check_making(const struct caller *caller, const struct inode *folder);
/* 0 or -LINUX_EROFS. */
int change_check_write(const struct mount *mount);

/* For a place that is open or was walked to; references stay the caller's. */
int vfs_change_mode(const struct caller *caller, const struct path *path, uint32_t mode);
/* UINT32_MAX leaves a number as it is. */
int vfs_change_owner(const struct caller *caller, const struct path *path, uint32_t user, uint32_t group);
/* By path; -LINUX_EISDIR, EINVAL. */
int vfs_truncate(const struct caller *caller, const struct walk_path *path, int64_t size_bytes);
/* Without looking at permissions, for a file that is open for writing. EFBIG. */
int vfs_resize(struct inode *inode, uint64_t size_bytes);
/* What a write does to set-user-id bits when a program without CAP_FSETID does it. */
void vfs_drop_privilege(const struct caller *caller, struct inode *inode);

/* A time of utimensat: a number of nanoseconds since 1970, or one of the two others. */
enum time_change { TIME_KEEP, TIME_NOW, TIME_SET };
struct time_plan {
    enum time_change change;
    int64_t time_ns;
};
int vfs_set_times(const struct caller *caller, const struct path *path, const struct time_plan *accessed,
                  const struct time_plan *modified);
/* faccessat with the identity of the caller: `wanted` of LINUX_R_OK, W_OK, X_OK; 0 asks only whether it is there. */
int vfs_access(const struct caller *caller, const struct path *path, uint32_t wanted);

#endif
