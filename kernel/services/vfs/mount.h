/*
 * Mounts and file views.
 *
 * A view is what the programs of one container see of all files: a tree of mounts. A mount shows a folder (or file) of a
 * file system at a place in the mount above it, with rights that are narrower than the file's own. The same folder may be
 * shown in many views, each with other rights. Nothing above the view's root can be reached: ".." stays there, and a
 * folder that was moved out of what a mount shows has no way up.
 *
 * A mount lives while its view has it or somebody holds a path in it; taken out of the view it keeps serving those.
 */
#ifndef GROVE_VFS_MOUNT_H
#define GROVE_VFS_MOUNT_H

#include "kernel/services/vfs/dentry.h"

enum mount_flags {
    MOUNT_READ_ONLY = 1,
    MOUNT_NO_SETUID = 2, /* set-user-id bits do nothing */
    MOUNT_NO_DEVICES = 4, /* device nodes cannot be opened */
    MOUNT_NO_EXECUTE = 8,
};

#define VIEW_MOUNTS_MAX 256u

struct mount {
    struct view *view; /* NULL: taken out of it */
    struct mount *parent; /* NULL: the root of a view. Counted, as is `place` */
    struct dentry *place; /* where it lies in the parent */
    struct dentry *root; /* what it shows */
    struct file_system *system;
    uint32_t flags; /* enum mount_flags */
    uint32_t references;
    struct list link; /* in the view's list, younger ones first */
};

struct view {
    struct vfs *vfs;
    struct list mounts;
    uint32_t mount_count;
};

/* With the tree's lock held. */
static inline struct mount *mount_ref(struct mount *mount) {
    mount->references++;
    return mount;
}

void mount_unref(struct mount *mount);

static inline void path_ref(const struct path *path) {
    (void)mount_ref(path->mount);
    (void)dentry_ref(path->dentry);
}

static inline void path_unref(const struct path *path) {
    dentry_unref(path->dentry);
    mount_unref(path->mount);
}

/* The mount that lies on a path, or NULL. With the tree's lock held; no reference. */
struct mount *mount_on(const struct path *path);
/* Does a mount of this view lie on this dentry? */
bool mount_is_place(const struct view *view, const struct dentry *dentry);

/*
 * The path's text as seen from `root`, terminated, with the tree's lock held. Returns its length. -LINUX_ENOENT: it was
 * removed; -LINUX_ENAMETOOLONG. A place that `root` does not lead to begins with "(unreachable)", as on Linux.
 */
int path_text(const struct path *path, const struct path *root, char *text, size_t size_bytes);

/* These without locks. A view whose root shows `root`; *path is that root, with references. -LINUX_ENOMEM. */
int view_init(struct view *view, struct vfs *vfs, struct dentry *root, uint32_t flags, struct path *path);
/* Take out all mounts, the inner ones first. Paths in them stay usable. */
void view_deinit(struct view *view);
/*
 * Show `root` at a place. Folders are shown on folders only, other files on other files. -LINUX_ENOTDIR,
 * -LINUX_ENOENT: the place was removed, -LINUX_ENOSPC: VIEW_MOUNTS_MAX, -LINUX_ENOMEM, -LINUX_EINVAL: the place is in no
 * mount of this view.
 */
int view_mount(struct view *view, const struct path *place, struct dentry *root, uint32_t flags);
/* Give the mount that this path is the root of other rights. -LINUX_EINVAL: it is none's. */
int view_change_flags(struct view *view, const struct path *path, uint32_t flags);
/*
 * Take out the mount that this path, which the caller holds, is the root of. -LINUX_EBUSY: others lie in it, or somebody has a
 * file or folder in it; -LINUX_EINVAL: it is none's.
 */
int view_unmount(struct view *view, const struct path *path);
/* The same with all that lie in it, whoever uses them: nobody finds them any more. -LINUX_EINVAL. */
int view_detach(struct view *view, const struct path *path);

#endif
