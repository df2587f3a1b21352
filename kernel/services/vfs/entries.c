/*
 * getdents64: see file.h. An entry of Linux is
 *
 *     0 inode number, 8 bytes   8 position behind it, 8   16 bytes of this entry, 2   18 kind, 1   19 name, ended by 0
 *
 * and is filled up to a multiple of 8 bytes. Positions 0 and 1 are "." and ".."; the others are the file system's.
 */
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/file.h"

#include <string.h>

#define NAME_AT 19u
#define ENTRY_BYTES_MAX ((NAME_AT + VFS_NAME_MAX + 1 + 7) & ~7u)

struct entry_bytes {
    uint8_t bytes[ENTRY_BYTES_MAX];
    uint16_t size_bytes;
    uint64_t next;
};

static void lay_out(const struct folder_entry *entry, struct entry_bytes *laid) {
    uint8_t kind = (uint8_t)((entry->mode & LINUX_S_IFMT) >> 12);
    memset(laid->bytes, 0, sizeof(laid->bytes));
    laid->size_bytes = (uint16_t)((NAME_AT + entry->name.size_bytes + 1 + 7) & ~7u);
    laid->next = entry->next;
    memcpy(laid->bytes, &entry->number, 8);
    memcpy(laid->bytes + 8, &entry->next, 8);
    memcpy(laid->bytes + 16, &laid->size_bytes, 2);
    laid->bytes[18] = kind;
    memcpy(laid->bytes + NAME_AT, entry->name.text, entry->name.size_bytes);
}

/* The tree's lock is held, since names are the folder's. False: the end. */
static bool find_entry(const struct open_file *file, struct entry_bytes *laid) {
    const struct dentry *dentry = file->path.dentry;
    struct folder_entry entry = {.name = {.text = "..", .size_bytes = file->position == 0 ? 1 : 2},
                                 .mode = LINUX_S_IFDIR,
                                 .next = file->position + 1,
                                 .number = file->inode->number};
    if (file->position > 1) {
        if (!file->inode->operations->entry_at(file->inode, file->position, &entry))
            return false;
    } else if (file->position == 1 && dentry != file->path.mount->root && dentry->parent != NULL) {
        entry.number = dentry->parent->inode->number;
    }
    lay_out(&entry, laid);
    return true;
}

/* All of an entry, or an error. */
static int copy_out(struct transfer *transfer, const struct entry_bytes *laid) {
    size_t done = 0;
    while (done < laid->size_bytes) {
        done += transfer_out(transfer, laid->bytes + done, laid->size_bytes - done);
        int status = done < laid->size_bytes ? transfer_bring_in(transfer) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

/* Of a file system that answers later: without the lock. 1, 0 at the end, or an error. */
static int next_entry(struct open_file *file, struct entry_bytes *laid) {
    struct folder_entry entry;
    int status = file->inode->operations->next_entry(file, file->position, &entry);
    if (status == 1)
        lay_out(&entry, laid);
    return status;
}

static int read_entries(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct entry_bytes laid;
    for (;;) {
        bool is_asked = file->inode->operations->next_entry != NULL;
        int asked = is_asked ? next_entry(file, &laid) : 0;
        if (asked < 0)
            return asked;
        vfs_lock(file->vfs);
        bool is_removed = file->inode->links == 0;
        bool is_there = is_asked ? asked == 1 : !is_removed && find_entry(file, &laid);
        vfs_unlock(file->vfs);
        if (is_removed)
            return -LINUX_ENOENT;
        if (!is_there)
            return 0;
        if (laid.size_bytes > transfer->left_bytes)
            return -LINUX_EINVAL;
        int status = copy_out(transfer, &laid);
        if (status != 0)
            return status;
        *done_bytes += laid.size_bytes;
        file->position = laid.next;
    }
}

int file_read_folder(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    if ((file_flags(file) & LINUX_O_PATH) != 0)
        return -LINUX_EBADF;
    if (file->operations != NULL || !inode_is_folder(file->inode))
        return -LINUX_ENOTDIR;
    int status = 0;
    if (file->inode->system->is_remote)
        status = sleep_lock_try(&file->position_lock, file->vfs->machine);
    else
        sleep_lock_take(&file->position_lock, file->vfs->machine);
    if (status != 0)
        return status;
    status = read_entries(file, transfer, done_bytes);
    sleep_lock_give_up(&file->position_lock, file->vfs->machine);
    return *done_bytes > 0 ? 0 : status;
}
