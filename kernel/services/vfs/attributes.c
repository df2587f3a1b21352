/* What an inode says of itself: mode, owner, size, times. See change.h. */
#include "kernel/services/vfs/change.h"

#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/seal.h"

#define KEEP UINT32_MAX

static int64_t now_of(const struct vfs *vfs) {
    return vfs->machine->now_ns(vfs->machine->context);
}

/* What is left to do without the lock, in a file system that keeps its attributes elsewhere. */
static int change_there(struct inode *inode, const struct inode_change *change) {
    return change->what != 0 ? inode->operations->change(inode, change) : 0;
}

static bool is_elsewhere(const struct inode *inode) {
    return inode->operations->change != NULL;
}

/* ---- mode and owner ---- */

static int change_mode(const struct caller *caller, const struct path *path, uint32_t mode,
                       struct inode_change *there) {
    struct inode *inode = path->dentry->inode;
    int status = change_check_write(path->mount);
    if (status != 0)
        return status;
    if (!identity_owns(&caller->identity, inode))
        return -LINUX_EPERM;
    if (!identity_is_in_group(&caller->identity, inode->group) && !identity_has(&caller->identity, LINUX_CAP_FSETID))
        mode &= ~LINUX_S_ISGID;
    if (is_elsewhere(inode)) {
        *there = (struct inode_change){.what = INODE_CHANGE_MODE, .mode = mode & LINUX_MODE_BITS};
        return 0;
    }
    spinlock_lock(&inode->lock);
    inode->mode = (inode->mode & LINUX_S_IFMT) | (mode & LINUX_MODE_BITS);
    inode->changed_ns = now_of(caller->vfs);
    spinlock_unlock(&inode->lock);
    return 0;
}

int vfs_change_mode(const struct caller *caller, const struct path *path, uint32_t mode) {
    struct inode_change there = {.what = 0};
    vfs_lock(caller->vfs);
    int status = change_mode(caller, path, mode, &there);
    vfs_unlock(caller->vfs);
    return status != 0 ? status : change_there(path->dentry->inode, &there);
}

/* Without CAP_CHOWN an owner may only choose among their own groups. */
static bool may_change_owner(const struct identity *identity, const struct inode *inode, uint32_t user,
                             uint32_t group) {
    if (identity_has(identity, LINUX_CAP_CHOWN))
        return true;
    bool is_owner = identity->user == inode->user;
    if (user != KEEP && !(is_owner && user == inode->user))
        return false;
    return group == KEEP || (is_owner && (group == inode->group || identity_is_in_group(identity, group)));
}

/*
 * What is left of a mode when a file changes hands or contents. Where the group may not execute it, the set-group-id bit
 * is only a mark, which members of the group may leave.
 */
static uint32_t without_privilege(const struct identity *identity, const struct inode *inode) {
    uint32_t mode = inode->mode & ~LINUX_S_ISUID;
    if ((mode & LINUX_S_IXGRP) == 0 &&
        (identity_is_in_group(identity, inode->group) || identity_has(identity, LINUX_CAP_FSETID)))
        return mode;
    return mode & ~LINUX_S_ISGID;
}

static int change_owner(const struct caller *caller, const struct path *path, uint32_t user, uint32_t group,
                        struct inode_change *there) {
    struct inode *inode = path->dentry->inode;
    int status = change_check_write(path->mount);
    if (status != 0)
        return status;
    if (!may_change_owner(&caller->identity, inode, user, group))
        return -LINUX_EPERM;
    uint32_t mode = inode_is_folder(inode) ? inode->mode : without_privilege(&caller->identity, inode);
    if (mode != inode->mode && !identity_owns(&caller->identity, inode)) /* the mode is for owners to change */
        return -LINUX_EPERM;
    if (is_elsewhere(inode)) {
        *there = (struct inode_change){.what = (user != KEEP ? INODE_CHANGE_USER : 0) |
                                               (group != KEEP ? INODE_CHANGE_GROUP : 0) |
                                               (mode != inode->mode ? INODE_CHANGE_MODE : 0),
                                       .mode = mode & LINUX_MODE_BITS,
                                       .user = user,
                                       .group = group};
        return 0;
    }
    spinlock_lock(&inode->lock);
    inode->mode = mode;
    if (user != KEEP)
        inode->user = user;
    if (group != KEEP)
        inode->group = group;
    inode->changed_ns = now_of(caller->vfs);
    spinlock_unlock(&inode->lock);
    return 0;
}

int vfs_change_owner(const struct caller *caller, const struct path *path, uint32_t user, uint32_t group) {
    struct inode_change there = {.what = 0};
    vfs_lock(caller->vfs);
    int status = change_owner(caller, path, user, group, &there);
    vfs_unlock(caller->vfs);
    return status != 0 ? status : change_there(path->dentry->inode, &there);
}

void vfs_drop_privilege(const struct caller *caller, struct inode *inode) {
    if (identity_has(&caller->identity, LINUX_CAP_FSETID))
        return;
    spinlock_lock(&inode->lock);
    bool has_privilege = (inode->mode & (LINUX_S_ISUID | LINUX_S_ISGID)) != 0;
    spinlock_unlock(&inode->lock);
    if (!has_privilege)
        return;
    struct inode_change there = {.what = INODE_CHANGE_MODE};
    vfs_lock(caller->vfs);
    spinlock_lock(&inode->lock);
    there.mode = without_privilege(&caller->identity, inode);
    if (!is_elsewhere(inode))
        inode->mode = there.mode;
    spinlock_unlock(&inode->lock);
    vfs_unlock(caller->vfs);
    there.mode &= LINUX_MODE_BITS;
    if (is_elsewhere(inode))
        (void)change_there(inode, &there); /* as on Linux, the write is not refused for it */
}

