/*
 * Pages of files that are kept: see fuse.h. Each is that of the server, up to the file's end and zeros behind it.
 *
 * A connection keeps FUSE_CACHED_PAGES_MAX at most: then all pages of the inode go that began to have some longest ago.
 */
#include "kernel/services/fuse/fuse.h"

#include "kernel/services/vfs/errors.h"

#include <string.h>

#define STEP_PAGES 64u

static const struct vfs_machine *machine_of(const struct inode *inode) {
    return inode->system->vfs->machine;
}

uint64_t fuse_pages_version(struct inode *inode) {
    spinlock_lock(&inode->lock);
    uint64_t version = fuse_node_of(inode)->version;
    spinlock_unlock(&inode->lock);
    return version;
}

/* ---- room ---- */

/* The oldest inode with pages, counted, or NULL. */
static struct inode *oldest(struct fuse_connection *connection) {
    struct vfs *vfs = connection->system.vfs;
    vfs_lock(vfs);
    spinlock_lock(&connection->lock);
    struct fuse_node *node = list_first_item(&connection->cached, struct fuse_node, cached_link);
    if (node != NULL)
        list_remove(&node->cached_link);
    spinlock_unlock(&connection->lock);
    struct inode *inode = node != NULL && node->inode.references > 0 ? inode_ref(&node->inode) : NULL;
    vfs_unlock(vfs);
    return inode;
}

static void make_room(struct fuse_connection *connection, uint32_t pages) {
    struct vfs *vfs = connection->system.vfs;
    struct inode *inode;
    while (__atomic_load_n(&connection->cached_pages, __ATOMIC_RELAXED) + pages > FUSE_CACHED_PAGES_MAX &&
           (inode = oldest(connection)) != NULL) {
        fuse_pages_cut(inode, 0, UINT64_MAX);
        vfs_lock(vfs);
        inode_unref(inode);
        vfs_unlock(vfs);
    }
}

static void note_cached(struct inode *inode) {
    struct fuse_connection *connection = fuse_of(inode);
    struct fuse_node *node = fuse_node_of(inode);
    spinlock_lock(&connection->lock);
    if (!list_is_linked(&node->cached_link))
        list_append(&connection->cached, &node->cached_link);
    spinlock_unlock(&connection->lock);
}

/* ---- keeping ---- */

/* False: no more is kept. */
static bool keep_page(struct inode *inode, uint64_t version, uint64_t number, const uint8_t *bytes) {
    struct fuse_node *node = fuse_node_of(inode);
    const struct vfs_machine *machine = machine_of(inode);
    uint8_t *page = machine->take_page(machine->context);
    if (page == NULL)
        return false;
    memcpy(page, bytes, VFS_PAGE_BYTES);
    spinlock_lock(&inode->lock);
    bool is_kept = node->version == version && page_tree_find(&node->pages, number) == NULL &&
                   page_tree_add(&node->pages, machine, number, page) == 0;
    bool is_current = node->version == version;
    spinlock_unlock(&inode->lock);
    if (is_kept)
        __atomic_add_fetch(&fuse_of(inode)->cached_pages, 1, __ATOMIC_RELAXED);
    else
        machine->give_page_back(machine->context, page);
    return is_current;
}

void fuse_pages_keep(struct inode *inode, uint64_t version, uint64_t offset, const uint8_t *bytes, size_t size_bytes) {
    uint32_t pages = (uint32_t)(size_bytes / VFS_PAGE_BYTES);
    make_room(fuse_of(inode), pages);
    for (uint32_t i = 0; i < pages; i++)
        if (!keep_page(inode, version, offset / VFS_PAGE_BYTES + i, bytes + (size_t)i * VFS_PAGE_BYTES))
            break;
    note_cached(inode);
}

bool fuse_pages_read(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *copied, bool *is_short) {
    uint32_t in_page = (uint32_t)(offset % VFS_PAGE_BYTES);
    spinlock_lock(&inode->lock);
    const uint8_t *page = page_tree_find(&fuse_node_of(inode)->pages, offset / VFS_PAGE_BYTES);
    size_t wanted = offset < inode->size_bytes ? fuse_least(inode->size_bytes - offset, VFS_PAGE_BYTES - in_page) : 0;
    wanted = fuse_least(wanted, transfer->left_bytes);
    *copied = page != NULL ? transfer_out(transfer, page + in_page, wanted) : 0;
    spinlock_unlock(&inode->lock);
    *is_short = *copied < wanted;
    return page != NULL;
}

void fuse_pages_write(struct inode *inode, uint64_t offset, const uint8_t *bytes, size_t size_bytes) {
    struct fuse_node *node = fuse_node_of(inode);
    uint64_t end = offset + size_bytes;
    while (offset < end) {
        uint32_t in_page = (uint32_t)(offset % VFS_PAGE_BYTES);
        size_t piece = fuse_least(end - offset, VFS_PAGE_BYTES - in_page);
        spinlock_lock(&inode->lock);
        uint8_t *page = page_tree_find(&node->pages, offset / VFS_PAGE_BYTES);
        if (page != NULL)
            memcpy(page + in_page, bytes, piece);
        node->version++; /* what is being read elsewhere may be older than this */
        if (offset + piece > inode->size_bytes)
            inode->size_bytes = offset + piece;
        spinlock_unlock(&inode->lock);
        offset += piece;
        bytes += piece;
    }
}

/* ---- throwing out ---- */

/* Up to STEP_PAGES of [first, end). False: none was there. */
static bool remove_some(struct inode *inode, uint64_t first, uint64_t end) {
    struct fuse_node *node = fuse_node_of(inode);
    uint32_t removed = 0;
    spinlock_lock(&inode->lock);
    node->version++;
    node->is_stale = node->is_stale && first > 0;
    uint64_t number = first;
    while (removed < STEP_PAGES && page_tree_next(&node->pages, number, &number) && number < end)
        removed += page_tree_remove(&node->pages, machine_of(inode), number, 1);
    spinlock_unlock(&inode->lock);
    __atomic_sub_fetch(&fuse_of(inode)->cached_pages, removed, __ATOMIC_RELAXED);
    return removed > 0;
}

void fuse_pages_cut(struct inode *inode, uint64_t first, uint64_t end) {
    while (remove_some(inode, first, end))
        continue;
    inode_cut(inode, first, end);
}

void fuse_pages_release(struct inode *inode) {
    struct fuse_connection *connection = fuse_of(inode);
    while (remove_some(inode, 0, UINT64_MAX))
        continue;
    spinlock_lock(&connection->lock);
    list_remove(&fuse_node_of(inode)->cached_link);
    spinlock_unlock(&connection->lock);
}
