/* The walk of open(2): see open.h. */
#include "kernel/services/vfs/open.h"

#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"

/* One open in work. */
struct opening {
    const struct caller *caller;
    struct walker walker;
    uint32_t flags, mode;
    struct open_intent *intent; /* NULL: nobody opens it */
    bool is_made;
};

static bool has(const struct opening *opening, uint32_t flag) {
    return (opening->flags & flag) != 0;
}

uint32_t vfs_open_access(uint32_t flags) {
    static const uint32_t access[] = {[LINUX_O_RDONLY] = LINUX_R_OK,
                                      [LINUX_O_WRONLY] = LINUX_W_OK,
                                      [LINUX_O_RDWR] = LINUX_R_OK | LINUX_W_OK,
                                      [LINUX_O_ACCMODE] = LINUX_R_OK | LINUX_W_OK};
    return access[flags & LINUX_O_ACCMODE];
}

/* ---- finding ---- */

static int make(struct opening *opening, struct dentry *dentry) {
    uint32_t mode = LINUX_S_IFREG | (opening->mode & LINUX_MODE_BITS & ~opening->caller->mask);
    if (!has(opening, LINUX_O_CREAT))
        return -LINUX_ENOENT;
    int status = change_create(&opening->walker, dentry, mode, opening->intent);
    opening->is_made = status == 0;
    return status;
}

/*
 * A name that was found. *is_followed: it was a link, and the walk stands before another last name. Takes over the
 * reference; on failure of the walk itself that has ended, *has_ended.
 */
static int take_name(struct opening *opening, struct dentry *dentry, bool *is_followed, bool *has_ended) {
    struct walker *walker = &opening->walker;
    int status = 0;
    if (dentry->inode == NULL)
        status = make(opening, dentry);
    else if (has(opening, LINUX_O_CREAT) && has(opening, LINUX_O_EXCL))
        status = -LINUX_EEXIST;
    bool is_link = status == 0 && inode_is_link(dentry->inode);
    bool is_taken = has(opening, LINUX_O_NOFOLLOW) && !walker->has_slash;
    if (is_link && is_taken && !has(opening, LINUX_O_PATH))
        status = has(opening, LINUX_O_DIRECTORY) ? -LINUX_ENOTDIR : -LINUX_ELOOP;
    if (status == 0 && (!is_link || is_taken))
        return walker_enter(walker, dentry);
    if (status == 0) {
        *is_followed = true;
        status = walker_follow(walker, dentry->inode);
        *has_ended = status != 0;
    }
    dentry_unref(dentry);
    return status;
}

/* Until walker.at is the place to open. On failure the walk has ended. */
static int find(struct opening *opening) {
    bool is_followed = true, has_ended = false;
    int status = 0;
    while (status == 0 && is_followed) {
        struct dentry *dentry;
        is_followed = false;
        if (opening->walker.last != WALK_LAST_NAME) {
            status = walker_enter_dots(&opening->walker);
        } else if (has(opening, LINUX_O_CREAT) && opening->walker.has_slash) {
            status = -LINUX_EISDIR;
        } else {
            status = walker_find(&opening->walker, &dentry);
            if (status == 0)
                status = take_name(opening, dentry, &is_followed, &has_ended);
        }
    }
    if (status != 0 && !has_ended)
        walker_end(&opening->walker);
    return status;
}

/* ---- permission ---- */

static int check_kind(const struct opening *opening, const struct inode *inode) {
    bool is_folder = inode_is_folder(inode);
    if (has(opening, LINUX_O_CREAT) && !opening->is_made) {
        if (has(opening, LINUX_O_EXCL))
            return -LINUX_EEXIST;
        if (is_folder)
            return -LINUX_EISDIR;
    }
    if ((has(opening, LINUX_O_DIRECTORY) || opening->walker.has_slash) && !is_folder)
        return -LINUX_ENOTDIR;
    return 0;
}

static int check_access(const struct opening *opening) {
    const struct path *at = &opening->walker.at;
    const struct inode *inode = at->dentry->inode;
    uint32_t kind = inode_kind(inode);
    uint32_t wanted = vfs_open_access(opening->flags) | (has(opening, LINUX_O_TRUNC) ? LINUX_W_OK : 0);
    if (kind == LINUX_S_IFDIR && (wanted & LINUX_W_OK) != 0)
        return -LINUX_EISDIR;
    if ((kind == LINUX_S_IFCHR || kind == LINUX_S_IFBLK) && (at->mount->flags & MOUNT_NO_DEVICES) != 0)
        return -LINUX_EACCES;
    if (kind == LINUX_S_IFREG && (wanted & LINUX_W_OK) != 0 && change_check_write(at->mount) != 0)
        return -LINUX_EROFS;
    int status = identity_check(&opening->caller->identity, inode, wanted);
    if (status != 0)
        return status;
    bool is_secret = has(opening, LINUX_O_NOATIME);
    return is_secret && !identity_owns(&opening->caller->identity, inode) ? -LINUX_EPERM : 0;
}

/* Whoever made a file may open it, whatever its mode says. */
static int check(const struct opening *opening) {
    int status = check_kind(opening, opening->walker.at.dentry->inode);
    if (status != 0 || has(opening, LINUX_O_PATH) || opening->is_made)
        return status;
    return check_access(opening);
}

static int empty(const struct opening *opening, const struct path *found) {
    struct inode *inode = found->dentry->inode;
    if (!has(opening, LINUX_O_TRUNC) || has(opening, LINUX_O_PATH) || opening->is_made ||
        inode_kind(inode) != LINUX_S_IFREG)
        return 0;
    int status = inode_begin_writing(inode);
    if (status != 0)
        return status;
    vfs_drop_privilege(opening->caller, inode);
    status = vfs_resize(inode, 0);
    inode_end_writing(inode);
    return status;
}

/* Without locks, after an open that failed: what was kept for it. */
static int fail(struct open_intent *intent, int status) {
    if (intent != NULL && intent->handle != NULL)
        intent->drop(intent->handle);
    return status;
}

static int open_path(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
                     struct open_intent *intent, struct path *found) {
    struct opening opening = {.caller = caller, .flags = flags, .mode = mode, .intent = intent};
    uint32_t for_paths = LINUX_O_PATH | LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_CLOEXEC;
    if (has(&opening, LINUX_O_PATH))
        opening.flags &= for_paths;
    if (has(&opening, LINUX_O_CREAT) && has(&opening, LINUX_O_DIRECTORY))
        return -LINUX_EINVAL;
    vfs_lock(caller->vfs);
    int status = walker_begin(&opening.walker, caller, path);
    if (status == 0)
        status = find(&opening);
    if (status == 0) {
        status = check(&opening);
        if (status == 0) {
            *found = opening.walker.at;
            path_ref(found);
        }
        walker_end(&opening.walker);
    }
    vfs_unlock(caller->vfs);
    if (status != 0)
        return fail(intent, status);
    status = empty(&opening, found);
    if (status != 0) {
        (void)fail(intent, status);
        vfs_lock(caller->vfs);
        path_unref(found);
        vfs_unlock(caller->vfs);
    }
    return status;
}

int vfs_open_path(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
                  struct path *found) {
    return open_path(caller, path, flags, mode, NULL, found);
}

int vfs_open_intent(const struct caller *caller, const struct walk_path *path, uint32_t mode,
                    struct open_intent *intent, struct path *found) {
    return open_path(caller, path, intent->flags, mode, intent, found);
}
