/* Locks on whole files: see whole_lock.h. */
#include "kernel/services/vfs/whole_lock.h"

#include "kernel/services/vfs/errors.h"

static bool has_conflict(const struct inode *inode, enum whole_kind kind) {
    const struct list *head = &inode->whole_locks;
    for (struct list *link = head->next; link != NULL && link != head; link = link->next)
        if (kind == WHOLE_EXCLUSIVE || list_item(link, struct open_file, whole_link)->whole_lock == WHOLE_EXCLUSIVE)
            return true;
    return false;
}

/* The lock is held. */
static void give_up(struct open_file *file) {
    struct vfs *vfs = file->vfs;
    list_remove(&file->whole_link);
    file->whole_lock = WHOLE_NONE;
    vfs->machine->wake(vfs->machine->context, &vfs->records.changed);
}

/* The lock is held, and given up while waiting. */
static int take(struct open_file *file, enum whole_kind kind, bool waits) {
    struct vfs *vfs = file->vfs;
    struct inode *inode = file->inode;
    int status = 0;
    while (status == 0 && has_conflict(inode, kind))
        status = waits ? vfs->machine->sleep(vfs->machine->context, &vfs->records.changed, &vfs->records.lock)
                       : -LINUX_EAGAIN;
    if (status != 0 || file->whole_lock != WHOLE_NONE) /* another thread took one with the same file meanwhile */
        return status;
    if (!list_is_linked(&inode->whole_locks))
        list_init(&inode->whole_locks);
    file->whole_lock = kind;
    list_append(&inode->whole_locks, &file->whole_link);
    return 0;
}

int whole_lock_set(struct open_file *file, enum whole_kind kind, bool waits) {
    struct vfs *vfs = file->vfs;
    int status = 0;
    if (file->inode == NULL)
        return 0;
    spinlock_lock(&vfs->records.lock);
    if (file->whole_lock != kind) {
        if (file->whole_lock != WHOLE_NONE)
            give_up(file);
        if (kind != WHOLE_NONE)
            status = take(file, kind, waits);
    }
    spinlock_unlock(&vfs->records.lock);
    return status;
}

void whole_lock_release(struct open_file *file) {
    spinlock_lock(&file->vfs->records.lock);
    give_up(file);
    spinlock_unlock(&file->vfs->records.lock);
}
