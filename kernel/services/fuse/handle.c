/* Open files and folders as the server knows them: see fuse.h. */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define NOT_FOR_SERVERS (LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_NOCTTY | LINUX_O_TRUNC | LINUX_O_CLOEXEC)

static const struct vfs_machine *machine_of(const struct fuse_connection *connection) {
    return connection->system.vfs->machine;
}

struct fuse_handle *fuse_handle_make(struct fuse_connection *connection, uint64_t node, bool is_folder,
                                     uint32_t open_flags) {
    enum fuse_operation operation = is_folder ? FUSE_OP_RELEASEDIR : FUSE_OP_RELEASE;
    struct fuse_handle *made = machine_take(machine_of(connection), sizeof(*made));
    struct fuse_request *release =
        made != NULL ? fuse_request_make(connection, operation, node, sizeof(struct fuse_release_in), 0, 0) : NULL;
    if (release == NULL) {
        if (made != NULL)
            machine_give_back(machine_of(connection), made, sizeof(*made));
        return NULL;
    }
    *made = (struct fuse_handle){.connection = connection,
                                 .release = release,
                                 .node = node,
                                 .open_flags = open_flags,
                                 .is_folder = is_folder,
                                 .holders = 1};
    fuse_hold(connection);
    return made;
}

void fuse_handle_drop(void *dropped) {
    struct fuse_handle *handle = dropped;
    struct fuse_connection *connection = handle->connection;
    struct fuse_release_in in = {.handle = handle->handle, .flags = handle->open_flags};
    memcpy(fuse_body(handle->release), &in, sizeof(in));
    if (handle->is_unknown)
        fuse_request_give_back(handle->release);
    else
        fuse_send(handle->release);
    fuse_request_give_back(handle->entries);
    machine_give_back(machine_of(connection), handle, sizeof(*handle));
    fuse_let_go(connection);
}

/* ---- opening ---- */

/* OPEN or OPENDIR. A server that has neither needs no handles. */
static int ask(struct inode *inode, uint32_t open_flags, struct fuse_handle **opened) {
    struct fuse_connection *connection = fuse_of(inode);
    bool is_folder = inode_is_folder(inode);
    struct fuse_open_out out = {.handle = 0, .flags = FUSE_FOPEN_KEEP_CACHE};
    struct fuse_open_in in = {.flags = open_flags};
    enum fuse_operation operation = is_folder ? FUSE_OP_OPENDIR : FUSE_OP_OPEN;
    struct fuse_handle *handle = fuse_handle_make(connection, fuse_node_of(inode)->node, is_folder, open_flags);
    if (handle == NULL)
        return -LINUX_ENOMEM;
    handle->is_unknown = true;
    struct fuse_request *request =
        fuse_request_make(connection, operation, handle->node, sizeof(in), sizeof(out), sizeof(out));
    int status = -LINUX_ENOMEM;
    if (request != NULL) {
        memcpy(fuse_body(request), &in, sizeof(in));
        request->late = FUSE_LATE_OPEN;
        status = fuse_call(&request);
        if (status == 0)
            memcpy(&out, request->out, sizeof(out));
        fuse_request_give_back(request);
    }
    if (status != 0 && status != -LINUX_ENOSYS) {
        fuse_handle_drop(handle);
        return status;
    }
    handle->is_unknown = status != 0;
    handle->handle = out.handle;
    handle->flags = out.flags;
    *opened = handle;
    return 0;
}

static void take_in(struct inode *inode, struct fuse_handle *handle) {
    spinlock_lock(&inode->lock);
    list_append(&fuse_node_of(inode)->handles, &handle->link);
    spinlock_unlock(&inode->lock);
}

int fuse_open(struct open_file *file) {
    struct inode *inode = file->inode;
    struct fuse_handle *handle = fuse_handle_of(file);
    int status = handle == NULL ? ask(inode, file->flags & ~NOT_FOR_SERVERS, &handle) : 0;
    if (status != 0)
        return status;
    file->object = handle;
    take_in(inode, handle);
    if (!handle->is_folder && (handle->flags & FUSE_FOPEN_KEEP_CACHE) == 0)
        fuse_pages_cut(inode, 0, UINT64_MAX);
    return 0;
}

static void let_go(struct inode *inode, struct fuse_handle *handle) {
    spinlock_lock(&inode->lock);
    bool is_last = --handle->holders == 0;
    if (is_last)
        list_remove(&handle->link);
    spinlock_unlock(&inode->lock);
    if (is_last)
        fuse_handle_drop(handle);
}

void fuse_close(struct open_file *file) {
    let_go(file->inode, fuse_handle_of(file));
}

/* ---- for pages, which no open file asks for ---- */

static bool may_read(const struct fuse_handle *handle) {
    return (vfs_open_access(handle->open_flags) & LINUX_R_OK) != 0;
}

static struct fuse_handle *find_reader(struct inode *inode) {
    struct list *handles = &fuse_node_of(inode)->handles;
    struct fuse_handle *found = NULL;
    spinlock_lock(&inode->lock);
    for (struct list *link = handles->next; link != handles && found == NULL; link = link->next)
        if (may_read(list_item(link, struct fuse_handle, link)))
            found = list_item(link, struct fuse_handle, link);
    if (found != NULL)
        found->holders++;
    spinlock_unlock(&inode->lock);
    return found;
}

int fuse_handle_for_pages(struct inode *inode, struct fuse_handle **handle) {
    struct fuse_handle *found = find_reader(inode);
    if (found == NULL) {
        int status = ask(inode, LINUX_O_RDONLY, &found);
        if (status != 0)
            return status;
        found->holders++; /* stays as long as the inode */
        take_in(inode, found);
    }
    *handle = found;
    return 0;
}

void fuse_handle_unuse(struct inode *inode, struct fuse_handle *handle) {
    let_go(inode, handle);
}

/* ---- closing a descriptor, and fsync ---- */

int fuse_flush(struct open_file *file) {
    struct fuse_connection *connection = fuse_of(file->inode);
    const struct fuse_handle *handle = fuse_handle_of(file);
    struct fuse_flush_in in = {.handle = handle->handle};
    if (handle->is_folder || fuse_is_missing(connection, FUSE_OP_FLUSH))
        return 0;
    struct fuse_request *request = fuse_request_make(connection, FUSE_OP_FLUSH, handle->node, sizeof(in), 0, 0);
    if (request == NULL)
        return -LINUX_ENOMEM;
    memcpy(fuse_body(request), &in, sizeof(in));
    if (connection->host->must_end()) { /* who ends does not wait for what the server says to that */
        fuse_send(request);
        return 0;
    }
    int status = fuse_call(&request);
    fuse_request_give_back(request);
    return status == -LINUX_ENOSYS ? 0 : status;
}

int fuse_sync(struct open_file *file, bool only_data) {
    const struct fuse_handle *handle = fuse_handle_of(file);
    struct fuse_fsync_in in = {.handle = handle->handle, .flags = only_data ? FUSE_SYNC_ONLY_DATA : 0};
    enum fuse_operation operation = handle->is_folder ? FUSE_OP_FSYNCDIR : FUSE_OP_FSYNC;
    int status = fuse_ask(handle->connection, operation, handle->node, &in, sizeof(in), NULL, 0);
    return status == -LINUX_ENOSYS ? 0 : status;
}
