/*
 * The scheduler of the bare machines: which thread runs on which processor, until when, and at whose expense.
 *
 * A thread is what runs. A context is the right to run: a class with its parameters and an account. Each thread has a
 * context of its own, and lends it to whom it waits for (the holder of a lock, the server of a call), as that one does in
 * turn. So the threads that wait form trees, and the thread at the root runs with the best context of its tree. Priority,
 * deadline, budget and account are inherited by this one rule, and a context is used by one thread at a time.
 *
 * Classes in the order in which they go first:
 *   deadline    earliest deadline first. At most runtime_ns in a period; who uses more waits for the next, so an overrunner
 *               takes nothing from others. Admitted to one processor, its home, as far as there is room (SCHED_ADMIT_PPM)
 *   fixed       priority 99 to 1; first in first out, or round-robin with a quantum. While fair threads wait, deadline and
 *               fixed together get at most SCHED_REAL_TIME_NS of each SCHED_WINDOW_NS of a processor
 *   fair        the least virtual time first: time used, divided by the weight of the nice value. As a waiting thread's
 *               virtual time stands still and that of all others grows, each comes first after a bounded time
 *   background  (GROVE_SCHEDULE_IDLE) what nobody else wants
 *
 * There is no tick: a processor's timer is set to the next moment at which something must be decided.
 *
 * One lock guards everything here: queues, trees, timers, groups. It is held for a bounded number of steps (logarithms of
 * what waits, the processors once, at most SCHED_DEPTH_MAX links of a chain), and across a switch of threads: a thread that
 * is put in a queue is found by another processor only once its registers are saved. Interrupts are off in the kernel.
 * Whoever blocks does it in two steps: a function that says so (sched_block, sched_call, ...), then sched_reschedule. A
 * wake-up in between finds a thread that is to sleep, and it does not.
 *
 * Times are in nanoseconds of the machine's monotonic clock, which must stay below 2^61 (70 years).
 */
#ifndef GROVE_BARE_SCHED_H
#define GROVE_BARE_SCHED_H

#include "grove/abi/spec.h"
#include "grove/abi/status.h"
#include "kernel/core/list.h"
#include "kernel/machine/bare/sched/order.h"
#include "kernel/machine/bare/spinlock.h"

#define SCHED_PROCESSORS_MAX 64u
#define SCHED_PRIORITIES 100u
#define SCHED_DEPTH_MAX 16u /* links of a chain of threads that wait for each other */
#define SCHED_GROUPS_DEEP 4u
#define SCHED_ADMIT_PPM UINT64_C(900000) /* of each processor, for deadlines */
#define SCHED_WINDOW_NS UINT64_C(1000000000)
#define SCHED_REAL_TIME_NS UINT64_C(950000000)
#define SCHED_SLICE_NS UINT64_C(3000000) /* a fair thread runs on for so long */
#define SCHED_GRAIN_NS UINT64_C(1000000) /* virtual; what a fair thread must be behind to interrupt a slice */
#define SCHED_BONUS_NS UINT64_C(3000000) /* virtual; how far behind the others a fair thread may wake up */
#define SCHED_QUANTUM_NS UINT64_C(10000000)
#define SCHED_NEVER UINT64_MAX

struct scheduler;
struct sched_thread;
struct futex_thread;

/* What the scheduler needs of a machine. Called with interrupts off, and but for now_ns and here with its lock held. */
struct sched_machine {
    uint64_t (*now_ns)(struct scheduler *scheduler);
    uint32_t (*here)(struct scheduler *scheduler); /* the number of the processor that this runs on */
    /* Call sched_interrupt on this processor at that time or soon if it has passed; SCHED_NEVER: not at all. */
    void (*set_timer)(struct scheduler *scheduler, uint64_t when_ns);
    /* Call sched_interrupt soon on that other processor. */
    void (*kick)(struct scheduler *scheduler, uint32_t processor);
    /* Go on as `to`, which calls sched_arrived first; returns when `from` is switched to, perhaps on another processor. */
    void (*switch_to)(struct scheduler *scheduler, struct sched_thread *from, struct sched_thread *to);
};

/* ---- timers ---- */

/*
 * One moment at which `fire` is called, on the processor that set it, without the lock. It may just be about to be called
 * on another processor when the timer is set again or cancelled: `fire` must see for itself whether its time has come.
 */
