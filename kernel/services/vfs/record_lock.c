/* Record locks: see record_lock.h. */
#include "kernel/services/vfs/record_lock.h"

#include "kernel/core/machine.h"
#include "kernel/services/vfs/errors.h"

/* Somebody who waits. On the stack of whoever does. */
struct record_waiter {
    struct list link; /* in vfs.records.waiting */
    const void *owner, *blocked_by;
};

/* What a change may need, taken before anything is changed: one lock to add, one for the upper part of a split. */
struct spares {
    struct record_lock *added, *upper;
};

int record_range(const struct open_file *file, uint32_t whence, int64_t start, int64_t length,
                 struct record_range *range) {
    int64_t base = 0, first, last = INT64_MAX;
    if (whence == LINUX_SEEK_CUR)
        base = (int64_t)file->position;
    else if (whence == LINUX_SEEK_END)
        base = file->inode != NULL ? (int64_t)inode_size(file->inode) : 0;
    else if (whence != LINUX_SEEK_SET)
        return -LINUX_EINVAL;
    if (__builtin_add_overflow(base, start, &first))
        return -LINUX_EOVERFLOW;
    if (first < 0)
        return -LINUX_EINVAL;
    if (length > 0 && __builtin_add_overflow(first, length - 1, &last))
        return -LINUX_EOVERFLOW;
    if (length < 0) {
        if (first + length < 0)
            return -LINUX_EINVAL;
        last = first - 1;
        first += length;
    }
    *range = (struct record_range){.first = first, .last = last};
    return 0;
}

static bool overlaps(const struct record_range *a, const struct record_range *b) {
    return a->first <= b->last && b->first <= a->last;
}

/* They overlap or lie beside each other. */
static bool touches(const struct record_range *a, const struct record_range *b) {
    return overlaps(a, b) || (a->last != INT64_MAX && a->last + 1 == b->first) ||
           (b->last != INT64_MAX && b->last + 1 == a->first);
}

static const struct record_lock *find_conflict(const struct inode *inode, const void *owner, enum record_kind kind,
                                               const struct record_range *range) {
    const struct list *head = &inode->record_locks;
    for (struct list *link = head->next; link != NULL && link != head; link = link->next) {
        const struct record_lock *lock = list_item(link, struct record_lock, link);
        if (lock->owner.owner != owner && overlaps(&lock->range, range) &&
            (lock->kind == RECORD_WRITE || kind == RECORD_WRITE))
            return lock;
    }
    return NULL;
}

int record_lock_check(const struct open_file *file, enum record_kind kind) {
    uint32_t flags = file_flags(file), access = vfs_open_access(flags);
    if (kind > RECORD_NONE)
        return -LINUX_EINVAL;
    if ((flags & LINUX_O_PATH) != 0 || (kind == RECORD_READ && (access & LINUX_R_OK) == 0) ||
        (kind == RECORD_WRITE && (access & LINUX_W_OK) == 0))
        return -LINUX_EBADF;
    return 0;
}

int record_lock_test(struct open_file *file, const struct record_owner *owner, enum record_kind kind,
                     const struct record_range *range, struct record_lock *found) {
    struct vfs *vfs = file->vfs;
    if (kind > RECORD_WRITE)
        return -LINUX_EINVAL;
    if ((file_flags(file) & LINUX_O_PATH) != 0)
        return -LINUX_EBADF;
    *found = (struct record_lock){.kind = RECORD_NONE};
    if (file->inode == NULL)
        return 0;
    spinlock_lock(&vfs->records.lock);
    const struct record_lock *lock = find_conflict(file->inode, owner->owner, kind, range);
    if (lock != NULL)
        *found = *lock;
    spinlock_unlock(&vfs->records.lock);
    return 0;
}

/* ---- waiting ---- */

static const struct record_waiter *find_waiter(const struct vfs *vfs, const void *owner) {
    for (struct list *link = vfs->records.waiting.next; link != &vfs->records.waiting; link = link->next) {
        const struct record_waiter *waiter = list_item(link, struct record_waiter, link);
        if (waiter->owner == owner)
            return waiter;
    }
    return NULL;
}

/* Does the one who blocks wait, by way of others, for this owner? */
static bool is_circle(const struct vfs *vfs, const void *owner, const void *blocked_by) {
    for (uint32_t i = 0; i < RECORD_CHAIN_MAX; i++) {
        const struct record_waiter *waiter = find_waiter(vfs, blocked_by);
        if (waiter == NULL)
            return false;
        if (waiter->blocked_by == owner)
            return true;
        blocked_by = waiter->blocked_by;
    }
    return false;
}

/* The lock is held, and given up while waiting. 0: nobody is in the way now. */
static int wait_for(struct open_file *file, const struct record_owner *owner, enum record_kind kind,
                    const struct record_range *range, bool waits) {
    struct vfs *vfs = file->vfs;
    const struct record_lock *conflict;
    int status = 0;
    while (status == 0 && (conflict = find_conflict(file->inode, owner->owner, kind, range)) != NULL) {
        struct record_waiter waiter = {.owner = owner->owner, .blocked_by = conflict->owner.owner};
        if (!waits)
            return -LINUX_EAGAIN;
        if (owner->process >= 0 && is_circle(vfs, owner->owner, waiter.blocked_by))
            return -LINUX_EDEADLK;
        list_append(&vfs->records.waiting, &waiter.link);
        status = vfs->machine->sleep(vfs->machine->context, &vfs->records.changed, &vfs->records.lock);
        list_remove(&waiter.link);
    }
    return status;
}

