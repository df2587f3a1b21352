/* Seals: see seal.h. */
#include "kernel/services/vfs/seal.h"

#include "kernel/services/vfs/errors.h"

#define ALL_SEALS \
    (LINUX_F_SEAL_SEAL | LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW | LINUX_F_SEAL_WRITE | LINUX_F_SEAL_FUTURE_WRITE | \
     LINUX_F_SEAL_EXEC)

int seal_check_write(struct inode *inode, uint64_t offset, uint64_t size_bytes) {
    uint32_t seals = inode_seals(inode);
    if ((seals & (LINUX_F_SEAL_WRITE | LINUX_F_SEAL_FUTURE_WRITE)) != 0)
        return -LINUX_EPERM;
    return (seals & LINUX_F_SEAL_GROW) != 0 && offset + size_bytes > inode_size(inode) ? -LINUX_EPERM : 0;
}

int seal_check_resize(struct inode *inode, uint64_t size_bytes) {
    uint32_t seals = inode_seals(inode);
    uint64_t now = inode_size(inode);
    uint32_t forbids = size_bytes < now ? LINUX_F_SEAL_SHRINK : size_bytes > now ? LINUX_F_SEAL_GROW : 0;
    return (seals & forbids) != 0 ? -LINUX_EPERM : 0;
}

/* Files of memory that are no memfd are sealed against seals, as on Linux. */
static bool has_seals(const struct open_file *file) {
    return file->operations == NULL && file->inode != NULL && inode_kind(file->inode) == LINUX_S_IFREG &&
           file->inode->operations->page != NULL;
}

int64_t file_seals(struct open_file *file) {
    if (!has_seals(file))
        return -LINUX_EINVAL;
    return file->inode->is_sealable ? (int64_t)inode_seals(file->inode) : (int64_t)LINUX_F_SEAL_SEAL;
}

/* A reference on what maps the inode, or NULL. */
static struct inode_mapping *hold_mapping(struct inode *inode) {
    spinlock_lock(&inode->lock);
    struct inode_mapping *mapping = inode->mapping;
    if (mapping != NULL && !mapping->hold(mapping))
        mapping = NULL;
    spinlock_unlock(&inode->lock);
    return mapping;
}

/* With `writers` held. */
static int add(struct inode *inode, uint32_t seals) {
    uint32_t before = inode_seals(inode);
    if (!inode->is_sealable || (before & LINUX_F_SEAL_SEAL) != 0)
        return -LINUX_EPERM;
    __atomic_store_n(&inode->seals, before | seals, __ATOMIC_SEQ_CST);
    bool is_against_writing = (seals & ~before & LINUX_F_SEAL_WRITE) != 0;
    struct inode_mapping *mapping = is_against_writing ? hold_mapping(inode) : NULL;
    if (mapping == NULL)
        return 0;
    bool is_mapped = mapping->has_writers(mapping);
    if (is_mapped)
        __atomic_store_n(&inode->seals, before, __ATOMIC_SEQ_CST);
    mapping->cut(mapping, 0, 0); /* nothing; it gives the reference up */
    return is_mapped ? -LINUX_EBUSY : 0;
}

int64_t file_add_seals(struct open_file *file, uint32_t seals) {
    if (!has_seals(file))
        return -LINUX_EINVAL;
    if ((vfs_open_access(file_flags(file)) & LINUX_W_OK) == 0)
        return -LINUX_EPERM;
    if ((seals & ~ALL_SEALS) != 0)
        return -LINUX_EINVAL;
    struct inode *inode = file->inode;
    sleep_lock_take(&inode->writers, file->vfs->machine);
    int status = add(inode, seals);
    sleep_lock_give_up(&inode->writers, file->vfs->machine);
    return status;
}
