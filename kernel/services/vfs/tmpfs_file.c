/* Contents of tmpfs's files: see tmpfs.h. What lies behind the end of a file in its last page is zero, always. */
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/tmpfs_inside.h"

#include <string.h>

#define STEP_PAGES 64u /* given back, or looked at, while the lock is held */

static const struct vfs_machine *machine_of(const struct inode *inode) {
    return inode->system->vfs->machine;
}

static struct page_tree *pages_of(struct inode *inode) {
    return &tmpfs_inode_of(inode)->pages;
}

/* ---- budget ---- */

static bool charge_page(struct tmpfs *tmpfs) {
    uint64_t used = __atomic_add_fetch(&tmpfs->pages, 1, __ATOMIC_RELAXED);
    if (tmpfs->limits.pages_max == 0 || used <= tmpfs->limits.pages_max)
        return true;
    __atomic_sub_fetch(&tmpfs->pages, 1, __ATOMIC_RELAXED);
    return false;
}

/* The inode's lock is held. The page with this number, made if it is a hole. */
static int make_page(struct inode *inode, uint64_t number, void **page) {
    const struct vfs_machine *machine = machine_of(inode);
    *page = page_tree_find(pages_of(inode), number);
    if (*page != NULL)
        return 0;
    if (!charge_page(tmpfs_of(inode)))
        return -LINUX_ENOSPC;
    *page = machine->take_page(machine->context);
    int status = *page != NULL ? page_tree_add(pages_of(inode), machine, number, *page) : -LINUX_ENOMEM;
    if (status == 0) {
        inode->pages++;
        return 0;
    }
    if (*page != NULL)
        machine->give_page_back(machine->context, *page);
    __atomic_sub_fetch(&tmpfs_of(inode)->pages, 1, __ATOMIC_RELAXED);
    return status;
}

/* Give back all pages from number `first` on, a few at a time. */
static void remove_pages(struct inode *inode, uint64_t first) {
    uint32_t removed;
    do {
        spinlock_lock(&inode->lock);
        removed = page_tree_remove(pages_of(inode), machine_of(inode), first, STEP_PAGES);
        inode->pages -= removed;
        spinlock_unlock(&inode->lock);
        __atomic_sub_fetch(&tmpfs_of(inode)->pages, removed, __ATOMIC_RELAXED);
    } while (removed > 0);
}

/* ---- reading and writing ---- */

static size_t least(uint64_t a, uint64_t b) {
    return (size_t)(a < b ? a : b);
}

/* Up to the end of one page. Returns false at the end of the file; *is_short: a page of the program's is missing. */
static bool read_page(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *copied, bool *is_short) {
    uint32_t in_page = (uint32_t)(offset % VFS_PAGE_BYTES);
    spinlock_lock(&inode->lock);
    bool is_inside = offset < inode->size_bytes;
    size_t wanted = is_inside ? least(inode->size_bytes - offset, VFS_PAGE_BYTES - in_page) : 0;
    wanted = least(wanted, transfer->left_bytes);
    const uint8_t *page = page_tree_find(pages_of(inode), offset / VFS_PAGE_BYTES);
    *copied = page != NULL ? transfer_out(transfer, page + in_page, wanted) : transfer_zeros(transfer, wanted);
    spinlock_unlock(&inode->lock);
    *is_short = *copied < wanted;
    return is_inside;
}

int tmpfs_file_read(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    bool is_short;
    size_t copied;
    while (transfer->left_bytes > 0 && read_page(inode, offset, transfer, &copied, &is_short)) {
        offset += copied;
        *done_bytes += copied;
        int status = is_short ? transfer_bring_in(transfer) : 0;
        if (status != 0)
            return status;
    }
    return 0;
}

/* The inode's lock is held. A page that was made for nothing leaves again. */
static void unmake_page(struct inode *inode, uint64_t number) {
    inode->pages -= page_tree_remove(pages_of(inode), machine_of(inode), number, 1);
    __atomic_sub_fetch(&tmpfs_of(inode)->pages, 1, __ATOMIC_RELAXED);
}

static void clear_behind(struct inode *inode, uint64_t end);

