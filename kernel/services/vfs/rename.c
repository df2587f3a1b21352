/* Renaming: see change.h. Linux's order of checks stands in its fs/namei.c; each is one line here. */
#include "kernel/services/vfs/change.h"

#include "kernel/services/vfs/errors.h"

/* Both ends of a rename, once their folders are found. */
struct renaming {
    const struct caller *caller;
    struct walker from, to;
    struct dentry *source, *target;
    bool is_exchange, is_no_replace;
};

static struct inode *folder_of(const struct walker *walker) {
    return walker->at.dentry->inode;
}

static int check_ends(const struct renaming *renaming) {
    if (renaming->from.at.mount != renaming->to.at.mount)
        return -LINUX_EXDEV;
    if (renaming->from.last != WALK_LAST_NAME)
        return -LINUX_EBUSY;
    if (renaming->to.last != WALK_LAST_NAME)
        return renaming->is_no_replace ? -LINUX_EEXIST : -LINUX_EBUSY;
    return change_check_write(renaming->from.at.mount);
}

/* What is there on both sides, and slashes, which only folders may have. */
static int check_names(const struct renaming *renaming) {
    const struct inode *source = renaming->source->inode, *target = renaming->target->inode;
    if (source == NULL)
        return -LINUX_ENOENT;
    if (renaming->is_no_replace && target != NULL)
        return -LINUX_EEXIST;
    if (renaming->is_exchange) {
        if (target == NULL)
            return -LINUX_ENOENT;
        if (!inode_is_folder(target) && renaming->to.has_slash)
            return -LINUX_ENOTDIR;
    }
    if (!inode_is_folder(source) && (renaming->from.has_slash || (!renaming->is_exchange && renaming->to.has_slash)))
        return -LINUX_ENOTDIR;
    if (dentry_is_below(renaming->to.at.dentry, renaming->source)) /* a folder cannot go into itself */
        return -LINUX_EINVAL;
    if (target != NULL && dentry_is_below(renaming->from.at.dentry, renaming->target))
        return renaming->is_exchange ? -LINUX_EINVAL : -LINUX_ENOTEMPTY;
    return 0;
}

/* A folder that gets another parent changes itself: its "..". */
static int check_moving(const struct renaming *renaming) {
    const struct identity *identity = &renaming->caller->identity;
    const struct inode *source = renaming->source->inode, *target = renaming->target->inode;
    if (folder_of(&renaming->from) == folder_of(&renaming->to))
        return 0;
    int status = inode_is_folder(source) ? identity_check(identity, source, LINUX_W_OK) : 0;
    if (status == 0 && renaming->is_exchange && inode_is_folder(target))
        status = identity_check(identity, target, LINUX_W_OK);
    return status;
}

static int check_rights(const struct renaming *renaming) {
    const struct caller *caller = renaming->caller;
    const struct inode *to = folder_of(&renaming->to), *target = renaming->target->inode;
    bool is_folder = inode_is_folder(renaming->source->inode);
    const struct view *view = renaming->from.at.mount->view;
    int status = change_check_removal(caller, folder_of(&renaming->from), renaming->source, is_folder);
    if (status != 0)
        return status;
    if (target == NULL)
        status = change_check_making(caller, to);
    else
        status = change_check_removal(caller, to, renaming->target,
                                      renaming->is_exchange ? inode_is_folder(target) : is_folder);
    if (status == 0)
        status = check_moving(renaming);
    if (status == 0 && (mount_is_place(view, renaming->source) || mount_is_place(view, renaming->target)))
        status = -LINUX_EBUSY;
    return status;
}

/* While a remote file system took its time others may have moved the same names: then it is asked again where they are. */
static void move_names(const struct renaming *renaming, const struct inode *source, const struct inode *target) {
    struct dentry *from = renaming->source, *to = renaming->target;
    bool is_as_before = from->is_hashed && to->is_hashed && from->inode == source && to->inode == target &&
                        !dentry_is_below(to->parent, from) && !dentry_is_below(from->parent, to);
    if (is_as_before) {
        dentry_move(from, to, renaming->is_exchange);
        return;
    }
    dentry_drop(from);
    dentry_drop(to);
}

static int rename_inodes(const struct renaming *renaming, struct inode *source, struct inode *target) {
    struct inode *from = folder_of(&renaming->from), *to = folder_of(&renaming->to);
    struct name from_name = dentry_name(renaming->source), to_name = dentry_name(renaming->target);
    if (from->operations->rename == NULL)
        return -LINUX_EPERM;
    int status = from->operations->rename(from, &from_name, to, &to_name, renaming->is_exchange);
    if (status != 0)
        return status;
    inode_touch(from, true);
    inode_touch(to, true);
    inode_touch(source, false);
    if (target != NULL)
        inode_touch(target, false);
    move_names(renaming, source, target);
    return 0;
}

static int carry_out(struct renaming *renaming) {
    struct inode *source = renaming->source->inode, *target = renaming->target->inode;
    if (source == target) /* two names of one file: both stay */
        return 0;
    int status = check_rights(renaming);
    if (status != 0)
        return status;
    (void)inode_ref(source);
    if (target != NULL)
        (void)inode_ref(target);
    status = rename_inodes(renaming, source, target);
    inode_unref(source);
    if (target != NULL)
        inode_unref(target);
    return status;
}

/* Both folders are found, and the lock is not given up any more. */
static int rename_names(struct renaming *renaming) {
    int status = check_ends(renaming);
    if (status == 0)
        status = walker_find(&renaming->from, &renaming->source);
    if (status != 0)
        return status;
    status = walker_find(&renaming->to, &renaming->target);
    if (status == 0) {
        status = check_names(renaming);
        if (status == 0)
            status = carry_out(renaming);
        dentry_unref(renaming->target);
    }
    dentry_unref(renaming->source);
    return status;
}

int vfs_rename(const struct caller *caller, const struct walk_path *from, const struct walk_path *to, uint32_t flags) {
    struct renaming renaming = {.caller = caller,
                                .is_exchange = (flags & LINUX_RENAME_EXCHANGE) != 0,
                                .is_no_replace = (flags & LINUX_RENAME_NOREPLACE) != 0};
    if ((flags & ~(LINUX_RENAME_EXCHANGE | LINUX_RENAME_NOREPLACE)) != 0 ||
        (renaming.is_exchange && renaming.is_no_replace))
        return -LINUX_EINVAL;
    vfs_lock(caller->vfs);
    int status = walker_begin(&renaming.from, caller, from);
    if (status == 0) {
        status = walker_begin(&renaming.to, caller, to);
        if (status == 0) {
            status = rename_names(&renaming);
            walker_end(&renaming.to);
        }
        walker_end(&renaming.from);
    }
    vfs_unlock(caller->vfs);
    return status;
}
