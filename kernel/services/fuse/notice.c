/* What a server says without being asked: that names or contents are others by now. Hostile: fuse.h. */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

static int inval_inode(struct fuse_connection *connection, struct transfer *transfer, size_t body_bytes) {
    struct fuse_inval_inode_out out;
    struct vfs *vfs = connection->system.vfs;
    if (body_bytes != sizeof(out))
        return -LINUX_EINVAL;
    int status = transfer_all_in(transfer, &out, sizeof(out));
    if (status != 0)
        return status;
    vfs_lock(vfs);
    struct inode *inode = fuse_node_find(connection, out.node);
    if (inode != NULL)
        (void)inode_ref(inode);
    vfs_unlock(vfs);
    if (inode == NULL)
        return -LINUX_ENOENT;
    fuse_node_expire(inode);
    if (out.offset >= 0) {
        uint64_t first = (uint64_t)out.offset / VFS_PAGE_BYTES;
        uint64_t end = out.size_bytes <= 0 ? UINT64_MAX
                                           : ((uint64_t)out.offset + (uint64_t)out.size_bytes - 1) / VFS_PAGE_BYTES + 1;
        fuse_pages_cut(inode, first, end);
    }
    vfs_lock(vfs);
    inode_unref(inode);
    vfs_unlock(vfs);
    return 0;
}

/* Any dentry of a folder: those without a name have none, so it is looked for by its inode in the cache of names. */
static struct dentry *folder_of(struct fuse_connection *connection, uint64_t node) {
    struct vfs *vfs = connection->system.vfs;
    if (node == FUSE_ROOT)
        return connection->system.root;
    const struct inode *inode = fuse_node_find(connection, node);
    for (uint32_t i = 0; inode != NULL && i < vfs->bucket_count; i++)
        for (struct list *link = vfs->buckets[i].next; link != &vfs->buckets[i]; link = link->next)
            if (list_item(link, struct dentry, hash_link)->inode == inode)
                return list_item(link, struct dentry, hash_link);
    return NULL;
}

static int inval_name(struct fuse_connection *connection, uint64_t folder_node, const struct name *name,
                      uint64_t child) {
    struct vfs *vfs = connection->system.vfs;
    int status = -LINUX_ENOENT;
    vfs_lock(vfs);
    struct dentry *folder = folder_of(connection, folder_node);
    struct dentry *found = folder != NULL ? dentry_find_cached(folder, name) : NULL;
    if (found != NULL) {
        bool is_other = child != 0 && (found->inode == NULL || fuse_node_of(found->inode)->node != child);
        status = is_other ? -LINUX_ENOENT : 0;
        if (!is_other)
            dentry_drop(found);
        fuse_node_expire(folder->inode);
    }
    vfs_unlock(vfs);
    return status;
}

/* `head_bytes` of fixed body, then a name and a zero. */
static int take_name(struct transfer *transfer, size_t head_bytes, size_t body_bytes, uint32_t name_bytes,
                     char text[VFS_NAME_MAX + 1]) {
    if (name_bytes > VFS_NAME_MAX || body_bytes != head_bytes + name_bytes + 1)
        return name_bytes > VFS_NAME_MAX ? -LINUX_ENAMETOOLONG : -LINUX_EINVAL;
    int status = transfer_all_in(transfer, text, name_bytes + 1);
    return status == 0 && !fuse_is_name(text, name_bytes) ? -LINUX_EINVAL : status;
}

static int inval_entry(struct fuse_connection *connection, struct transfer *transfer, size_t body_bytes) {
    struct fuse_inval_entry_out out;
    char text[VFS_NAME_MAX + 1];
    if (body_bytes < sizeof(out))
        return -LINUX_EINVAL;
    int status = transfer_all_in(transfer, &out, sizeof(out));
    if (status == 0)
        status = take_name(transfer, sizeof(out), body_bytes, out.name_bytes, text);
    struct name name = {.text = text, .size_bytes = out.name_bytes};
    return status != 0 ? status : inval_name(connection, out.folder, &name, 0);
}

static int deleted(struct fuse_connection *connection, struct transfer *transfer, size_t body_bytes) {
    struct fuse_delete_out out;
    char text[VFS_NAME_MAX + 1];
    if (body_bytes < sizeof(out))
        return -LINUX_EINVAL;
    int status = transfer_all_in(transfer, &out, sizeof(out));
    if (status == 0)
        status = take_name(transfer, sizeof(out), body_bytes, out.name_bytes, text);
    struct name name = {.text = text, .size_bytes = out.name_bytes};
    return status != 0 ? status : inval_name(connection, out.folder, &name, out.child);
}

int fuse_notice(struct fuse_connection *connection, int32_t code, struct transfer *transfer, size_t body_bytes) {
    switch (code) {
    case FUSE_NOTICE_INVAL_INODE:
        return inval_inode(connection, transfer, body_bytes);
    case FUSE_NOTICE_INVAL_ENTRY:
        return inval_entry(connection, transfer, body_bytes);
    case FUSE_NOTICE_DELETE:
        return deleted(connection, transfer, body_bytes);
    default:
        return -LINUX_EINVAL;
    }
}
