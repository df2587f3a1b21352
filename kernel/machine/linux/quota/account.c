/* The sum on disk, see account.h. */
#include "kernel/machine/linux/quota/account.h"

#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

uint64_t account_blocks(uint64_t bytes) {
    if (bytes > UINT64_MAX - ACCOUNT_BLOCK_BYTES)
        return UINT64_MAX;
    return (bytes + ACCOUNT_BLOCK_BYTES - 1) / ACCOUNT_BLOCK_BYTES * ACCOUNT_BLOCK_BYTES;
}

enum account_answer account_take(struct account *account, uint64_t bytes) {
    uint64_t limit = atomic_load(&account->limit_bytes), used = atomic_load(&account->used_bytes);
    do {
        if (bytes > 0 && (used > limit || bytes > limit - used))
            return ACCOUNT_REFUSED;
    } while (!atomic_compare_exchange_weak(&account->used_bytes, &used, used + bytes));
    uint64_t mark = limit - limit / 10;
    return used < mark && used + bytes >= mark ? ACCOUNT_NEAR : ACCOUNT_TAKEN;
}

void account_add(struct account *account, uint64_t bytes) {
    uint64_t used = atomic_load(&account->used_bytes);
    while (!atomic_compare_exchange_weak(&account->used_bytes, &used,
                                         bytes > UINT64_MAX - used ? UINT64_MAX : used + bytes))
        continue;
}

void account_give(struct account *account, uint64_t bytes) {
    uint64_t used = atomic_load(&account->used_bytes);
    while (!atomic_compare_exchange_weak(&account->used_bytes, &used, bytes > used ? 0 : used - bytes))
        continue;
}

uint64_t account_left(struct account *account) {
    uint64_t limit = atomic_load(&account->limit_bytes), used = atomic_load(&account->used_bytes);
    return used > limit ? 0 : limit - used;
}

static void wake(struct account *account) {
    (void)syscall(SYS_futex, &account->unmeasured, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void account_measured(struct account *account) {
    if (atomic_fetch_sub(&account->unmeasured, 1) == 1)
        wake(account);
}

void account_let_go(struct account *account) {
    atomic_store(&account->unmeasured, 0);
    wake(account);
}

void account_wait(struct account *account) {
    for (uint32_t left = atomic_load(&account->unmeasured); left != 0; left = atomic_load(&account->unmeasured))
        (void)syscall(SYS_futex, &account->unmeasured, FUTEX_WAIT, left, NULL, NULL, 0);
}
