/* Places that stand for open files: see stand_in.h. */
#include "kernel/services/vfs/stand_in.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mount.h"
#include "kernel/services/vfs/pipe.h"

#include <string.h>

/* Its file system may be gone when it is released, so it knows the layer by itself. */
struct stand_in {
    struct inode inode;
    struct vfs *vfs;
};

static int refuse(struct open_file *file) {
    (void)file;
    return -LINUX_ENXIO;
}

static void release(struct inode *inode) {
    struct stand_in *stand_in = list_item(inode, struct stand_in, inode);
    if (inode->pipe != NULL)
        pipe_give_up(stand_in->vfs, inode->pipe);
    machine_give_back(stand_in->vfs->machine, stand_in, sizeof(*stand_in));
}

static const struct inode_operations operations = {.open = refuse, .release = release};

int stand_in_make(const struct open_file *file, struct mount *mount, uint32_t user, uint32_t group, struct path *to) {
    struct inode_plan plan = {
        .mode = file->operations->mode != 0 ? file->operations->mode : 0600, .user = user, .group = group};
    struct stand_in *stand_in = machine_take(file->vfs->machine, sizeof(*stand_in));
    if (stand_in == NULL)
        return -LINUX_ENOMEM;
    memset(stand_in, 0, sizeof(*stand_in));
    stand_in->vfs = file->vfs;
    inode_init(&stand_in->inode, mount->system, &operations, &plan);
    stand_in->inode.number = file->number;
    stand_in->inode.links = 1;
    stand_in->inode.pipe = pipe_is(file) ? pipe_hold(file) : NULL;
    int status = dentry_make_root(mount->system, &stand_in->inode, &to->dentry);
    if (status == 0)
        to->mount = mount_ref(mount);
    return status;
}

bool stand_in_is(const struct path *path) {
    return path->dentry->inode != NULL && path->dentry->inode->operations == &operations;
}
