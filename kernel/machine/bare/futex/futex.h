/*
 * Futexes: threads that wait on a word of user memory, with the semantics of Linux (man 2 futex).
 *
 * A word is known by a key: what it lies in (an address space or a memory object, so that processes meet in shared memory)
 * and where in there. Waiters hang in a table of buckets by their keys, first in first out. Whoever waits compares the word
 * and joins the bucket under the bucket's lock, and who wakes takes that lock after it changed the word, so no wake-up
 * falls in between. The lock of a bucket is outside of the scheduler's; two buckets are locked in the order of addresses.
 *
 * A function that may block says so and returns; sched_reschedule and futex_finish must follow, and the latter has the
 * result. A thread that was taken out of its bucket was woken, whatever else happened to it at the same moment.
 *
 * Words of the inheriting kind hold the number of their owner, which the kernel reads as a hostile hint: it gets nobody
 * anything but a priority, and only for the owner's own process.
 */
#ifndef GROVE_BARE_FUTEX_H
#define GROVE_BARE_FUTEX_H

#include "kernel/machine/bare/sched/sched.h"

#define FUTEX_BUCKETS 256u
#define FUTEX_ALL_BITS UINT32_MAX
#define FUTEX_OWNER UINT32_C(0x3fffffff) /* of a word that inherits: who has it, 0 for nobody */
#define FUTEX_OWNER_DIED UINT32_C(0x40000000)
#define FUTEX_WAITERS UINT32_C(0x80000000)
#define FUTEX_ROBUST_MAX 2048u /* entries of a robust list; the rest of a longer one is not looked at */

struct futex_key {
    uint64_t object, offset;
};

struct futex_bucket;
struct futex_space;
struct futex_thread;

/* How the memory of a program is read. GROVE_WRONG_STATE where the word is not in memory at this moment. */
struct futex_memory {
    /* Whatever the word lies in. GROVE_INVALID: not aligned to four bytes, or nothing is there. */
    int (*identify)(struct futex_space *space, uint64_t address, struct futex_key *key);
    /* Without waiting; GROVE_INVALID, GROVE_WRONG_STATE. */
    int (*load)(struct futex_space *space, uint64_t address, uint32_t *value);
    /* *value becomes `wanted` in one step if it was *expected, which becomes what it was. Same errors. */
    int (*exchange)(struct futex_space *space, uint64_t address, uint32_t *expected, uint32_t wanted);
    /* Bring it into memory, writable; may wait, and no lock is held. GROVE_INVALID: that cannot be. */
    int (*touch)(struct futex_space *space, uint64_t address);
    /* A 64-bit word, may wait, no lock is held. GROVE_INVALID. */
    int (*load_long)(struct futex_space *space, uint64_t address, uint64_t *value);
    /* The thread of this number in this program, or NULL. What it points to stays while the caller holds a spin lock. */
    struct futex_thread *(*find)(struct futex_space *space, uint32_t number);
};

/* The machine's address space begins with this. */
struct futex_space {
    const struct futex_memory *memory;
};

/* ---- the table and what each thread brings along ---- */

struct futex_bucket {
    struct spinlock lock;
    struct list waiters; /* struct futex_waiter */
    struct list locks; /* struct futex_lock: words with waiters that inherit */
};

struct futex_table {
    struct scheduler *scheduler;
    struct futex_bucket buckets[FUTEX_BUCKETS];
};

/*
 * Stands for a word of the inheriting kind while somebody waits for it. Each thread brings one along; whoever waits leaves
 * it with the word, and takes one away again when it stops waiting, not always the same one.
 */
struct futex_lock {
    struct sched_lock lock;
    struct futex_key key;
    struct list link; /* in bucket->locks */
    struct futex_thread *owner; /* NULL for none */
    struct list owned; /* in its owner's `owned` */
    struct futex_bucket *bucket;
    struct futex_lock *spares; /* those of the other waiters, by `next` */
    struct futex_lock *next;
    struct futex_space *space;
    uint64_t address; /* as one of its waiters sees it */
    uint32_t waiters;
};

/* A word that a thread waits for. */
struct futex_waiter {
    struct futex_thread *thread;
    struct futex_key key;
    uint32_t bits;
    struct futex_bucket *bucket; /* it waits in, with `link`; NULL: it was taken out */
    struct list link;
};

struct futex_thread {
    struct sched_thread *thread;
    uint32_t number; /* 1 to FUTEX_OWNER; unique in the program */
    struct futex_waiter own;
    struct futex_waiter *waiters; /* what it waits for: its own, or several that lie with whoever waits */
    uint32_t waiter_count;
    struct futex_lock *waits_for; /* the word that inherits, or NULL */
    struct futex_lock *spare; /* NULL while it waits for one that inherits */
    struct futex_lock first; /* the one it brought */
    struct spinlock guard; /* of the next two; the innermost lock but the scheduler's */
    struct list owned; /* struct futex_lock */
    bool is_exiting;
};

