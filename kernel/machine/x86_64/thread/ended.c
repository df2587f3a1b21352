/*
 * Threads that ended: see ended.h and machine.h.
 *
 * A thread cannot give back the stack that it runs on: the one that goes on after it notes it. Others may still have found it
 * by its number, and use it as long as they hold the spin lock under which they did. It was taken out of all lists before
 * it ended; so once each processor was seen to hold nothing, nobody uses it.
 */
#include "kernel/machine/x86_64/thread/ended.h"

#include "kernel/core/machine.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/thread/stacks.h"

#define LIE_AROUND_MAX 16u
#define STACKS_KEPT 64u
#define LOOK_AGAIN_NS UINT64_C(1000000)

static struct machine_thread *noted; /* atomic: pushed one by one, taken all at once */
static uint32_t noted_count; /* atomic; about as many */
static uint64_t ended_count, freed_count; /* atomic, of all time */
static struct wait_queue work;

void threads_note_ended(void) {
    struct machine_thread *previous = processor_here()->previous;
    if (previous->thread.sched.state != SCHED_ENDED)
        return;
    previous->next = __atomic_load_n(&noted, __ATOMIC_RELAXED);
    /* Pairs with the exchange in threads_collect. */
    while (!__atomic_compare_exchange_n(&noted, &previous->next, previous, true, __ATOMIC_RELEASE, __ATOMIC_RELAXED)) {
    }
    __atomic_fetch_add(&noted_count, 1, __ATOMIC_RELAXED);
}

/* Each processor holds nothing at some moment after this was called. */
static void wait_for_others(void) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    for (uint32_t i = 0; i < processors_count(); i++)
        while (&processors[i] != processor_here() && __atomic_load_n(&processors[i].holds, __ATOMIC_ACQUIRE) != 0)
            pause_processor();
}

void threads_collect(void) {
    if (__atomic_load_n(&noted, __ATOMIC_RELAXED) == NULL)
        return;
    struct machine_thread *thread = __atomic_exchange_n(&noted, NULL, __ATOMIC_ACQUIRE);
    __atomic_store_n(&noted_count, 0, __ATOMIC_RELAXED);
    wait_for_others();
    while (thread != NULL) {
        struct machine_thread *next = thread->next;
        thread_free(&thread->thread);
        __atomic_fetch_add(&freed_count, 1, __ATOMIC_RELAXED);
        thread = next;
    }
}

void threads_begin_end(void) {
    __atomic_fetch_add(&ended_count, 1, __ATOMIC_RELAXED);
}

void threads_end(void) {
    if (__atomic_load_n(&noted_count, __ATOMIC_RELAXED) >= LIE_AROUND_MAX)
        wait_wake(&work);
    sched_thread_end(&thread_scheduler, &thread_current()->sched);
    sched_reschedule(&thread_scheduler);
    machine_panic("a thread goes on that ended");
}

static void collect_for_ever(void *argument) {
    (void)argument;
    for (;;) {
        (void)thread_sleep(&work, NULL, WAIT_FOREVER);
        threads_collect();
        if (stacks_kept() > STACKS_KEPT)
            stacks_trim(STACKS_KEPT / 2);
    }
}

void threads_start_collector(void) {
    struct thread *collector;
    if (thread_create_kernel(collect_for_ever, NULL, &collector) < 0)
        machine_panic("no memory for the thread that collects those that ended");
    thread_start(collector);
}

void threads_trim(void) {
    static struct wait_queue nothing;
    threads_collect();
    while (__atomic_load_n(&ended_count, __ATOMIC_RELAXED) != __atomic_load_n(&freed_count, __ATOMIC_RELAXED)) {
        (void)thread_sleep(&nothing, NULL, clock_now_ns() + LOOK_AGAIN_NS);
        threads_collect();
    }
    stacks_trim(0);
}
