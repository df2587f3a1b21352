/*
 * Entries of folders: READDIR, or READDIRPLUS where the server has it, whose entries come with what LOOKUP would say. See fuse.h.
 *
 * Positions are the server's, whatever they are; each entry says the next one. A reply is kept with the open folder until the
 * program has read it. Hostile replies: an entry that does not fit, a name that is none, end the reading with EIO.
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/dentry.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define REPLY_BYTES VFS_PAGE_BYTES

static bool is_plus(const struct fuse_connection *connection) {
    return (connection->flags & FUSE_HAS_READDIRPLUS) != 0 && !fuse_is_missing(connection, FUSE_OP_READDIRPLUS);
}

/* An entry at `at` of a reply: its place and size. 0: the reply ends; 1: it is there; -LINUX_EIO. */
static int parse(const struct fuse_request *reply, size_t at, size_t head_bytes, struct fuse_dirent *dirent,
                 const char **name, size_t *entry_bytes) {
    size_t left = reply->out_bytes - at;
    if (left < head_bytes + sizeof(*dirent))
        return 0;
    memcpy(dirent, reply->out + at + head_bytes, sizeof(*dirent));
    if (dirent->name_bytes == 0 || dirent->name_bytes > FUSE_NAME_BYTES_MAX)
        return -LINUX_EIO;
    *entry_bytes = (head_bytes + sizeof(*dirent) + dirent->name_bytes + 7) & ~(size_t)7;
    if (*entry_bytes > left)
        return 0;
    *name = (const char *)reply->out + at + head_bytes + sizeof(*dirent);
    return fuse_is_name(*name, dirent->name_bytes) ? 1 : -LINUX_EIO;
}

static bool is_dots(const char *name, uint32_t bytes) {
    return name[0] == '.' && (bytes == 1 || (bytes == 2 && name[1] == '.'));
}

/* What came with an entry goes into the cache of names. */
static void offer(struct dentry *folder, const struct fuse_entry_out *entry, const char *text, uint32_t bytes) {
    struct fuse_connection *connection = list_item(folder->system, struct fuse_connection, system);
    struct name name = {.text = text, .size_bytes = bytes};
    struct inode *inode;
    if (entry->node == 0 || is_dots(text, bytes))
        return;
    if (fuse_node_get(connection, entry, &inode) == 0)
        dentry_offer(folder, &name, inode, fuse_node_of(inode)->name_valid_ns);
}

static void offer_all(struct open_file *file, const struct fuse_request *reply) {
    struct fuse_dirent dirent;
    struct fuse_entry_out entry;
    const char *name;
    size_t at = 0, bytes;
    while (parse(reply, at, sizeof(entry), &dirent, &name, &bytes) == 1) {
        memcpy(&entry, reply->out + at, sizeof(entry));
        vfs_lock(file->vfs);
        offer(file->path.dentry, &entry, name, dirent.name_bytes);
        vfs_unlock(file->vfs);
        at += bytes;
    }
}

static int ask(struct open_file *file, uint64_t at) {
    struct fuse_handle *handle = fuse_handle_of(file);
    bool with_entries = is_plus(handle->connection);
    struct fuse_read_in in = {
        .handle = handle->handle, .offset = at, .size_bytes = REPLY_BYTES, .flags = file_flags(file)};
    struct fuse_request *request =
        fuse_request_make(handle->connection, with_entries ? FUSE_OP_READDIRPLUS : FUSE_OP_READDIR, handle->node,
                          sizeof(in), 0, REPLY_BYTES);
    if (request == NULL)
        return -LINUX_ENOMEM;
    memcpy(fuse_body(request), &in, sizeof(in));
    int status = fuse_call(&request);
    if (status != 0) {
        fuse_request_give_back(request);
        return status == -LINUX_ENOSYS && with_entries ? ask(file, at)
                                                       : status; /* it is known now that there is none */
    }
    if (with_entries)
        offer_all(file, request);
    handle->entries = request;
    handle->entries_at = 0;
    handle->entries_next = at;
    return 0;
}

static void forget_reply(struct fuse_handle *handle) {
    fuse_request_give_back(handle->entries);
    handle->entries = NULL;
}

int fuse_next_entry(struct open_file *file, uint64_t at, struct folder_entry *entry) {
    struct fuse_handle *handle = fuse_handle_of(file);
    struct fuse_dirent dirent;
    const char *name;
    size_t bytes;
    if (handle->entries != NULL && handle->entries_next != at)
        forget_reply(handle);
    for (;;) {
        bool is_new = handle->entries == NULL;
        int status = is_new ? ask(file, at) : 0;
        if (status != 0)
            return status;
        if (handle->entries == NULL)
            return -LINUX_EIO;
        bool is_with = handle->entries->header->operation == FUSE_OP_READDIRPLUS;
        status = parse(handle->entries, handle->entries_at, is_with ? sizeof(struct fuse_entry_out) : 0, &dirent, &name,
                       &bytes);
        if (status == 1)
            break;
        forget_reply(handle);
        if (status < 0 || is_new)
            return status;
    }
    *entry = (struct folder_entry){.name = {.text = name, .size_bytes = dirent.name_bytes},
                                   .number = dirent.number,
                                   .mode = dirent.kind << 12 & LINUX_S_IFMT,
                                   .next = dirent.next};
    handle->entries_at += bytes;
    handle->entries_next = dirent.next;
    return 1;
}