void futex_init(struct futex_table *table, struct scheduler *scheduler);
/* `self` must stay as long as `thread`, and until futex_exit has returned, as long as any other thread of the table. */
void futex_thread_init(struct futex_thread *self, struct sched_thread *thread, uint32_t number);

/* ---- waiting and waking ---- */

/*
 * Wait if the word is `expected`: until futex_wake with one of `bits`, or timeout_ns, a moment, or SCHED_NEVER. 0: it
 * waits. GROVE_AGAIN: the word is another. GROVE_INVALID: no such word, or no bit is set.
 */
int futex_wait(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address,
               uint32_t expected, uint32_t bits, uint64_t timeout_ns);
/* After a function that waits, and sched_reschedule: 0, or why it was woken otherwise (GROVE_TIMED_OUT, ...). */
int futex_finish(struct futex_table *table, struct futex_thread *self);
/* Wake up to `count` of those who wait for one of `bits`. */
int futex_wake(struct futex_table *table, struct futex_space *space, uint64_t address, uint32_t count, uint32_t bits,
               uint32_t *woken);
/* The same for all who wait for a word that is known by its key, in whatever program. May be called without a program. */
void futex_wake_key(struct futex_table *table, const struct futex_key *key);
/*
 * Wake up to wake_count waiters, and let up to move_count of the others wait on the word at `to` instead. With `expected`
 * not NULL only if the word is that; else GROVE_AGAIN.
 */
int futex_requeue(struct futex_table *table, struct futex_space *space, uint64_t from, uint64_t to, uint32_t wake_count,
                  uint32_t move_count, const uint32_t *expected, uint32_t *woken, uint32_t *moved);

/* ---- waiting for several words, and handing over ---- */

#define FUTEX_WORDS_MAX 128u /* in one wait, as on Linux */

struct futex_word {
    uint64_t address;
    uint32_t expected;
};

/*
 * As futex_wait for several words at once, 1 to FUTEX_WORDS_MAX; `waiters`, undefined memory for as many, is in use until
 * futex_finish_many has returned, which says what that of futex_finish says, and in *woken which of the words it was.
 */
int futex_wait_many(struct futex_table *table, struct futex_thread *self, struct futex_space *space,
                    const struct futex_word *words, uint32_t count, struct futex_waiter *waiters, uint64_t timeout_ns);
int futex_finish_many(struct futex_table *table, struct futex_thread *self, uint32_t *woken);

/*
 * Wake the first who waits for the word at wake_at, and wait as futex_wait (count 1) or futex_wait_many, in one step: who was
 * woken goes on in place of the current thread (sched_hand_over), with what that one lends it if `lends`. GROVE_AGAIN: a word
 * is another already; the other was woken all the same. Other errors: nobody was woken. futex_finish_many must follow.
 */
struct futex_hand_over {
    uint64_t wake_at;
    const struct futex_word *words;
    struct futex_waiter *waiters; /* not looked at for a count of 1 */
    uint32_t count;
    bool lends;
    uint64_t timeout_ns;
};
int futex_hand_over(struct futex_table *table, struct futex_thread *self, struct futex_space *space,
                    const struct futex_hand_over *what);

/* ---- words that inherit ---- */

/*
 * Take the word, whose value is 0 or its owner. *waits: its owner runs with what `self` lends it until it gives the word
 * to `self`, which futex_finish tells. With is_try never. GROVE_AGAIN: with is_try, somebody has it; else the owner is
 * just ending: try again. GROVE_CYCLE: `self` has it, or its owner waits for `self`. GROVE_NOT_FOUND: no such owner.
 * GROVE_CORRUPT: the word is not what it was made. GROVE_TOO_LARGE: the chain of waiters is too long. GROVE_INVALID.
 */
int futex_lock(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address,
               uint64_t timeout_ns, bool is_try, bool *waits);
/* Give it to the waiter with the best context. GROVE_DENIED: `self` does not have it. GROVE_CORRUPT, GROVE_INVALID. */
int futex_unlock(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t address);

/* ---- the end of a thread ---- */

/*
 * Before sched_thread_end: what it still has goes to others, with FUTEX_OWNER_DIED. `robust` is the address of its robust
 * list (struct robust_list_head of Linux), 0 for none; what cannot be read ends the list.
 */
void futex_exit(struct futex_table *table, struct futex_thread *self, struct futex_space *space, uint64_t robust);

#endif
