/*
 * What the files of this folder share. Everything here is called with the scheduler's lock held.
 *
 * timers.c   moments                          choose.c   what runs next, switches, a processor's timer
 * context.c  ranks, charging, renewal         lend.c     trees of waiting threads
 * queue.c    the queues of a processor        thread.c   begin, change, end, block, wake
 * place.c    which processor; pulling         call.c     calls and replies
 * admit.c    deadlines: room on processors    group.c    containers' time
 */
#ifndef GROVE_BARE_SCHED_INTERNAL_H
#define GROVE_BARE_SCHED_INTERNAL_H

#include "kernel/machine/bare/sched/sched.h"

#define NICE_0_WEIGHT 1024u
#define WEIGHT_MOST 88818u /* of nice -20 */
#define LEAST_TIMER_NS UINT64_C(50000) /* no decision about budgets and fairness is timed finer */
#define VIRTUAL_START UINT64_C(1000000000000) /* so that what lies behind it is still positive */

/* A context's rank: a lesser one goes first, of whatever class. */
#define RANK_FIXED (UINT64_C(1) << 61)
#define RANK_FAIR (UINT64_C(2) << 61)
#define RANK_BACKGROUND (UINT64_C(3) << 61)
#define RANK_NONE UINT64_MAX /* may not run now */

static inline uint64_t now_ns(struct scheduler *scheduler) {
    return scheduler->machine->now_ns(scheduler);
}

static inline struct sched_processor *processor_here(struct scheduler *scheduler) {
    return &scheduler->processors[scheduler->machine->here(scheduler)];
}

static inline bool is_idle_thread(const struct scheduler *scheduler, const struct sched_thread *thread) {
    return thread == &scheduler->processors[thread->processor].idle;
}

/* ---- timers.c ---- */
void timer_arm(struct scheduler *scheduler, struct sched_timer *timer, uint64_t when_ns);
void timer_disarm(struct scheduler *scheduler, struct sched_timer *timer);

/* ---- context.c ---- */
void context_init(struct sched_context *context, struct sched_thread *owner, const struct grove_schedule *schedule);
/* The group, of this and those above it, that has no time left; NULL for none. */
static inline struct sched_group *group_spent(struct sched_group *group) {
    while (group != NULL && !group->is_spent)
        group = group->parent;
    return group;
}

static inline bool context_may_run(const struct sched_context *context) {
    return !context->is_spent && group_spent(context->group) == NULL;
}

/* RANK_NONE if it may not run. */
static inline uint64_t context_rank(const struct sched_context *context) {
    if (!context_may_run(context))
        return RANK_NONE;
    switch (context->class) {
    case GROVE_SCHEDULE_DEADLINE:
        return context->deadline_ns;
    case GROVE_SCHEDULE_FIXED:
    case GROVE_SCHEDULE_ROUND_ROBIN:
        return RANK_FIXED + SCHED_PRIORITIES - (uint64_t)context->priority;
    case GROVE_SCHEDULE_FAIR:
        return RANK_FAIR + WEIGHT_MOST - context->weight;
    default:
        return RANK_BACKGROUND;
    }
}

/* It begins to compete on a processor, if it did not already. */
void context_activate(struct scheduler *scheduler, struct sched_context *context, uint32_t processor, uint64_t now);
/* Charge a processor's current thread up to now. */
void charge(struct scheduler *scheduler, struct sched_processor *processor, uint64_t now);
/* A deadline has used up its runtime. */
void context_spend(struct scheduler *scheduler, struct sched_context *context);

/* ---- queue.c ---- */
/* Queue a thread whose context may run on thread->processor, before or behind those of the same fixed priority. */
void queue_insert(struct scheduler *scheduler, struct sched_thread *thread, bool is_first);
void queue_remove(struct scheduler *scheduler, struct sched_thread *thread);
/* The one to run first of those that wait on a processor, or NULL. */
struct sched_thread *queue_first(const struct sched_processor *processor);
/* Whether `thread`, which waits there, should run instead of `running`. */
bool queue_beats(const struct sched_processor *processor, const struct sched_thread *thread,
                 const struct sched_thread *running);
/* Deadlines and fixed priorities had their share of the window, and fair threads wait. */
bool queue_is_reserved(const struct sched_processor *processor);
struct sched_thread *queue_highest_fixed(const struct sched_processor *processor);

/* ---- place.c ---- */
/* The processor on which a thread that becomes ready should run. */
uint32_t place_choose(const struct scheduler *scheduler, const struct sched_thread *thread);
/* A thread that waits elsewhere and should run here instead of `candidate` (NULL: nothing); NULL if there is none. */
struct sched_thread *place_pull(struct scheduler *scheduler, const struct sched_processor *processor,
                                const struct sched_thread *candidate);
/*
 * Tell those processors that should run what waits here. A thread comes to wait here unnoticed by them where it was to run
 * at once and something better came first.
 */
void place_offer(struct scheduler *scheduler, const struct sched_processor *processor);
static inline bool place_allows(const struct sched_thread *thread, uint32_t processor) {
    return (thread->affinity >> processor & 1) != 0;
}

/* ---- choose.c ---- */
/* A processor has something to decide. */
void choose_soon(struct scheduler *scheduler, uint32_t processor);
/* A ready thread that is neither queued nor runs competes from now on, if its context may run. */
void make_ready(struct scheduler *scheduler, struct sched_thread *thread, bool is_first);

/* ---- lend.c ---- */
int lend_begin(struct scheduler *scheduler, struct sched_thread *thread, struct sched_lock *lock);
void lend_end(struct scheduler *scheduler, struct sched_thread *thread);
/*
 * The same for a call from one thread to another, which sleeps, or its end, as the other begins to sleep, where nobody else
 * waits for either. False: nothing was done, and there is more to it.
 */
bool lend_begin_alone(struct sched_thread *thread, struct sched_thread *owner);
bool lend_end_alone(struct sched_thread *thread, struct sched_thread *owner);
/* The end of the chain that begins with a thread: who uses its context, if that is the best one there. */
struct sched_thread *lend_root(struct sched_thread *thread);
/* A thread's own context, or who waits for it, has changed: work out with what it and those it waits for run. */
void lend_refresh(struct scheduler *scheduler, struct sched_thread *thread);

/* ---- thread.c ---- */
void thread_block(struct scheduler *scheduler, struct sched_thread *thread, uint64_t timeout_ns);
/* It has just begun to wait: if it is interrupted, it does not. */
void thread_look_interrupted(struct scheduler *scheduler, struct sched_thread *thread);
/* It stops waiting and is ready, but neither queued nor running: make_ready or handing over must follow. */
void thread_unblock(struct scheduler *scheduler, struct sched_thread *thread, int result);

void thread_unblock_at(struct scheduler *scheduler, struct sched_thread *thread, int result, uint64_t now);

/* ---- admit.c ---- */
/* Take room for a context's deadline on a processor of `affinity`. GROVE_EXHAUSTED. Nothing happens for other classes. */
int admit(struct scheduler *scheduler, struct sched_context *context, uint64_t affinity);
void admit_end(struct scheduler *scheduler, struct sched_context *context);

/* ---- group.c ---- */
void group_charge(struct scheduler *scheduler, struct sched_group *group, uint64_t ran_ns, uint64_t now);
/* How long this processor may run at their expense before it must look again; SCHED_NEVER without a limit. */
uint64_t group_limit_ns(struct scheduler *scheduler, const struct sched_group *group, uint64_t now);

#endif
