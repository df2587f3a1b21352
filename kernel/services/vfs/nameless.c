/*
 * Files that are in no folder: see nameless.h. One is made under a name that nobody can use and taken out again, with the
 * tree's lock held all the time: so nobody ever finds it there, and all that a file system must do for it is done.
 */
#include "kernel/services/vfs/nameless.h"

#include "kernel/services/vfs/change.h"
#include "kernel/services/vfs/errors.h"

#define DIGITS 16u

/* A number after a character that no other such name begins with; what has this name by chance is met as -LINUX_EEXIST. */
static void put_name(char text[DIGITS + 1], uint64_t number) {
    text[0] = '#';
    for (uint32_t i = 0; i < DIGITS; i++)
        text[1 + i] = "0123456789abcdef"[number >> (4 * (DIGITS - 1 - i)) & 15];
}

/* The tree's lock is held, as for the next. The walker stands in the folder. */
static int make(struct walker *walker, const struct name *name, uint32_t flags, uint32_t mode, struct path *found) {
    struct inode *folder = walker->at.dentry->inode;
    struct dentry *dentry;
    int status = dentry_find(walker->at.dentry, name, false, &dentry);
    if (status != 0)
        return status;
    status = dentry->inode == NULL ? change_make(walker, dentry, mode, 0, NULL) : -LINUX_EEXIST;
    if (status == 0) {
        struct inode *inode = dentry->inode;
        *found = (struct path){.mount = walker->at.mount, .dentry = dentry};
        path_ref(found); /* so that the name's end leaves the dentry to who has it */
        (void)folder->operations->remove(folder, name, inode); /* it is a file, and there */
        dentry_empty(dentry);
        inode->is_linkable = (flags & LINUX_O_EXCL) == 0;
    }
    dentry_unref(dentry);
    return status;
}

static int make_in(const struct caller *caller, const struct path *folder, uint32_t flags, uint32_t mode,
                   struct path *found) {
    char text[DIGITS + 1];
    struct name name = {.text = text, .size_bytes = sizeof(text)};
    struct walker walker = {.caller = caller, .at = *folder};
    int status = -LINUX_EEXIST;
    if (folder->dentry->inode->operations->make == NULL || folder->dentry->inode->system->is_remote)
        return -LINUX_EOPNOTSUPP;
    while (status == -LINUX_EEXIST) {
        put_name(text, vfs_next_nameless(caller->vfs));
        status = make(&walker, &name, flags, mode, found);
    }
    return status;
}

int vfs_open_nameless(const struct caller *caller, const struct walk_path *path, uint32_t flags, uint32_t mode,
                      struct path *found) {
    struct path folder;
    vfs_lock(caller->vfs);
    uint32_t follow = (flags & LINUX_O_NOFOLLOW) != 0 ? 0 : WALK_FOLLOW;
    int status = walk(caller, path, WALK_FOLDER | follow, &folder);
    if (status == 0) {
        status = make_in(caller, &folder, flags, LINUX_S_IFREG | (mode & LINUX_MODE_BITS & ~caller->mask), found);
        path_unref(&folder);
    }
    vfs_unlock(caller->vfs);
    return status;
}