/* ---- changing ---- */

static void free_lock(struct vfs *vfs, struct inode *inode, struct record_lock *lock) {
    list_remove(&lock->link);
    inode->record_lock_count--;
    machine_give_back(vfs->machine, lock, sizeof(*lock));
}

static void insert(struct inode *inode, struct record_lock *lock) {
    if (!list_is_linked(&inode->record_locks))
        list_init(&inode->record_locks);
    list_append(&inode->record_locks, &lock->link);
    inode->record_lock_count++;
}

/* The part of one's own lock that lies behind a range. */
static void split_off(struct inode *inode, const struct record_lock *lock, int64_t first, struct spares *spares) {
    struct record_lock *upper = spares->upper;
    if (upper != NULL) {
        *upper = (struct record_lock){.owner = lock->owner, .kind = lock->kind};
        upper->range = (struct record_range){.first = first, .last = lock->range.last};
        insert(inode, upper);
        spares->upper = NULL;
    } else {
        machine_panic("two record locks of one owner overlap");
    }
}

/* Leave of one's own lock what lies outside of a range that it overlaps. */
static void cut(struct vfs *vfs, struct inode *inode, struct record_lock *lock, const struct record_range *range,
                struct spares *spares) {
    bool has_lower = lock->range.first<range->first, has_upper = lock->range.last> range->last;
    if (has_lower && has_upper)
        split_off(inode, lock, range->last + 1, spares);
    if (has_lower)
        lock->range.last = range->first - 1;
    else if (has_upper)
        lock->range.first = range->last + 1;
    else
        free_lock(vfs, inode, lock);
}

/* Nobody else is in the way. One's own locks do not overlap, so at most one is split. */
static void change(struct vfs *vfs, struct inode *inode, const struct record_owner *owner, enum record_kind kind,
                   const struct record_range *range, struct spares *spares) {
    struct record_range merged = *range;
    struct list *head = &inode->record_locks;
    for (struct list *link = head->next, *next; link != NULL && link != head; link = next) {
        struct record_lock *lock = list_item(link, struct record_lock, link);
        next = link->next;
        if (lock->owner.owner != owner->owner)
            continue;
        if (lock->kind == kind && touches(&lock->range, range)) {
            merged.first = lock->range.first < merged.first ? lock->range.first : merged.first;
            merged.last = lock->range.last > merged.last ? lock->range.last : merged.last;
            free_lock(vfs, inode, lock);
        } else if (overlaps(&lock->range, range)) {
            cut(vfs, inode, lock, range, spares);
        }
    }
    if (kind == RECORD_NONE)
        return;
    struct record_lock *added = spares->added;
    spares->added = NULL;
    *added = (struct record_lock){.owner = *owner, .kind = kind, .range = merged};
    insert(inode, added);
}

static bool take_spares(const struct vfs_machine *machine, struct spares *spares) {
    spares->added = machine_take(machine, sizeof(*spares->added));
    spares->upper = machine_take(machine, sizeof(*spares->upper));
    return spares->added != NULL && spares->upper != NULL;
}

static void give_spares_back(const struct vfs_machine *machine, const struct spares *spares) {
    if (spares->added != NULL)
        machine_give_back(machine, spares->added, sizeof(*spares->added));
    if (spares->upper != NULL)
        machine_give_back(machine, spares->upper, sizeof(*spares->upper));
}

int record_lock_set(struct open_file *file, const struct record_owner *owner, enum record_kind kind,
                    const struct record_range *range, bool waits) {
    struct vfs *vfs = file->vfs;
    struct spares spares;
    int status = record_lock_check(file, kind);
    if (status != 0 || file->inode == NULL)
        return status;
    status = take_spares(vfs->machine, &spares) ? 0 : -LINUX_ENOLCK;
    if (status == 0) {
        spinlock_lock(&vfs->records.lock);
        if (kind != RECORD_NONE)
            status = wait_for(file, owner, kind, range, waits);
        if (status == 0 && kind != RECORD_NONE && file->inode->record_lock_count + 2 > RECORD_LOCKS_MAX)
            status = -LINUX_ENOLCK;
        if (status == 0) {
            change(vfs, file->inode, owner, kind, range, &spares);
            vfs->machine->wake(vfs->machine->context, &vfs->records.changed);
        }
        spinlock_unlock(&vfs->records.lock);
    }
    give_spares_back(vfs->machine, &spares);
    return status;
}

void record_locks_release(struct vfs *vfs, struct inode *inode, const void *owner) {
    struct list *head = &inode->record_locks;
    /* Whoever closes has made its locks before, so it sees them; those of others do not matter here. */
    if (__atomic_load_n(&inode->record_lock_count, __ATOMIC_RELAXED) == 0)
        return;
    spinlock_lock(&vfs->records.lock);
    for (struct list *link = head->next, *next; link != NULL && link != head; link = next) {
        struct record_lock *lock = list_item(link, struct record_lock, link);
        next = link->next;
        if (lock->owner.owner == owner)
            free_lock(vfs, inode, lock);
    }
    vfs->machine->wake(vfs->machine->context, &vfs->records.changed);
    spinlock_unlock(&vfs->records.lock);
}
