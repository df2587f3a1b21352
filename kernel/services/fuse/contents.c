/*
 * Contents of files. Reads go through pages that are kept here, unless the server wants all of them itself (direct I/O);
 * writes go to the server at once, and change what is kept. See fuse.h.
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define PAGE_TRIES 4u
#define AHEAD_BYTES (UINT64_C(4) * VFS_PAGE_BYTES)

static uint32_t read_bytes_max(const struct fuse_connection *connection) {
    uint32_t most = FUSE_PAGES_MAX * VFS_PAGE_BYTES, limit = connection->options.read_bytes_max;
    return limit >= VFS_PAGE_BYTES && limit < most ? limit / VFS_PAGE_BYTES * VFS_PAGE_BYTES : most;
}

int fuse_fetch(struct inode *inode, uint64_t handle, uint32_t open_flags, uint64_t offset, uint32_t size_bytes,
               struct fuse_request **fetched) {
    struct fuse_read_in in = {.handle = handle, .offset = offset, .size_bytes = size_bytes, .flags = open_flags};
    struct fuse_request *request =
        fuse_request_make(fuse_of(inode), FUSE_OP_READ, fuse_node_of(inode)->node, sizeof(in), 0, size_bytes);
    if (request == NULL)
        return -LINUX_ENOMEM;
    memcpy(fuse_body(request), &in, sizeof(in));
    int status = fuse_call(&request);
    if (status != 0)
        fuse_request_give_back(request);
    else
        *fetched = request;
    return status;
}

/* ---- reading ---- */

static int read_directly(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    const struct fuse_handle *handle = fuse_handle_of(file);
    uint32_t most = read_bytes_max(handle->connection);
    while (transfer->left_bytes > 0) {
        struct fuse_request *fetched;
        uint32_t wanted = (uint32_t)fuse_least(transfer->left_bytes, most);
        int status = fuse_fetch(file->inode, handle->handle, file_flags(file), offset, wanted, &fetched);
        if (status != 0)
            return status;
        size_t got = fetched->out_bytes;
        status = transfer_all_out(transfer, fetched->out, got);
        fuse_request_give_back(fetched);
        if (status != 0)
            return status;
        offset += got;
        *done_bytes += got;
        if (got < wanted)
            return 0;
    }
    return 0;
}

