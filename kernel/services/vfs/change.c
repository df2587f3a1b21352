/* Making and removing names: see change.h. */
#include "kernel/services/vfs/change.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

static struct inode *folder_of(const struct walker *walker) {
    return walker->at.dentry->inode;
}

int change_check_write(const struct mount *mount) {
    return (mount->flags & MOUNT_READ_ONLY) != 0 ? -LINUX_EROFS : 0;
}

/* ---- making ---- */

int change_check_making(const struct caller *caller, const struct inode *folder) {
    if (folder->links == 0)
        return -LINUX_ENOENT;
    return identity_check(&caller->identity, folder, LINUX_W_OK | LINUX_X_OK);
}

/* Owner, group and mode of what is made: a folder with the set-group-id bit passes its group on. */
static struct inode_plan plan_for(const struct caller *caller, const struct inode *folder, uint32_t mode) {
    struct inode_plan plan = {.user = caller->identity.user, .group = caller->identity.group};
    bool is_folder = (mode & LINUX_S_IFMT) == LINUX_S_IFDIR;
    uint32_t executed_as_group = LINUX_S_ISGID | LINUX_S_IXGRP;
    if ((folder->mode & LINUX_S_ISGID) != 0) {
        plan.group = folder->group;
        if (is_folder)
            mode |= LINUX_S_ISGID;
        else if ((mode & executed_as_group) == executed_as_group &&
                 !identity_has(&caller->identity, LINUX_CAP_FSETID) &&
                 !identity_is_in_group(&caller->identity, folder->group))
            mode &= ~LINUX_S_ISGID;
    }
    plan.mode = mode;
    return plan;
}

/* What was made gets its name here. Takes over the reference. */
static int take_in(struct inode *folder, struct dentry *dentry, struct inode *made) {
    int status = 0;
    if (folder->system->is_remote)
        status = dentry_fill_late(dentry, made);
    else
        dentry_fill(dentry, made);
    if (status == 0)
        inode_touch(folder, true);
    return status;
}

static int make_inode(const struct walker *walker, struct dentry *dentry, const struct inode_plan *plan,
                      struct open_intent *intent) {
    struct inode *folder = folder_of(walker), *made;
    struct name name = dentry_name(dentry);
    bool is_created = intent != NULL && folder->operations->create != NULL;
    if (folder->operations->make == NULL)
        return -LINUX_EPERM;
    int status = is_created ? folder->operations->create(folder, &name, plan, intent, &made)
                            : folder->operations->make(folder, &name, plan, &made);
    return status == 0 ? take_in(folder, dentry, made) : status;
}

static int make_by(const struct walker *walker, struct dentry *dentry, uint32_t mode, uint64_t device, const char *text,
                   struct open_intent *intent) {
    struct inode *folder = folder_of(walker);
    int status = change_check_write(walker->at.mount);
    if (status == 0)
        status = change_check_making(walker->caller, folder);
    if (status != 0)
        return status;
    uint32_t kind = mode & LINUX_S_IFMT;
    if ((kind == LINUX_S_IFCHR || kind == LINUX_S_IFBLK) && !identity_has(&walker->caller->identity, LINUX_CAP_MKNOD))
        return -LINUX_EPERM;
    struct inode_plan plan = plan_for(walker->caller, folder, mode);
    plan.device = device;
    plan.link_text = text;
    plan.link_bytes = text != NULL ? (uint32_t)strlen(text) : 0;
    return make_inode(walker, dentry, &plan, intent);
}

int change_make(const struct walker *walker, struct dentry *dentry, uint32_t mode, uint64_t device, const char *text) {
    return make_by(walker, dentry, mode, device, text, NULL);
}

int change_create(const struct walker *walker, struct dentry *dentry, uint32_t mode, struct open_intent *intent) {
    return make_by(walker, dentry, mode, 0, NULL, intent);
}