struct sched_timer {
    struct order_node node;
    uint32_t processor;
    uint32_t firing; /* calls of `fire` that have not returned */
    void (*fire)(struct scheduler *scheduler, struct sched_timer *timer);
};

/* ---- groups: the processor time of containers ---- */

/* At most quota_ns of processor time in each period_ns, of all processors together; what was too much is made up for. */
struct sched_group {
    struct sched_group *parent; /* NULL for none; its time is part of that one's */
    uint64_t quota_ns, period_ns; /* quota_ns is 0 for no limit */
    int64_t left_ns;
    uint64_t renewed_ns; /* when the period began */
    uint64_t used_ns; /* since sched_group_init */
    uint64_t spent_ns; /* when its time was used up, while it is */
    uint64_t waited_ns; /* for how long it was, with somebody waiting, since sched_group_init; atomic */
    /*
     * Somebody waited for a period to end: called at that moment, once, until it is armed again. In the timer's interrupt, without locks of
     * the scheduler. NULL: nobody wants to know.
     */
    void (*waited)(struct sched_group *group);
    bool is_armed; /* atomic */
    uint32_t depth;
    bool is_spent;
    struct list spent; /* contexts that would run if it were not */
    struct sched_timer timer;
};

/* ---- contexts, locks and threads ---- */

/*
 * What threads wait for while they lend their contexts to its owner: a lock that somebody holds, or, as each thread has
 * one, a call to it. All zero is one that nobody holds. Whoever has the memory passes or drops it before it ends.
 */
struct sched_lock {
    struct sched_thread *owner; /* NULL: nobody is lent to */
    struct order waiters; /* the one with the best context first */
    struct order_node held; /* in owner->holds, while somebody waits */
    uint32_t below; /* links of the longest chain that ends here */
    uint32_t waiting_lengths; /* bit n: waiting_at[n] is not 0 */
    uint32_t waiting_at[SCHED_DEPTH_MAX + 1]; /* how many wait with chains of that many links behind them */
};

struct sched_context {
    struct sched_thread *owner;
    struct sched_group *group; /* may be NULL */
    enum grove_schedule_class class;
    int32_t priority; /* of a fixed class */
    uint32_t weight; /* of a fair or background one */
    uint32_t home; /* of a deadline: the processor it is admitted to */
    uint32_t clock; /* whose virtual time virtual_ns is measured in */
    bool is_active; /* competes, in the hands of whoever uses it */
    bool is_spent; /* deadline: until its timer says that the next period begins */
    uint64_t runtime_ns, relative_ns, period_ns; /* deadline: as asked for */
    uint64_t release_ns, deadline_ns; /* deadline: of the period it is in */
    int64_t left_ns; /* of a deadline's runtime, a slice or a quantum */
    uint64_t virtual_ns; /* fair, background */
    uint64_t used_ns; /* the account: time anybody ran with it */
    struct list link; /* in group->spent */
    struct sched_timer timer;
};

enum sched_state {
    SCHED_BLOCKED, /* before it is started too */
    SCHED_READY, /* runs, is queued, or waits for time to be left in its context */
    SCHED_ENDED,
};

struct sched_thread {
    struct sched_context own;
    struct sched_context *using; /* its own, or one lent by a thread that waits for this one */
    enum sched_state state;
    uint32_t processor; /* where it runs, is queued or was last */
    uint64_t affinity; /* bit n: may run on processor n */
    bool is_running; /* has a processor, or was handed one */
    bool is_queued;
    bool is_receiving; /* blocked by sched_receive */
    uint64_t queued_rank; /* see internal.h: that of the context with which it is queued */
    uint32_t queued_weight;
    struct order_node position; /* in a queue */
    struct list place; /* in a queue of fixed priority */

    struct sched_lock *waits_for; /* NULL for none */
    struct order_node waiting; /* in waits_for->waiters */
    struct order holds; /* locks that others wait for, by the best context in each */
    uint32_t below; /* links of the longest chain that ends here */
    uint32_t held_lengths; /* bit n: held_at[n] is not 0 */
    uint32_t held_at[SCHED_DEPTH_MAX + 1]; /* how many of `holds` have chains of that many links */
    struct sched_lock calls; /* its own, for those who call it */
    struct futex_thread *futex; /* see kernel/machine/bare/futex; NULL for none */

