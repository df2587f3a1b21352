/*
 * Budgets of memory: every page that somebody has is charged to one account, and to all accounts above it. A page remembers
 * who was charged, so the sums are exact whoever gives it back. A page that several programs share is charged once, to
 * the account of the one who took it.
 *
 * A charge that an account or one above it has no room for fails, and changes nothing. Safe on any number of processors;
 * no locks, so also callable with spin locks held.
 */
#ifndef GROVE_BARE_ACCOUNT_H
#define GROVE_BARE_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#define MEMORY_UNLIMITED UINT64_MAX

struct memory_account {
    struct memory_account *parent; /* NULL: there is none above */
    uint64_t limit; /* in pages; atomic, may fall below what is used: then nothing more is given */
    uint64_t used, peak; /* in pages; atomic */
    uint64_t mark; /* what may be used before `passed` is called, while it is armed; never above the limit; atomic */
    bool is_armed; /* atomic */
    uint64_t refusals; /* charges that this account had no room for; atomic */
    uint64_t holders; /* whoever has it, each page and each account below: it stays as long; atomic */
    /*
     * More than the mark is used now, or a charge was refused here: called once, until it is armed again. With any locks held of those that
     * a charge is made with. NULL: nobody wants to know.
     */
    void (*passed)(struct memory_account *account);
    void (*release)(struct memory_account *account); /* the last holder is gone; NULL: nothing is to be done */
};

/* One holder, and one more of the parent. */
void memory_account_init(struct memory_account *account, struct memory_account *parent, uint64_t limit_pages);
void memory_account_ref(struct memory_account *account);
void memory_account_unref(struct memory_account *account);

/* From now on; who calls this and the next does not do so twice at once. */
void memory_account_limit(struct memory_account *account, uint64_t limit_pages);
/* Call `passed`, which was set before, at the next charge behind the mark and at the next refusal, whichever comes first. */
void memory_account_arm(struct memory_account *account, uint64_t mark_pages);
/* Not any more, but for a call that goes on. */
void memory_account_disarm(struct memory_account *account);

/* Both do nothing for NULL: what the kernel has for itself. -LINUX_ENOMEM. */
int memory_account_charge(struct memory_account *account, uint64_t pages);
void memory_account_discharge(struct memory_account *account, uint64_t pages);

#endif
