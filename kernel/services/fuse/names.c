/*
 * Names in folders: each is one request. See fuse.h.
 *
 * Called with the tree's lock held, which is given up for the request, so names are copied into it first. What the reply says
 * goes into the cache of names when the lock is held again (kernel/services/vfs/dentry.c).
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

/* A request with a fixed part, then names, each with a zero behind it. */
static struct fuse_request *request_for(struct inode *folder, enum fuse_operation operation, const void *fixed,
                                        size_t fixed_bytes, const struct name *names, uint32_t name_count,
                                        size_t out_bytes) {
    size_t bytes = fixed_bytes;
    for (uint32_t i = 0; i < name_count; i++)
        bytes += names[i].size_bytes + 1;
    struct fuse_request *request =
        fuse_request_make(fuse_of(folder), operation, fuse_node_of(folder)->node, bytes, out_bytes, out_bytes);
    if (request == NULL)
        return NULL;
    uint8_t *at = fuse_body(request);
    if (fixed_bytes > 0)
        memcpy(at, fixed, fixed_bytes);
    at += fixed_bytes;
    for (uint32_t i = 0; i < name_count; i++) {
        memcpy(at, names[i].text, names[i].size_bytes);
        at += names[i].size_bytes + 1; /* the zero is there */
    }
    return request;
}

/* Without the lock meanwhile. The request is the caller's. */
static int call(struct inode *folder, struct fuse_request **request) {
    struct vfs *vfs = folder->system->vfs;
    if (*request == NULL)
        return -LINUX_ENOMEM;
    vfs_unlock(vfs);
    int status = fuse_call(request);
    vfs_lock(vfs);
    return status;
}

/* The same, for requests whose reply is nothing. */
static int do_call(struct inode *folder, struct fuse_request *request) {
    int status = call(folder, &request);
    fuse_request_give_back(request);
    fuse_node_expire(folder);
    return status;
}

int fuse_look_up(struct inode *folder, const struct name *name, struct inode **found, uint64_t *valid_until_ns) {
    struct fuse_connection *connection = fuse_of(folder);
    struct fuse_entry_out entry;
    struct fuse_request *request = request_for(folder, FUSE_OP_LOOKUP, NULL, 0, name, 1, sizeof(struct fuse_entry_out));
    if (request != NULL)
        request->late = FUSE_LATE_ENTRY;
    int status = call(folder, &request);
    if (status == 0) {
        memcpy(&entry, request->out, sizeof(entry));
        if (entry.node == 0) {
            *valid_until_ns = fuse_moment(connection, entry.name_valid_s, entry.name_valid_ns);
            status = -LINUX_ENOENT;
        } else {
            status = fuse_node_get(connection, &entry, found);
            if (status == 0)
                *valid_until_ns = fuse_node_of(*found)->name_valid_ns;
        }
    }
    fuse_request_give_back(request);
    return status;
}

/* The reply begins with an entry: of what was made, which has to be of that kind. */
static int call_for_entry(struct inode *folder, struct fuse_request **request, uint32_t mode, struct inode **made) {
    struct fuse_connection *connection = fuse_of(folder);
    struct fuse_entry_out entry;
    if (*request != NULL)
        (*request)->late = FUSE_LATE_ENTRY;
    int status = call(folder, request);
    fuse_node_expire(folder);
    if (status != 0)
        return status;
    memcpy(&entry, (*request)->out, sizeof(entry));
    status = fuse_node_get(connection, &entry, made);
    if (status == 0 && inode_kind(*made) != (mode & LINUX_S_IFMT)) {
        inode_unref(*made);
        status = -LINUX_EIO;
    }
    return status;
}

/* Device numbers as they travel: 8 bits, 12 bits, 12 bits of the minor, major, minor. */
static uint32_t device_of(uint64_t device) {
    uint32_t major = vfs_device_major(device), minor = vfs_device_minor(device);
    return (minor & 0xff) | major << 8 | (minor & ~0xffu) << 12;
}

int fuse_make(struct inode *folder, const struct name *name, const struct inode_plan *plan, struct inode **made) {
    uint32_t kind = plan->mode & LINUX_S_IFMT;
    struct fuse_request *request;
    if (kind == LINUX_S_IFDIR) {
        struct fuse_mkdir_in in = {.mode = plan->mode & ~LINUX_S_IFMT};
        request = request_for(folder, FUSE_OP_MKDIR, &in, sizeof(in), name, 1, sizeof(struct fuse_entry_out));
    } else if (kind == LINUX_S_IFLNK) {
        const struct name names[] = {*name, {.text = plan->link_text, .size_bytes = plan->link_bytes}};
        request = request_for(folder, FUSE_OP_SYMLINK, NULL, 0, names, 2, sizeof(struct fuse_entry_out));
    } else {
        struct fuse_mknod_in in = {.mode = plan->mode, .device = device_of(plan->device)};
        request = request_for(folder, FUSE_OP_MKNOD, &in, sizeof(in), name, 1, sizeof(struct fuse_entry_out));
    }
    int status = call_for_entry(folder, &request, plan->mode, made);
    fuse_request_give_back(request);
    return status;
}

