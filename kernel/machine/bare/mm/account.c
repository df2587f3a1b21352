/* Budgets of memory: see account.h. All sums are exact at any moment; nothing else is read by them, so no order is needed. */
#include "kernel/machine/bare/mm/account.h"

#include "kernel/core/machine.h"
#include "kernel/services/vfs/errors.h"

#include <stddef.h>

void memory_account_init(struct memory_account *account, struct memory_account *parent, uint64_t limit_pages) {
    *account = (struct memory_account){.parent = parent, .limit = limit_pages, .mark = limit_pages, .holders = 1};
    if (parent != NULL)
        memory_account_ref(parent);
}

void memory_account_ref(struct memory_account *account) {
    __atomic_add_fetch(&account->holders, 1, __ATOMIC_RELAXED);
}

static void give_up(struct memory_account *account, uint64_t holders) {
    while (account != NULL) {
        struct memory_account *parent = account->parent;
        /* Whoever takes the last one sees what all others did with it. */
        if (__atomic_sub_fetch(&account->holders, holders, __ATOMIC_ACQ_REL) != 0)
            return;
        if (account->release != NULL)
            account->release(account);
        account = parent;
        holders = 1;
    }
}

void memory_account_unref(struct memory_account *account) {
    give_up(account, 1);
}

/* ---- limits, and the mark below ---- */

void memory_account_limit(struct memory_account *account, uint64_t limit_pages) {
    __atomic_store_n(&account->limit, limit_pages, __ATOMIC_RELAXED);
    /* Without a mark of its own again; until here a charge is looked at more closely than it need be, or passes the last time. */
    __atomic_store_n(&account->mark, limit_pages, __ATOMIC_RELAXED);
}

void memory_account_arm(struct memory_account *account, uint64_t mark_pages) {
    uint64_t limit = __atomic_load_n(&account->limit, __ATOMIC_RELAXED);
    __atomic_store_n(&account->mark, mark_pages < limit ? mark_pages : limit, __ATOMIC_RELAXED);
    __atomic_store_n(&account->is_armed, true, __ATOMIC_RELEASE);
}

void memory_account_disarm(struct memory_account *account) {
    __atomic_store_n(&account->is_armed, false, __ATOMIC_RELEASE);
}

/* Behind the mark: is there room? Whoever wants to know hears of it. */
static bool pass_mark(struct memory_account *account, uint64_t used) {
    uint64_t limit = __atomic_load_n(&account->limit, __ATOMIC_RELAXED);
    if (used > limit)
        __atomic_add_fetch(&account->refusals, 1, __ATOMIC_RELAXED);
    if (__atomic_exchange_n(&account->is_armed, false, __ATOMIC_ACQ_REL)) {
        __atomic_store_n(&account->mark, limit, __ATOMIC_RELAXED);
        account->passed(account);
    }
    return used <= limit;
}

static bool charge_one(struct memory_account *account, uint64_t pages) {
    uint64_t used = __atomic_add_fetch(&account->used, pages, __ATOMIC_RELAXED);
    if (used > __atomic_load_n(&account->mark, __ATOMIC_RELAXED) && !pass_mark(account, used)) {
        __atomic_sub_fetch(&account->used, pages, __ATOMIC_RELAXED);
        return false;
    }
    uint64_t peak = __atomic_load_n(&account->peak, __ATOMIC_RELAXED);
    while (used > peak &&
           !__atomic_compare_exchange_n(&account->peak, &peak, used, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
        continue;
    return true;
}

static void discharge_up_to(struct memory_account *account, const struct memory_account *end, uint64_t pages) {
    for (; account != end; account = account->parent)
        if (__atomic_fetch_sub(&account->used, pages, __ATOMIC_RELAXED) < pages)
            machine_panic("more memory was given back than was charged");
}

int memory_account_charge(struct memory_account *account, uint64_t pages) {
    for (struct memory_account *at = account; at != NULL; at = at->parent) {
        if (!charge_one(at, pages)) {
            discharge_up_to(account, at, pages);
            return -LINUX_ENOMEM;
        }
    }
    if (account != NULL)
        __atomic_add_fetch(&account->holders, pages, __ATOMIC_RELAXED);
    return 0;
}

void memory_account_discharge(struct memory_account *account, uint64_t pages) {
    if (account == NULL || pages == 0)
        return;
    discharge_up_to(account, NULL, pages);
    give_up(account, pages);
}
