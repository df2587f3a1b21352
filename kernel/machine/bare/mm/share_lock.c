/* A lock for many or for one: see share_lock.h. */
#include "kernel/machine/bare/mm/share_lock.h"

#include "kernel/machine/bare/thread/thread.h"

void share_lock_take(struct share_lock *lock) {
    spinlock_lock(&lock->lock);
    while (lock->is_alone != 0 || lock->waiting > 0)
        thread_sleep_firmly(&lock->changed, &lock->lock);
    lock->holders++;
    spinlock_unlock(&lock->lock);
}

void share_lock_give_up(struct share_lock *lock) {
    spinlock_lock(&lock->lock);
    lock->holders--;
    if (lock->holders == 0 && lock->waiting > 0)
        wait_wake(&lock->changed);
    spinlock_unlock(&lock->lock);
}

void share_lock_take_alone(struct share_lock *lock) {
    spinlock_lock(&lock->lock);
    lock->waiting++;
    while (lock->is_alone != 0 || lock->holders > 0)
        thread_sleep_firmly(&lock->changed, &lock->lock);
    lock->waiting--;
    lock->is_alone = 1;
    __atomic_store_n(&lock->changes, lock->changes + 1, __ATOMIC_RELEASE);
    spinlock_unlock(&lock->lock);
}

void share_lock_give_up_alone(struct share_lock *lock) {
    spinlock_lock(&lock->lock);
    lock->is_alone = 0;
    wait_wake(&lock->changed);
    spinlock_unlock(&lock->lock);
}
