/*
 * Sleeping and waking: see thread.h.
 *
 * A thread first says that it is to sleep (sched_block), then shows itself to those who wake, and then lets others run. A
 * wake-up that comes in between finds it blocked and makes it ready again, so none is lost. Nothing may replace it before it
 * can be found, so a spin lock is held, or interrupts are kept away, until then.
 */
#include "kernel/core/machine.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

struct scheduler thread_scheduler;
struct futex_table thread_futexes;

struct sleeper {
    struct wait_entry entry; /* first */
    struct thread *thread;
};

static void sleeper_woken(struct wait_entry *entry) {
    struct sleeper *sleeper = (struct sleeper *)entry;
    (void)sched_wake(&thread_scheduler, &sleeper->thread->sched, GROVE_OK);
}

/* The thread is blocked, and whoever is to wake it can find it. */
static int let_others_run(struct thread *self) {
    if (hold_count() != 0)
        machine_panic("a thread sleeps with a spin lock held");
    sched_reschedule(&thread_scheduler);
    if (self->sched.result == GROVE_CANCELLED)
        return -LINUX_EINTR;
    return self->sched.result == GROVE_TIMED_OUT ? -LINUX_ETIMEDOUT : 0;
}

static int sleep_in(struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    struct thread *self = thread_current();
    struct sleeper sleeper = {.entry.woken = sleeper_woken, .thread = self};
    hold_begin();
    sched_block(&thread_scheduler, until_ns);
    wait_add(queue, &sleeper.entry);
    hold_end();
    if (held != NULL)
        spinlock_unlock(held);
    int status = let_others_run(self);
    wait_remove(&sleeper.entry);
    if (held != NULL)
        spinlock_lock(held);
    return status;
}

int thread_sleep(struct wait_queue *queue, struct spinlock *held, uint64_t until_ns) {
    return sleep_in(queue, held, until_ns);
}

void thread_sleep_firmly(struct wait_queue *queue, struct spinlock *held) {
    struct thread *self = thread_current();
    const bool *interrupted = self->sched.interrupted;
    self->sched.interrupted = NULL;
    (void)sleep_in(queue, held, WAIT_FOREVER);
    self->sched.interrupted = interrupted;
}

int thread_sleep_unless(const bool *is_woken, uint64_t until_ns) {
    struct thread *self = thread_current();
    hold_begin();
    sched_block(&thread_scheduler, until_ns);
    /* Whoever stored true wakes after that, so either this sees it or the wake-up finds the thread blocked. */
    if (__atomic_load_n(is_woken, __ATOMIC_SEQ_CST))
        (void)sched_wake(&thread_scheduler, &self->sched, GROVE_OK);
    hold_end();
    return let_others_run(self);
}

void thread_wake(struct thread *thread) {
    (void)sched_wake(&thread_scheduler, &thread->sched, GROVE_OK);
}

void thread_interrupt(struct thread *thread) {
    __atomic_store_n(&thread->is_interrupted, true, __ATOMIC_SEQ_CST);
    sched_interrupt_thread(&thread_scheduler, &thread->sched);
}

void thread_pause(void) {
    if (sched_must_reschedule(&thread_scheduler))
        sched_reschedule(&thread_scheduler);
}

void thread_discard(struct thread *thread) {
    sched_thread_end(&thread_scheduler, &thread->sched);
    thread_free(thread);
}

void thread_start(struct thread *thread) {
    thread->futex.number = (uint32_t)thread->number;
    (void)sched_wake(&thread_scheduler, &thread->sched, GROVE_OK);
}