/* Whole pages around a place up to the end of the file: what is wanted, and a few more for who reads on. */
static uint32_t bytes_to_fetch(struct inode *inode, uint64_t offset, uint64_t size, size_t wanted) {
    uint64_t start = offset / VFS_PAGE_BYTES * VFS_PAGE_BYTES;
    uint64_t end = offset + wanted + AHEAD_BYTES;
    end = (end + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES * VFS_PAGE_BYTES;
    uint64_t last = (size + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES * VFS_PAGE_BYTES;
    end = end < last ? end : last;
    if (end <= start)
        return 0;
    return (uint32_t)fuse_least(end - start, read_bytes_max(fuse_of(inode)));
}

/* From the server, into the cache and the program. What the server leaves out before the end is zeros. */
static int fetch_and_copy(struct inode *inode, const struct fuse_handle *handle, uint64_t offset, uint64_t size,
                          struct transfer *transfer, size_t *copied) {
    uint64_t version = fuse_pages_version(inode), start = offset / VFS_PAGE_BYTES * VFS_PAGE_BYTES;
    uint32_t bytes = bytes_to_fetch(inode, offset, size, transfer->left_bytes);
    struct fuse_request *fetched;
    *copied = 0;
    if (bytes == 0) /* the file became shorter */
        return 0;
    int status = fuse_fetch(inode, handle->handle, handle->open_flags, start, bytes, &fetched);
    if (status != 0)
        return status;
    memset(fetched->out + fetched->out_bytes, 0, bytes - fetched->out_bytes);
    fuse_pages_keep(inode, version, start, fetched->out, bytes);
    size_t wanted = fuse_least(fuse_least(start + bytes, size) - offset, transfer->left_bytes);
    status = transfer_all_out(transfer, fetched->out + (offset - start), wanted);
    fuse_request_give_back(fetched);
    *copied = status == 0 ? wanted : 0;
    return status;
}

static int read_cached(struct inode *inode, const struct fuse_handle *handle, uint64_t offset,
                       struct transfer *transfer, size_t *done_bytes) {
    uint64_t size = inode_size(inode);
    if (__atomic_load_n(&fuse_node_of(inode)->is_stale, __ATOMIC_RELAXED))
        fuse_pages_cut(inode, 0, UINT64_MAX);
    while (transfer->left_bytes > 0 && offset < size) {
        bool is_short = false;
        size_t copied = 0;
        int status = 0;
        if (!fuse_pages_read(inode, offset, transfer, &copied, &is_short))
            status = fetch_and_copy(inode, handle, offset, size, transfer, &copied);
        else if (is_short)
            status = transfer_bring_in(transfer);
        else if (copied == 0)
            return 0; /* the file became shorter */
        offset += copied;
        *done_bytes += copied;
        if (status != 0)
            return status;
    }
    return 0;
}

int fuse_read_file(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    const struct fuse_handle *handle = fuse_handle_of(file);
    if ((handle->flags & FUSE_FOPEN_DIRECT_IO) != 0 || (file_flags(file) & LINUX_O_DIRECT) != 0)
        return read_directly(file, offset, transfer, done_bytes);
    int status = fuse_node_refresh(file->inode, file);
    return status != 0 ? status : read_cached(file->inode, handle, offset, transfer, done_bytes);
}

int fuse_read(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    struct fuse_handle *handle;
    int status = fuse_handle_for_pages(inode, &handle);
    if (status != 0)
        return status;
    status = read_cached(inode, handle, offset, transfer, done_bytes);
    fuse_handle_unuse(inode, handle);
    return status;
}

/* The page if it is kept, held. -LINUX_EFAULT: it lies behind the end; -LINUX_ENOENT: it is not kept. */
static int find_page(struct inode *inode, uint64_t number, void (*hold)(void *page), void **page) {
    spinlock_lock(&inode->lock);
    uint64_t whole = inode->size_bytes / VFS_PAGE_BYTES;
    bool is_inside = number < whole || (number == whole && inode->size_bytes % VFS_PAGE_BYTES != 0);
    void *found = is_inside ? page_tree_find(&fuse_node_of(inode)->pages, number) : NULL;
    if (found != NULL) {
        hold(found);
        *page = found;
    }
    spinlock_unlock(&inode->lock);
    if (!is_inside)
        return -LINUX_EFAULT;
    return found != NULL ? 0 : -LINUX_ENOENT;
}

int fuse_page(struct inode *inode, uint64_t number, bool is_made, void (*hold)(void *page), void **page) {
    struct fuse_handle *handle;
    struct transfer nowhere;
    size_t copied;
    transfer_init(&nowhere, NULL, 0);
    int status = find_page(inode, number, hold, page);
    if (status != -LINUX_ENOENT || !is_made)
        return status;
    int asked = fuse_handle_for_pages(inode, &handle);
    if (asked != 0)
        return asked;
    /* Thrown out as fast as it comes, or no memory to keep it: not for ever. */
    for (uint32_t tries = 0; tries < PAGE_TRIES && asked == 0 && status == -LINUX_ENOENT; tries++) {
        asked = fetch_and_copy(inode, handle, number * VFS_PAGE_BYTES, inode_size(inode), &nowhere, &copied);
        status = asked == 0 ? find_page(inode, number, hold, page) : asked;
    }
    fuse_handle_unuse(inode, handle);
    return status == -LINUX_ENOENT ? -LINUX_ENOMEM : status;
}

/* ---- writing ---- */

static int write_step(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done) {
    const struct fuse_handle *handle = fuse_handle_of(file);
    struct fuse_connection *connection = handle->connection;
    size_t bytes = fuse_least(transfer->left_bytes, connection->write_bytes_max);
    struct fuse_write_in in = {
        .handle = handle->handle, .offset = offset, .size_bytes = (uint32_t)bytes, .flags = file_flags(file)};
    struct fuse_request *request = fuse_request_make(connection, FUSE_OP_WRITE, handle->node, sizeof(in) + bytes,
                                                     sizeof(struct fuse_write_out), sizeof(struct fuse_write_out));
    if (request == NULL)
        return -LINUX_ENOMEM;
    uint8_t *body = fuse_body(request);
    memcpy(body, &in, sizeof(in));
    int status = transfer_all_in(transfer, body + sizeof(in), bytes);
    if (status == 0)
        status = fuse_call(&request);
    struct fuse_write_out out = {.size_bytes = 0};
    if (status == 0) {
        memcpy(&out, request->out, sizeof(out));
        status = out.size_bytes > bytes || out.size_bytes == 0 ? -LINUX_EIO : 0;
    }
    if (status == 0) {
        *done = out.size_bytes;
        fuse_pages_write(file->inode, offset, (uint8_t *)fuse_body(request) + sizeof(in), out.size_bytes);
    }
    fuse_request_give_back(request);
    return status;
}

int fuse_write_file(struct open_file *file, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    int status = 0;
    while (status == 0 && transfer->left_bytes > 0) {
        size_t wanted = fuse_least(transfer->left_bytes, fuse_handle_of(file)->connection->write_bytes_max), done = 0;
        status = write_step(file, offset, transfer, &done);
        offset += done;
        *done_bytes += done;
        if (done < wanted)
            break;
    }
    fuse_node_expire(file->inode);
    return status;
}

/* ---- holes and room ---- */

int fuse_seek_file(struct open_file *file, uint64_t offset, bool to_hole, uint64_t *found) {
    const struct fuse_handle *handle = fuse_handle_of(file);
    struct fuse_lseek_in in = {
        .handle = handle->handle, .offset = offset, .whence = to_hole ? LINUX_SEEK_HOLE : LINUX_SEEK_DATA};
    struct fuse_lseek_out out;
    int status = fuse_ask(handle->connection, FUSE_OP_LSEEK, handle->node, &in, sizeof(in), &out, sizeof(out));
    if (status == -LINUX_ENOSYS) { /* one piece of data, as on Linux */
        status = fuse_node_refresh(file->inode, file);
        uint64_t size = inode_size(file->inode);
        if (status == 0 && offset >= size)
            status = -LINUX_ENXIO;
        out.offset = to_hole ? size : offset;
    }
    if (status == 0 && (out.offset < offset || out.offset > INT64_MAX))
        status = -LINUX_EIO;
    if (status == 0)
        *found = out.offset;
    return status;
}

int fuse_allocate_file(struct open_file *file, uint32_t mode, uint64_t offset, uint64_t size_bytes) {
    const struct fuse_handle *handle = fuse_handle_of(file);
    struct inode *inode = file->inode;
    struct fuse_fallocate_in in = {.handle = handle->handle, .offset = offset, .size_bytes = size_bytes, .mode = mode};
    int status = sleep_lock_try(&inode->writers, file->vfs->machine);
    if (status != 0)
        return status;
    status = fuse_ask(handle->connection, FUSE_OP_FALLOCATE, handle->node, &in, sizeof(in), NULL, 0);
    fuse_node_expire(inode);
    if (status == 0) {
        fuse_pages_cut(inode, 0, UINT64_MAX);
        (void)fuse_node_refresh(inode, file);
    }
    sleep_lock_give_up(&inode->writers, file->vfs->machine);
    return status == -LINUX_ENOSYS ? -LINUX_EOPNOTSUPP : status;
}

/* ---- what can be done with inodes of each kind ---- */

const struct inode_operations fuse_file_operations = {.valid_until = fuse_node_valid_until,
                                                      .refresh = fuse_node_refresh,
                                                      .change = fuse_node_change,
                                                      .access = fuse_node_access,
                                                      .open = fuse_open,
                                                      .read_file = fuse_read_file,
                                                      .write_file = fuse_write_file,
                                                      .seek_file = fuse_seek_file,
                                                      .allocate_file = fuse_allocate_file,
                                                      .flush = fuse_flush,
                                                      .close = fuse_close,
                                                      .sync = fuse_sync,
                                                      .read = fuse_read,
                                                      .resize = fuse_node_resize,
                                                      .page = fuse_page,
                                                      .has_no_shared_writes = true,
                                                      .release = fuse_node_release};

const struct inode_operations fuse_folder_operations = {.look_up = fuse_look_up,
                                                        .make = fuse_make,
                                                        .create = fuse_create,
                                                        .link_as = fuse_link_as,
                                                        .remove = fuse_remove,
                                                        .rename = fuse_rename,
                                                        .valid_until = fuse_node_valid_until,
                                                        .refresh = fuse_node_refresh,
                                                        .change = fuse_node_change,
                                                        .access = fuse_node_access,
                                                        .open = fuse_open,
                                                        .next_entry = fuse_next_entry,
                                                        .close = fuse_close,
                                                        .sync = fuse_sync,
                                                        .release = fuse_node_release};

const struct inode_operations fuse_link_operations = {.valid_until = fuse_node_valid_until,
                                                      .refresh = fuse_node_refresh,
                                                      .change = fuse_node_change,
                                                      .read_link = fuse_read_link,
                                                      .link_text = fuse_link_text,
                                                      .release = fuse_node_release};

/* Devices, pipes and sockets: the kernel's own behind a name of the server's. */
const struct inode_operations fuse_other_operations = {.valid_until = fuse_node_valid_until,
                                                       .refresh = fuse_node_refresh,
                                                       .change = fuse_node_change,
                                                       .access = fuse_node_access,
                                                       .release = fuse_node_release};