static void drop(void *handle) {
    fuse_handle_drop(handle);
}

/* The tree's lock is held. */
static int created(struct inode *folder, struct fuse_request **request, const struct inode_plan *plan,
                   struct fuse_handle *handle, struct open_intent *intent, struct inode **made) {
    int status = call_for_entry(folder, request, plan->mode, made);
    if (status != 0)
        return status;
    const struct fuse_create_out *out = (const void *)(*request)->out;
    handle->node = fuse_node_of(*made)->node;
    handle->release->header->node = handle->node;
    handle->handle = out->open.handle;
    handle->flags = out->open.flags;
    intent->handle = handle;
    intent->drop = drop;
    return 0;
}

int fuse_create(struct inode *folder, const struct name *name, const struct inode_plan *plan,
                struct open_intent *intent, struct inode **made) {
    struct fuse_connection *connection = fuse_of(folder);
    uint32_t flags = intent->flags & ~(LINUX_O_NOCTTY | LINUX_O_EXCL | LINUX_O_TRUNC | LINUX_O_CLOEXEC);
    struct fuse_create_in in = {.flags = flags, .mode = plan->mode};
    if (fuse_is_missing(connection, FUSE_OP_CREATE))
        return fuse_make(folder, name, plan, made);
    struct fuse_handle *handle = fuse_handle_make(connection, 0, false, flags);
    if (handle == NULL)
        return -LINUX_ENOMEM;
    struct fuse_request *request =
        request_for(folder, FUSE_OP_CREATE, &in, sizeof(in), name, 1, sizeof(struct fuse_create_out));
    int status = created(folder, &request, plan, handle, intent, made);
    if (status != 0) { /* there is nothing to release */
        handle->is_unknown = true;
        vfs_unlock(folder->system->vfs);
        fuse_handle_drop(handle);
        vfs_lock(folder->system->vfs);
    }
    fuse_request_give_back(request);
    return status == -LINUX_ENOSYS ? fuse_make(folder, name, plan, made) : status;
}

/* Servers that know files by their paths call the new name another file. */
int fuse_link_as(struct inode *folder, const struct name *name, struct inode *inode, struct inode **named) {
    struct fuse_link_in in = {.node = fuse_node_of(inode)->node};
    struct fuse_request *request =
        request_for(folder, FUSE_OP_LINK, &in, sizeof(in), name, 1, sizeof(struct fuse_entry_out));
    int status = call_for_entry(folder, &request, inode->mode, named);
    fuse_request_give_back(request);
    fuse_node_expire(inode);
    return status == -LINUX_ENOSYS ? -LINUX_EPERM : status;
}

int fuse_remove(struct inode *folder, const struct name *name, struct inode *inode) {
    bool is_folder = inode_is_folder(inode);
    int status = do_call(folder, request_for(folder, is_folder ? FUSE_OP_RMDIR : FUSE_OP_UNLINK, NULL, 0, name, 1, 0));
    if (status != 0)
        return status;
    spinlock_lock(&inode->lock);
    if (is_folder)
        inode->links = 0;
    else if (inode->links > 0)
        inode->links--;
    spinlock_unlock(&inode->lock);
    fuse_node_expire(inode);
    return 0;
}

int fuse_rename(struct inode *from, const struct name *from_name, struct inode *to, const struct name *to_name,
                bool is_exchange) {
    const struct name names[] = {*from_name, *to_name};
    struct fuse_rename2_in exchange = {.folder = fuse_node_of(to)->node, .flags = LINUX_RENAME_EXCHANGE};
    struct fuse_rename_in plain = {.folder = fuse_node_of(to)->node};
    struct fuse_request *request = is_exchange
                                       ? request_for(from, FUSE_OP_RENAME2, &exchange, sizeof(exchange), names, 2, 0)
                                       : request_for(from, FUSE_OP_RENAME, &plain, sizeof(plain), names, 2, 0);
    int status = do_call(from, request);
    fuse_node_expire(to);
    return is_exchange && status == -LINUX_ENOSYS ? -LINUX_EINVAL : status;
}
