/* Making and ending a tmpfs and its inodes: see tmpfs.h. */
#include "kernel/services/vfs/tmpfs_inside.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define KIND_OF_TMPFS 0x01021994

/* What Linux tells of an empty folder in memory; 20 more for each entry. */
#define FOLDER_BYTES 40u

static void drop_holder(struct tmpfs *tmpfs) {
    if (__atomic_sub_fetch(&tmpfs->holders, 1, __ATOMIC_ACQ_REL) == 0)
        machine_give_back(tmpfs->system.vfs->machine, tmpfs, sizeof(*tmpfs));
}

/* ---- links and others ---- */

static const char *link_text(struct inode *inode, uint32_t *size_bytes) {
    *size_bytes = (uint32_t)inode->size_bytes;
    return tmpfs_inode_of(inode)->link_text;
}

static void release_link(struct inode *inode) {
    machine_give_back(inode->system->vfs->machine, tmpfs_inode_of(inode)->link_text, inode->size_bytes + 1);
    tmpfs_free_inode(inode);
}

const struct inode_operations tmpfs_folder_operations = {.find = tmpfs_folder_find,
                                                         .make = tmpfs_folder_make,
                                                         .link = tmpfs_folder_link,
                                                         .remove = tmpfs_folder_remove,
                                                         .rename = tmpfs_folder_rename,
                                                         .entry_at = tmpfs_folder_entry_at,
                                                         .release = tmpfs_folder_release};
const struct inode_operations tmpfs_file_operations = {.read = tmpfs_file_read,
                                                       .write = tmpfs_file_write,
                                                       .resize = tmpfs_file_resize,
                                                       .seek = tmpfs_file_seek,
                                                       .page = tmpfs_file_page,
                                                       .allocate = tmpfs_file_allocate,
                                                       .release = tmpfs_file_release};
const struct inode_operations tmpfs_link_operations = {.link_text = link_text, .release = release_link};
/* Devices, pipes, sockets: nodes with a number, and contents that are not here. */
const struct inode_operations tmpfs_other_operations = {.release = tmpfs_free_inode};

static const struct inode_operations *operations_for(uint32_t mode) {
    switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR:
        return &tmpfs_folder_operations;
    case LINUX_S_IFREG:
        return &tmpfs_file_operations;
    case LINUX_S_IFLNK:
        return &tmpfs_link_operations;
    default:
        return &tmpfs_other_operations;
    }
}

static int set_link_text(struct tmpfs_inode *made, const struct vfs_machine *machine, const struct inode_plan *plan) {
    char *text = machine_take(machine, plan->link_bytes + 1);
    if (text == NULL)
        return -LINUX_ENOMEM;
    memcpy(text, plan->link_text, plan->link_bytes);
    text[plan->link_bytes] = 0;
    made->link_text = text;
    made->inode.size_bytes = plan->link_bytes;
    return 0;
}

bool tmpfs_is_full(const struct tmpfs *tmpfs) {
    uint64_t used = __atomic_load_n(&tmpfs->holders, __ATOMIC_RELAXED) - 1 + tmpfs->more_names;
    return tmpfs->limits.inodes_max != 0 && used >= tmpfs->limits.inodes_max;
}

int tmpfs_make_inode(struct tmpfs *tmpfs, const struct inode_plan *plan, struct inode **made) {
    const struct vfs_machine *machine = tmpfs->system.vfs->machine;
    if (tmpfs_is_full(tmpfs))
        return -LINUX_ENOSPC;
    struct tmpfs_inode *inode = machine_take(machine, sizeof(*inode));
    if (inode == NULL)
        return -LINUX_ENOMEM;
    memset(inode, 0, sizeof(*inode));
    inode_init(&inode->inode, &tmpfs->system, operations_for(plan->mode), plan);
    if (inode_is_link(&inode->inode) && set_link_text(inode, machine, plan) != 0) {
        machine_give_back(machine, inode, sizeof(*inode));
        return -LINUX_ENOMEM;
    }
    if (inode_is_folder(&inode->inode)) {
        inode->folder.next_position = 2; /* behind "." and ".." */
        inode->inode.size_bytes = FOLDER_BYTES;
    }
    inode->inode.number = ++tmpfs->numbers;
    inode->inode.links = inode_is_folder(&inode->inode) ? 2 : 1;
    __atomic_add_fetch(&tmpfs->holders, 1, __ATOMIC_RELAXED);
    *made = &inode->inode;
    return 0;
}

void tmpfs_free_inode(struct inode *inode) {
    struct tmpfs *tmpfs = tmpfs_of(inode);
    machine_give_back(tmpfs->system.vfs->machine, tmpfs_inode_of(inode), sizeof(struct tmpfs_inode));
    drop_holder(tmpfs);
}

/* ---- the file system ---- */

static void release(struct file_system *system) {
    struct tmpfs *tmpfs = list_item(system, struct tmpfs, system);
    vfs_lock(system->vfs);
    if (system->root != NULL) {
        dentry_forget_system(system);
        dentry_unref(system->root);
    }
    vfs_unlock_in_release(system->vfs);
    drop_holder(tmpfs);
}

static uint64_t left_of(uint64_t limit, uint64_t used) {
    return limit > used ? limit - used : 0;
}

static void tell_space(struct file_system *system, struct file_system_space *space) {
    const struct tmpfs *tmpfs = list_item(system, struct tmpfs, system);
    struct tmpfs_use use = tmpfs_read_use(system);
    *space = (struct file_system_space){.kind = KIND_OF_TMPFS,
                                        .pages = tmpfs->limits.pages_max,
                                        .free_pages = left_of(tmpfs->limits.pages_max, use.pages),
                                        .inodes = tmpfs->limits.inodes_max,
                                        .free_inodes = left_of(tmpfs->limits.inodes_max, use.inodes)};
}

int tmpfs_create(struct vfs *vfs, const struct tmpfs_limits *limits, struct file_system **created) {
    struct inode_plan plan = {
        .mode = LINUX_S_IFDIR | (limits->mode & LINUX_MODE_BITS), .user = limits->user, .group = limits->group};
    struct inode *root;
    struct tmpfs *tmpfs = machine_take(vfs->machine, sizeof(*tmpfs));
    if (tmpfs == NULL)
        return -LINUX_ENOMEM;
    *tmpfs = (struct tmpfs){.limits = *limits, .holders = 1};
    file_system_init(&tmpfs->system, vfs, "tmpfs", release);
    tmpfs->system.tell_space = tell_space;
    vfs_lock(vfs);
    int status = tmpfs_make_inode(tmpfs, &plan, &root);
    if (status == 0)
        status = dentry_make_root(&tmpfs->system, root, &tmpfs->system.root);
    if (status != 0)
        file_system_unref(&tmpfs->system);
    vfs_unlock(vfs);
    if (status == 0)
        *created = &tmpfs->system;
    return status;
}

struct tmpfs_use tmpfs_read_use(struct file_system *system) {
    const struct tmpfs *tmpfs = list_item(system, struct tmpfs, system);
    return (struct tmpfs_use){.pages = __atomic_load_n(&tmpfs->pages, __ATOMIC_RELAXED),
                              .inodes = __atomic_load_n(&tmpfs->holders, __ATOMIC_RELAXED) - 1};
}
