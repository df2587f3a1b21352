/*
 * From a path to a place: see path_resolution(7) and openat2(2).
 *
 * Each step needs the right to search the folder. Symbolic links on the way are followed, at most VFS_LINKS_MAX of them;
 * the last name only if asked for. ".." never leaves the caller's root, the view's root, or, with RESOLVE_BENEATH or
 * RESOLVE_IN_ROOT, the folder where the walk begins.
 *
 * The tree's lock is given up and taken again every few steps, so a long path delays nobody; the walk holds references on
 * where it is and on the links whose text it reads.
 */
#ifndef GROVE_VFS_WALK_H
#define GROVE_VFS_WALK_H

#include "kernel/services/vfs/mount.h"

enum walk_flags {
    WALK_FOLLOW = 1, /* the last name too, if it is a link */
    WALK_FOLDER = 2, /* it must be a folder */
    WALK_EMPTY = 4, /* an empty path is where the walk begins */
};

/* A path as a call gives it. */
struct walk_path {
    const struct path *start; /* for relative paths; NULL: the caller's folder */
    const char *text; /* terminated, in the kernel's memory */
    uint32_t resolve; /* LINUX_RESOLVE_ */
};

enum walk_last {
    WALK_LAST_NAME,
    WALK_LAST_DOT,
    WALK_LAST_DOTDOT,
    WALK_LAST_NONE, /* no name at all: only slashes */
};

/* A text whose names are still to be walked: the path's own, or that of a link. */
struct walk_frame {
    const char *rest;
    struct inode *link; /* counted; NULL: the path's */
};

/* A walk in work. It stops in the folder in which the last name stands, so that callers decide what is done with that. */
struct walker {
    const struct caller *caller;
    struct path at; /* with references */
    struct path scope; /* what ".." and absolute links do not leave; with references */
    uint32_t resolve;
    uint32_t links; /* followed so far */
    uint32_t steps; /* since the lock was given up last */
    uint32_t depth; /* of frames */
    struct walk_frame frames[VFS_LINKS_MAX + 2];

    enum walk_last last; /* what the last name is */
    struct name name; /* if it is WALK_LAST_NAME; in the text of the topmost frame */
    bool has_slash; /* slashes follow it */
};

/*
 * All with the tree's lock held, which is given up in between. Errors of all: -LINUX_ENOENT (also for an empty path),
 * ENOTDIR, EACCES, ELOOP, ENAMETOOLONG, ENOMEM, EXDEV (it would leave what `resolve` allows), EAGAIN (RESOLVE_CACHED and
 * not in the cache), EINVAL (`resolve` makes no sense).
 */

/* Where a path leads, with references. */
int walk(const struct caller *caller, const struct walk_path *path, uint32_t flags, struct path *found);

/* Walk to the folder of the last name. On success walker_end gives the references up; on failure there are none. */
int walker_begin(struct walker *walker, const struct caller *caller, const struct walk_path *path);
/* The dentry of the last name, which may be negative, with a reference. Only for WALK_LAST_NAME. */
int walker_find(struct walker *walker, struct dentry **found);
/* The last name was found to be this link: walk on to the folder of the last name in its text. */
int walker_follow(struct walker *walker, struct inode *link);
/* Where the walk is becomes this place of the same mount, or what is mounted on it. Takes over the reference. */
int walker_enter(struct walker *walker, struct dentry *dentry);
/* The last name is "." or ".." or none: go there. */
int walker_enter_dots(struct walker *walker);
void walker_end(struct walker *walker);

#endif