/* The negative dentry of the last name, with a reference, for making something there. */
static int find_to_make(struct walker *walker, bool is_folder, struct dentry **found) {
    if (walker->last != WALK_LAST_NAME)
        return -LINUX_EEXIST;
    int status = walker_find(walker, found);
    if (status != 0)
        return status;
    if ((*found)->inode != NULL)
        status = -LINUX_EEXIST;
    else if (walker->has_slash && !is_folder) /* which only a folder's name may have */
        status = -LINUX_ENOENT;
    if (status != 0)
        dentry_unref(*found);
    return status;
}

static int make(const struct caller *caller, const struct walk_path *path, uint32_t mode, uint64_t device,
                const char *text) {
    struct walker walker;
    struct dentry *dentry;
    vfs_lock(caller->vfs);
    int status = walker_begin(&walker, caller, path);
    if (status == 0) {
        status = find_to_make(&walker, (mode & LINUX_S_IFMT) == LINUX_S_IFDIR, &dentry);
        if (status == 0) {
            status = change_make(&walker, dentry, mode, device, text);
            dentry_unref(dentry);
        }
        walker_end(&walker);
    }
    vfs_unlock(caller->vfs);
    return status;
}

int vfs_make_node(const struct caller *caller, const struct walk_path *path, uint32_t mode, uint64_t device) {
    switch (mode & LINUX_S_IFMT) {
    case 0:
        mode |= LINUX_S_IFREG;
        break;
    case LINUX_S_IFREG:
    case LINUX_S_IFIFO:
    case LINUX_S_IFSOCK:
    case LINUX_S_IFCHR:
    case LINUX_S_IFBLK:
        break;
    case LINUX_S_IFDIR:
        return -LINUX_EPERM;
    default:
        return -LINUX_EINVAL;
    }
    return make(caller, path, mode & (LINUX_S_IFMT | (LINUX_MODE_BITS & ~caller->mask)), device, NULL);
}

int vfs_make_folder(const struct caller *caller, const struct walk_path *path, uint32_t mode) {
    return make(caller, path, LINUX_S_IFDIR | (mode & (LINUX_S_ISVTX | 0777) & ~caller->mask), 0, NULL);
}

int vfs_make_link(const struct caller *caller, const char *text, const struct walk_path *path) {
    size_t size = strlen(text);
    if (size == 0)
        return -LINUX_ENOENT;
    if (size >= VFS_PATH_MAX)
        return -LINUX_ENAMETOOLONG;
    return make(caller, path, LINUX_S_IFLNK | 0777, 0, text);
}

/* ---- another name ---- */

/* Give the inode the name. *named, with a reference, is whose it is then. */
static int link_inode(struct inode *folder, const struct name *name, struct inode *inode, struct inode **named) {
    if (folder->operations->link_as != NULL)
        return folder->operations->link_as(folder, name, inode, named);
    int status = folder->operations->link != NULL ? folder->operations->link(folder, name, inode) : -LINUX_EPERM;
    if (status == 0)
        *named = inode_ref(inode);
    return status;
}

static int link_at(struct walker *walker, const struct path *from) {
    struct inode *folder = folder_of(walker), *inode = from->dentry->inode, *named;
    struct dentry *dentry;
    int status = find_to_make(walker, false, &dentry);
    if (status != 0)
        return status;
    struct name name = dentry_name(dentry);
    status = change_check_write(walker->at.mount);
    if (status == 0 && from->mount != walker->at.mount)
        status = -LINUX_EXDEV;
    if (status == 0)
        status = change_check_making(walker->caller, folder);
    if (status == 0 && inode_is_folder(inode))
        status = -LINUX_EPERM;
    if (status == 0 && inode->links == 0 && !inode->is_linkable)
        status = -LINUX_ENOENT;
    if (status == 0)
        status = link_inode(folder, &name, inode, &named);
    if (status == 0) {
        inode->is_linkable = false;
        inode_touch(inode, false);
        status = take_in(folder, dentry, named);
    }
    dentry_unref(dentry);
    return status;
}

