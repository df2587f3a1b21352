/* Inodes: see inode.h. */
#include "kernel/services/vfs/inode.h"

#include "kernel/services/vfs/errors.h"

#include "kernel/services/vfs/vfs.h"

void inode_init(struct inode *inode, struct file_system *system, const struct inode_operations *operations,
                const struct inode_plan *plan) {
    const struct vfs_machine *machine = system->vfs->machine;
    int64_t now = machine->now_ns(machine->context);
    *inode = (struct inode){.operations = operations,
                            .system = system,
                            .mode = plan->mode,
                            .user = plan->user,
                            .group = plan->group,
                            .device = plan->device,
                            .accessed_ns = now,
                            .modified_ns = now,
                            .changed_ns = now,
                            .created_ns = now,
                            .references = 1,
                            .is_judged = system->judge != NULL};
}

int inode_link_text(struct inode *inode, const char **text, uint32_t *size_bytes) {
    struct vfs *vfs = inode->system->vfs;
    int status = 0;
    if (inode->operations->read_link != NULL) {
        vfs_lock(vfs);
        status = inode->operations->read_link(inode);
        vfs_unlock(vfs);
    }
    if (status == 0)
        *text = inode->operations->link_text(inode, size_bytes);
    return status;
}

struct inode *inode_ref(struct inode *inode) {
    inode->references++;
    return inode;
}

void inode_unref(struct inode *inode) {
    if (--inode->references == 0)
        list_append(&inode->system->vfs->doomed, &inode->doomed);
}

void inode_touch(struct inode *inode, bool is_modified) {
    const struct vfs_machine *machine = inode->system->vfs->machine;
    int64_t now = machine->now_ns(machine->context);
    spinlock_lock(&inode->lock);
    inode->changed_ns = now;
    if (is_modified)
        inode->modified_ns = now;
    spinlock_unlock(&inode->lock);
}

void inode_cut(struct inode *inode, uint64_t first, uint64_t end) {
    if (first >= end) /* a hole in less than a page */
        return;
    spinlock_lock(&inode->lock);
    struct inode_mapping *mapping = inode->mapping;
    if (mapping != NULL && !mapping->hold(mapping))
        mapping = NULL;
    spinlock_unlock(&inode->lock);
    if (mapping != NULL)
        mapping->cut(mapping, first, end);
}

/* ---- writing and running ---- */

static int begin_use(struct inode *inode, int32_t step) {
    int32_t now = __atomic_load_n(&inode->in_use, __ATOMIC_RELAXED);
    do
        if (step > 0 ? now < 0 : now > 0)
            return -LINUX_ETXTBSY;
    while (!__atomic_compare_exchange_n(&inode->in_use, &now, now + step, true, __ATOMIC_ACQ_REL, __ATOMIC_RELAXED));
    return 0;
}

int inode_begin_writing(struct inode *inode) {
    return begin_use(inode, 1);
}

void inode_end_writing(struct inode *inode) {
    __atomic_sub_fetch(&inode->in_use, 1, __ATOMIC_ACQ_REL);
}

int inode_begin_program(struct inode *inode) {
    return begin_use(inode, -1);
}

void inode_end_program(struct inode *inode) {
    __atomic_add_fetch(&inode->in_use, 1, __ATOMIC_ACQ_REL);
}