static int write_page(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *copied, bool *is_short) {
    uint32_t in_page = (uint32_t)(offset % VFS_PAGE_BYTES);
    size_t wanted = least(transfer->left_bytes, VFS_PAGE_BYTES - in_page);
    void *page;
    *copied = 0;
    spinlock_lock(&inode->lock);
    uint64_t before = inode->pages;
    if (offset > inode->size_bytes && inode->mapping != NULL)
        clear_behind(inode, inode->size_bytes);
    int status = make_page(inode, offset / VFS_PAGE_BYTES, &page);
    if (status == 0) {
        *copied = transfer_in(transfer, (uint8_t *)page + in_page, wanted);
        if (*copied > 0 && offset + *copied > inode->size_bytes)
            inode->size_bytes = offset + *copied;
        if (*copied == 0 && inode->pages > before)
            unmake_page(inode, offset / VFS_PAGE_BYTES);
    }
    spinlock_unlock(&inode->lock);
    *is_short = *copied < wanted;
    return status;
}

int tmpfs_file_write(struct inode *inode, uint64_t offset, struct transfer *transfer, size_t *done_bytes) {
    const struct vfs_machine *machine = machine_of(inode);
    int status = 0;
    while (status == 0 && transfer->left_bytes > 0) {
        bool is_short;
        size_t copied;
        status = write_page(inode, offset, transfer, &copied, &is_short);
        offset += copied;
        *done_bytes += copied;
        if (status == 0 && is_short)
            status = transfer_bring_in(transfer);
    }
    spinlock_lock(&inode->lock);
    inode->modified_ns = machine->now_ns(machine->context);
    inode->changed_ns = inode->modified_ns;
    spinlock_unlock(&inode->lock);
    return status;
}

/* ---- mapping ---- */

int tmpfs_file_page(struct inode *inode, uint64_t number, bool is_made, void (*hold)(void *page), void **page) {
    int status = 0;
    spinlock_lock(&inode->lock);
    if (number > inode->size_bytes / VFS_PAGE_BYTES || number * VFS_PAGE_BYTES >= inode->size_bytes)
        status = -LINUX_EFAULT;
    else if (is_made)
        status = make_page(inode, number, page);
    else
        *page = page_tree_find(pages_of(inode), number);
    if (status == 0 && *page == NULL)
        status = -LINUX_ENOENT;
    if (status == 0)
        hold(*page);
    spinlock_unlock(&inode->lock);
    return status;
}

/*
 * The inode's lock is held. A program that maps the last page may have written behind the file's end; nothing of that is
 * seen when the file grows.
 */
static void clear_behind(struct inode *inode, uint64_t end) {
    uint32_t in_page = (uint32_t)(end % VFS_PAGE_BYTES);
    uint8_t *page = in_page != 0 ? page_tree_find(pages_of(inode), end / VFS_PAGE_BYTES) : NULL;
    if (page != NULL)
        memset(page + in_page, 0, VFS_PAGE_BYTES - in_page);
}

/* ---- size ---- */

int tmpfs_file_resize(struct inode *inode, uint64_t size_bytes) {
    const struct vfs_machine *machine = machine_of(inode);
    uint32_t in_page = (uint32_t)(size_bytes % VFS_PAGE_BYTES);
    spinlock_lock(&inode->lock);
    bool is_less = size_bytes <= inode->size_bytes; /* what was allocated behind the end goes also if the end stays */
    clear_behind(inode, is_less ? size_bytes : inode->size_bytes);
    inode->size_bytes = size_bytes;
    inode->modified_ns = machine->now_ns(machine->context);
    inode->changed_ns = inode->modified_ns;
    spinlock_unlock(&inode->lock);
    if (is_less) /* nobody adds pages meanwhile: `writers` is held */
        remove_pages(inode, size_bytes / VFS_PAGE_BYTES + (in_page != 0));
    return 0;
}

/* Clear up to the end of one page, which is left out if it is a hole. */
static void clear_in_page(struct inode *inode, uint64_t offset, uint64_t size) {
    uint32_t in_page = (uint32_t)(offset % VFS_PAGE_BYTES);
    spinlock_lock(&inode->lock);
    uint8_t *page = page_tree_find(pages_of(inode), offset / VFS_PAGE_BYTES);
    if (page != NULL)
        memset(page + in_page, 0, size);
    spinlock_unlock(&inode->lock);
}