/* ---- size ---- */

int vfs_resize(struct inode *inode, uint64_t size_bytes) {
    const struct vfs_machine *machine = inode->system->vfs->machine;
    if (inode->operations->resize == NULL)
        return -LINUX_EINVAL;
    sleep_lock_take(&inode->writers, machine);
    int status = seal_check_resize(inode, size_bytes);
    if (status == 0)
        status = inode->operations->resize(inode, size_bytes);
    if (status == 0)
        inode_cut(inode, size_bytes / VFS_PAGE_BYTES + (size_bytes % VFS_PAGE_BYTES != 0), UINT64_MAX);
    sleep_lock_give_up(&inode->writers, machine);
    return status;
}

static int check_truncation(const struct caller *caller, const struct path *path) {
    const struct inode *inode = path->dentry->inode;
    if (inode_is_folder(inode))
        return -LINUX_EISDIR;
    if (inode_kind(inode) != LINUX_S_IFREG)
        return -LINUX_EINVAL;
    int status = change_check_write(path->mount);
    return status != 0 ? status : identity_check(&caller->identity, inode, LINUX_W_OK);
}

int vfs_truncate(const struct caller *caller, const struct walk_path *path, int64_t size_bytes) {
    struct path place;
    if (size_bytes < 0)
        return -LINUX_EINVAL;
    vfs_lock(caller->vfs);
    int status = walk(caller, path, WALK_FOLLOW, &place);
    if (status == 0) {
        status = check_truncation(caller, &place);
        if (status != 0)
            path_unref(&place);
    }
    vfs_unlock(caller->vfs);
    if (status != 0)
        return status;
    status = caller_check_size(caller, (uint64_t)size_bytes);
    if (status == 0)
        status = inode_begin_writing(place.dentry->inode);
    if (status == 0) {
        vfs_drop_privilege(caller, place.dentry->inode);
        status = vfs_resize(place.dentry->inode, (uint64_t)size_bytes);
        inode_end_writing(place.dentry->inode);
    }
    vfs_lock(caller->vfs);
    path_unref(&place);
    vfs_unlock(caller->vfs);
    return status;
}

/* ---- times and access ---- */

static void set_time(int64_t *time_ns, const struct time_plan *plan, int64_t now) {
    if (plan->change != TIME_KEEP)
        *time_ns = plan->change == TIME_NOW ? now : plan->time_ns;
}

/* Now is what anybody who may write could bring about as well; other times are for owners. */
static int check_times(const struct caller *caller, const struct path *path, const struct time_plan *accessed,
                       const struct time_plan *modified) {
    const struct inode *inode = path->dentry->inode;
    int status = change_check_write(path->mount);
    if (status != 0 || identity_owns(&caller->identity, inode))
        return status;
    if (accessed->change != TIME_NOW || modified->change != TIME_NOW)
        return -LINUX_EPERM;
    return identity_check(&caller->identity, inode, LINUX_W_OK);
}

static int set_times_there(struct inode *inode, const struct time_plan *accessed, const struct time_plan *modified) {
    int64_t now = now_of(inode->system->vfs);
    struct inode_change change = {.accessed_ns = now, .modified_ns = now};
    set_time(&change.accessed_ns, accessed, now);
    set_time(&change.modified_ns, modified, now);
    change.what = (accessed->change != TIME_KEEP ? INODE_CHANGE_ACCESSED : 0) |
                  (modified->change != TIME_KEEP ? INODE_CHANGE_MODIFIED : 0) |
                  (accessed->change == TIME_NOW && modified->change == TIME_NOW ? INODE_CHANGE_TO_NOW : 0);
    return change_there(inode, &change);
}

int vfs_set_times(const struct caller *caller, const struct path *path, const struct time_plan *accessed,
                  const struct time_plan *modified) {
    struct inode *inode = path->dentry->inode;
    if (accessed->change == TIME_KEEP && modified->change == TIME_KEEP)
        return 0;
    vfs_lock(caller->vfs);
    int status = check_times(caller, path, accessed, modified);
    if (status == 0 && !is_elsewhere(inode)) {
        int64_t now = now_of(caller->vfs);
        spinlock_lock(&inode->lock);
        set_time(&inode->accessed_ns, accessed, now);
        set_time(&inode->modified_ns, modified, now);
        inode->changed_ns = now;
        spinlock_unlock(&inode->lock);
    }
    vfs_unlock(caller->vfs);
    return status == 0 && is_elsewhere(inode) ? set_times_there(inode, accessed, modified) : status;
}

int vfs_access(const struct caller *caller, const struct path *path, uint32_t wanted) {
    const struct inode *inode = path->dentry->inode;
    vfs_lock(caller->vfs);
    int status = identity_check(&caller->identity, inode, wanted);
    uint32_t kind = inode_kind(inode);
    bool is_kept = kind == LINUX_S_IFREG || kind == LINUX_S_IFDIR || kind == LINUX_S_IFLNK;
    if (status == 0 && kind == LINUX_S_IFREG && (wanted & LINUX_X_OK) != 0 &&
        (path->mount->flags & MOUNT_NO_EXECUTE) != 0)
        status = -LINUX_EACCES;
    if (status == 0 && (wanted & LINUX_W_OK) != 0 && is_kept) /* writing to a device or pipe changes no file system */
        status = change_check_write(path->mount);
    vfs_unlock(caller->vfs);
    if (status == 0 && path->dentry->inode->operations->access != NULL)
        status = path->dentry->inode->operations->access(path->dentry->inode, wanted);
    return status;
}