int vfs_link(const struct caller *caller, const struct walk_path *from, const struct walk_path *to, uint32_t flags) {
    struct walker walker;
    struct path source;
    uint32_t how = (flags & LINUX_AT_SYMLINK_FOLLOW) != 0 ? WALK_FOLLOW : 0;
    how |= (flags & LINUX_AT_EMPTY_PATH) != 0 ? WALK_EMPTY : 0;
    if ((flags & ~(LINUX_AT_SYMLINK_FOLLOW | LINUX_AT_EMPTY_PATH)) != 0)
        return -LINUX_EINVAL;
    vfs_lock(caller->vfs);
    int status = walk(caller, from, how, &source);
    if (status == 0) {
        status = walker_begin(&walker, caller, to);
        if (status == 0) {
            status = link_at(&walker, &source);
            walker_end(&walker);
        }
        path_unref(&source);
    }
    vfs_unlock(caller->vfs);
    return status;
}

/* ---- removing ---- */

int change_check_removal(const struct caller *caller, const struct inode *folder, const struct dentry *dentry,
                         bool is_folder) {
    int status = identity_check_removal(&caller->identity, folder, dentry->inode);
    if (status != 0)
        return status;
    if (is_folder)
        return inode_is_folder(dentry->inode) ? 0 : -LINUX_ENOTDIR;
    return inode_is_folder(dentry->inode) ? -LINUX_EISDIR : 0;
}

static int remove_dentry(struct walker *walker, struct dentry *dentry, bool is_folder) {
    struct inode *folder = folder_of(walker), *inode = dentry->inode;
    struct name name = dentry_name(dentry);
    int status = change_check_write(walker->at.mount);
    if (status == 0)
        status = change_check_removal(walker->caller, folder, dentry, is_folder);
    if (status == 0 && mount_is_place(walker->at.mount->view, dentry))
        status = -LINUX_EBUSY;
    if (status != 0)
        return status;
    (void)inode_ref(inode); /* a remote file system takes its time */
    status = folder->operations->remove(folder, &name, inode);
    if (status == 0) {
        inode_touch(folder, true);
        inode_touch(inode, false);
        dentry_empty(dentry);
    }
    inode_unref(inode);
    return status;
}

/* What unlink says of a name that it does not take, slashes at its end included. */
static int check_unlink(const struct walker *walker, const struct dentry *dentry) {
    if (dentry->inode == NULL)
        return -LINUX_ENOENT;
    if (!walker->has_slash)
        return 0;
    return inode_is_folder(dentry->inode) ? -LINUX_EISDIR : -LINUX_ENOTDIR;
}

static int remove_last(struct walker *walker, bool is_folder) {
    struct dentry *dentry;
    int status = walker_find(walker, &dentry);
    if (status != 0)
        return status;
    if (is_folder)
        status = dentry->inode == NULL ? -LINUX_ENOENT : 0;
    else
        status = check_unlink(walker, dentry);
    if (status == 0)
        status = remove_dentry(walker, dentry, is_folder);
    dentry_unref(dentry);
    return status;
}

int vfs_unlink(const struct caller *caller, const struct walk_path *path) {
    struct walker walker;
    vfs_lock(caller->vfs);
    int status = walker_begin(&walker, caller, path);
    if (status == 0) {
        status = walker.last == WALK_LAST_NAME ? remove_last(&walker, false) : -LINUX_EISDIR;
        walker_end(&walker);
    }
    vfs_unlock(caller->vfs);
    return status;
}

int vfs_remove_folder(const struct caller *caller, const struct walk_path *path) {
    static const int errors[] = {
        [WALK_LAST_DOT] = -LINUX_EINVAL, [WALK_LAST_DOTDOT] = -LINUX_ENOTEMPTY, [WALK_LAST_NONE] = -LINUX_EBUSY};
    struct walker walker;
    vfs_lock(caller->vfs);
    int status = walker_begin(&walker, caller, path);
    if (status == 0) {
        status = walker.last == WALK_LAST_NAME ? remove_last(&walker, true) : errors[walker.last];
        walker_end(&walker);
    }
    vfs_unlock(caller->vfs);
    return status;
}