static void remove_page(struct inode *inode, uint64_t number) {
    spinlock_lock(&inode->lock);
    uint32_t removed = page_tree_remove(pages_of(inode), machine_of(inode), number, 1);
    inode->pages -= removed;
    spinlock_unlock(&inode->lock);
    __atomic_sub_fetch(&tmpfs_of(inode)->pages, removed, __ATOMIC_RELAXED);
}

static void make_hole(struct inode *inode, uint64_t offset, uint64_t size) {
    uint64_t end = offset + size;
    while (offset < end) {
        uint64_t number = offset / VFS_PAGE_BYTES;
        size_t piece = least(end - offset, VFS_PAGE_BYTES - offset % VFS_PAGE_BYTES);
        if (piece == VFS_PAGE_BYTES) {
            /* From page to page that is there, so that a hole in nothing takes no time. */
            spinlock_lock(&inode->lock);
            bool has_more = page_tree_next(pages_of(inode), number, &number);
            spinlock_unlock(&inode->lock);
            if (!has_more)
                return;
            if (number > offset / VFS_PAGE_BYTES) {
                offset = number * VFS_PAGE_BYTES;
                continue;
            }
            remove_page(inode, number);
        } else {
            clear_in_page(inode, offset, piece);
        }
        offset += piece;
    }
}

/* Would the range's missing pages fit into the budget? Nobody else changes this file now. */
static bool have_room(struct inode *inode, uint64_t first, uint64_t end) {
    const struct tmpfs *tmpfs = tmpfs_of(inode);
    uint64_t max = tmpfs->limits.pages_max, missing = 0;
    if (max == 0)
        return true;
    if (end - first > max)
        return false;
    for (uint64_t number = first; number < end; number++) {
        spinlock_lock(&inode->lock);
        missing += page_tree_find(pages_of(inode), number) == NULL;
        spinlock_unlock(&inode->lock);
    }
    return __atomic_load_n(&tmpfs->pages, __ATOMIC_RELAXED) + missing <= max;
}

static int make_pages(struct inode *inode, uint64_t first, uint64_t end) {
    int status = 0;
    for (uint64_t number = first; number < end && status == 0; number++) {
        void *page;
        spinlock_lock(&inode->lock);
        status = make_page(inode, number, &page);
        spinlock_unlock(&inode->lock);
    }
    return status;
}

int tmpfs_file_allocate(struct inode *inode, uint64_t offset, uint64_t size_bytes, bool is_hole) {
    if (is_hole) {
        make_hole(inode, offset, size_bytes);
        return 0;
    }
    uint64_t first = offset / VFS_PAGE_BYTES, end = (offset + size_bytes + VFS_PAGE_BYTES - 1) / VFS_PAGE_BYTES;
    return have_room(inode, first, end) ? make_pages(inode, first, end) : -LINUX_ENOSPC;
}

/* Look from page `number` on for a hole, for STEP_PAGES pages. True: it is found, or the file ends. */
static bool find_hole(struct inode *inode, uint64_t *number) {
    bool is_found = false;
    spinlock_lock(&inode->lock);
    for (uint32_t i = 0; i < STEP_PAGES && !is_found; i++) {
        is_found = *number * VFS_PAGE_BYTES >= inode->size_bytes || page_tree_find(pages_of(inode), *number) == NULL;
        if (!is_found)
            (*number)++;
    }
    spinlock_unlock(&inode->lock);
    return is_found;
}

int tmpfs_file_seek(struct inode *inode, uint64_t offset, bool to_hole, uint64_t *found) {
    uint64_t number = offset / VFS_PAGE_BYTES;
    spinlock_lock(&inode->lock);
    uint64_t size = inode->size_bytes;
    bool has_data = page_tree_next(pages_of(inode), number, &number);
    spinlock_unlock(&inode->lock);
    if (offset >= size)
        return -LINUX_ENXIO;
    if (to_hole) {
        number = offset / VFS_PAGE_BYTES;
        while (!find_hole(inode, &number))
            continue;
        number = least(number, size / VFS_PAGE_BYTES + 1);
    } else if (!has_data || number * VFS_PAGE_BYTES >= size) {
        return -LINUX_ENXIO;
    }
    uint64_t start = number * VFS_PAGE_BYTES;
    start = start > offset ? start : offset;
    *found = start < size ? start : size;
    return 0;
}

void tmpfs_file_release(struct inode *inode) {
    remove_pages(inode, 0);
    tmpfs_free_inode(inode);
}