    struct sched_timer timeout;
    uint64_t timeout_ns; /* SCHED_NEVER for none */
    bool keeps_timer; /* `timeout` stays set when it is woken, for its next wait: it may be earlier than timeout_ns */
    const bool
        *interrupted; /* atomic; while it is true the thread does not wait (GROVE_CANCELLED); NULL: it always does */
    int result; /* of what it blocked for: 0 or a negative enum grove_status */
    uint64_t run_ns; /* time it ran, at whose expense ever */
    uint64_t ready_since_ns; /* when it last began to wait for a processor */
};

/* ---- processors ---- */

struct sched_processor {
    struct sched_thread idle; /* runs when nothing else does; never queued */
    struct sched_thread *current;
    struct sched_thread *handed; /* next if nothing is better: a call or a reply gave it this processor; or NULL */
    struct order deadlines, fair, background; /* queues */
    struct list fixed[SCHED_PRIORITIES];
    uint64_t fixed_mask[2]; /* bit n: fixed[n] is not empty */
    uint64_t waiting; /* threads in its queues */
    uint64_t fair_weight; /* of the fair ones among them */
    uint64_t virtual_ns; /* the virtual time of its fair threads; never goes back */
    uint64_t admitted_ppm;
    uint64_t since_ns; /* up to when the current thread is charged */
    uint64_t window_ns, real_time_ns; /* when the window began, and what deadlines and fixed priorities used of it */
    uint64_t busy_ns;
    uint64_t timer_ns; /* what the machine's timer is set to */
    struct order timers;
    bool must_choose, is_kicked;
};

struct scheduler {
    struct spinlock lock;
    const struct sched_machine *machine;
    uint32_t count; /* processors */
    uint64_t waiting; /* threads in the queues of all of them */
    uint64_t online; /* a bit for each */
    struct sched_processor *processors;
};

/* `processors` is undefined memory for count of them, 1 to SCHED_PROCESSORS_MAX; each runs its idle thread. */
void sched_init(struct scheduler *scheduler, const struct sched_machine *machine, struct sched_processor *processors,
                uint32_t count);

/* ---- the life of a thread ---- */

/*
 * A thread that waits for sched_wake before it runs at all, in undefined memory that stays until sched_drain has returned. GROVE_INVALID: the
 * schedule is not valid or the affinity holds no processor. GROVE_EXHAUSTED: a deadline for which no processor has room.
 */
int sched_thread_init(struct scheduler *scheduler, struct sched_thread *thread, const struct grove_schedule *schedule,
                      uint64_t affinity, struct sched_group *group);
/* Change how a thread is scheduled. Same errors; then nothing has changed. */
int sched_thread_set(struct scheduler *scheduler, struct sched_thread *thread, const struct grove_schedule *schedule,
                     uint64_t affinity);
/*
 * End a thread. Who waits for it is woken with GROVE_CLOSED. If it runs here, sched_reschedule must follow and does not
 * return; one that runs elsewhere is stopped by the machine first. Its locks are the caller's affair (futex_exit).
 */
void sched_thread_end(struct scheduler *scheduler, struct sched_thread *thread);
/* Wait until no timer of an ended thread is about to fire: the last call before its memory is used for something else. */
void sched_drain(struct sched_thread *thread);

/* ---- on each processor ---- */

/* The thread that runs here. */
struct sched_thread *sched_current(struct scheduler *scheduler);
/* The timer or a kick: fires what is due. sched_reschedule must follow, before the processor goes back to a program. */
void sched_interrupt(struct scheduler *scheduler);
/* Go on with the thread that should run here now, which may be another one or the same. */
void sched_reschedule(struct scheduler *scheduler);
/* What a thread does first after it was switched to, also the very first time. */
void sched_arrived(struct scheduler *scheduler);
/* Whether sched_reschedule would have something to decide. */
bool sched_must_reschedule(struct scheduler *scheduler);
/*
 * *thread->interrupted has become true: end its wait with GROVE_CANCELLED, or interrupt the other processor that it runs on,
 * which looks at the thread again before it goes back to user mode.
 */
void sched_interrupt_thread(struct scheduler *scheduler, struct sched_thread *thread);
/* Let others of the same priority go first; a deadline gives up the rest of its period. sched_reschedule must follow. */
void sched_give_way(struct scheduler *scheduler);

/* ---- waiting ---- */

/*
 * The current thread waits until sched_wake or until timeout_ns, a moment, or SCHED_NEVER. sched_reschedule must follow;
 * then current->result is that of sched_wake, or GROVE_TIMED_OUT.
 */
void sched_block(struct scheduler *scheduler, uint64_t timeout_ns);
/* False if it does not wait. Whom it lent its context to loses it. */
bool sched_wake(struct scheduler *scheduler, struct sched_thread *thread, int result);

/* ---- lending ---- */

/*
 * As sched_block, and lends the current thread's context to the owner of `lock`, if it has one. GROVE_CYCLE: the owner
 * waits for the current thread already, over however many others. GROVE_TOO_LARGE: the chain would be longer than
 * SCHED_DEPTH_MAX. Then it does not block.
 */
int sched_block_on(struct scheduler *scheduler, struct sched_lock *lock, uint64_t timeout_ns);
/* The same for a thread that is blocked without lending, and goes on being blocked. */
int sched_lend(struct scheduler *scheduler, struct sched_thread *thread, struct sched_lock *lock);
/* The waiter with the best context, or NULL. The caller has a lock of its own that keeps waiters from coming and going. */
struct sched_thread *sched_lock_first(struct scheduler *scheduler, struct sched_lock *lock);
/*
 * `lock` has a new owner, or none (NULL). One that waits for it stops doing so; it is still blocked, and to be woken. The
 * others lend to it from now on.
 */
void sched_lock_pass(struct scheduler *scheduler, struct sched_lock *lock, struct sched_thread *owner);

/* ---- calls: the caller's context and processor go to the server and come back ---- */

/* The current thread waits for a call or for sched_wake, without a time limit. */
void sched_receive(struct scheduler *scheduler);
/*
 * As sched_block_on; and if the server waits in sched_receive, it goes on, with result 0, on this processor and without
 * passing through a queue unless something better waits here.
 */
int sched_call(struct scheduler *scheduler, struct sched_thread *server, uint64_t timeout_ns);
/*
 * The current thread has done what `client` called it for: that one goes on with `result`, here if it ran at its expense.
 * False if it no longer waits for the current thread. sched_reschedule must follow; sched_receive may come in between.
 */
bool sched_reply(struct scheduler *scheduler, struct sched_thread *client, int result);

/*
 * The current thread waits as by sched_block, and `other` (may be NULL), if it is blocked, is woken with result 0 and goes on
 * here, without passing through a queue unless something better waits. With `lends` the current thread lends its context to it
 * until it is woken itself, as far as that makes no circle and no chain that is too long. sched_reschedule must follow.
 */
void sched_wait_and_hand_over(struct scheduler *scheduler, struct sched_thread *other, uint64_t timeout_ns, bool lends);
/* The second half of that, after sched_block: if the current thread is ready again, this only wakes. */
void sched_hand_over(struct scheduler *scheduler, struct sched_thread *other, bool lends);

/* ---- timers ---- */

/* `timer->fire` is set; a timer that is set already is moved. */
void sched_timer_set(struct scheduler *scheduler, struct sched_timer *timer, uint64_t when_ns);
void sched_timer_cancel(struct scheduler *scheduler, struct sched_timer *timer);
/* Wait until it is not about to fire on another processor. It is cancelled, and the caller holds no lock. */
void sched_timer_drain(struct sched_timer *timer);

/* ---- groups ---- */

/*
 * `group` is undefined memory that must outlive its threads and the groups below it. GROVE_INVALID: a quota without a
 * period, or one that is longer than GROVE_SCHEDULE_PERIOD_NS_MAX. GROVE_TOO_LARGE: deeper than SCHED_GROUPS_DEEP.
 */
int sched_group_init(struct scheduler *scheduler, struct sched_group *group, struct sched_group *parent,
                     uint64_t quota_ns, uint64_t period_ns);
/* From now on; a period begins. GROVE_INVALID. */
int sched_group_set(struct scheduler *scheduler, struct sched_group *group, uint64_t quota_ns, uint64_t period_ns);
/* No thread and no group is in it. */
void sched_group_deinit(struct scheduler *scheduler, struct sched_group *group);
/*
 * What a thread does from now on is at this group's expense; NULL: at nobody's. For a thread that has not begun, and for the
 * current one. The group it was in may go as soon as no other thread is in it.
 */
void sched_thread_move(struct scheduler *scheduler, struct sched_thread *thread, struct sched_group *group);
/* Bring the accounts of what runs right now up to date, on all processors, before they are read. */
void sched_account(struct scheduler *scheduler);

#endif
