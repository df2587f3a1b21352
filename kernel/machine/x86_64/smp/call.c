/* One processor lets others do something: see processors.h. */
#include "kernel/core/machine.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/thread/machine.h"

/* ---- by a thread ---- */

static struct job {
    struct spinlock lock;
    struct wait_queue done;
    void (*function)(void *argument);
    void *argument;
    bool is_going_on;
} jobs[PROCESSORS_MAX];

static void run_job(void *argument) {
    struct job *job = argument;
    job->function(job->argument);
    spinlock_lock(&job->lock);
    job->is_going_on = false;
    wait_wake(&job->done);
    spinlock_unlock(&job->lock);
}

void processors_call(uint32_t number, void (*function)(void *argument), void *argument) {
    struct job *job = &jobs[number];
    struct thread *thread;
    job->function = function;
    job->argument = argument;
    job->is_going_on = true;
    if (thread_create_kernel(run_job, job, &thread) < 0)
        machine_panic("no memory for a thread of the kernel");
    threads_set_affinity(thread, UINT64_C(1) << number);
    thread_start(thread);
}

void processors_wait(uint32_t number) {
    struct job *job = &jobs[number];
    spinlock_lock(&job->lock);
    while (job->is_going_on)
        thread_sleep_firmly(&job->done, &job->lock);
    spinlock_unlock(&job->lock);
}

/* ---- by an interrupt ---- */

static struct {
    struct spinlock lock; /* of is_taken */
    struct wait_queue free;
    bool is_taken;
    void (*function)(void *argument);
    void *argument;
    uint32_t left; /* atomic: processors that have not called it */
} call;

static void take(void) {
    spinlock_lock(&call.lock);
    while (call.is_taken)
        thread_sleep_firmly(&call.free, &call.lock);
    call.is_taken = true;
    spinlock_unlock(&call.lock);
}

static void give_up(void) {
    spinlock_lock(&call.lock);
    call.is_taken = false;
    wait_wake(&call.free);
    spinlock_unlock(&call.lock);
}

void processors_interrupt(void (*function)(void *argument), void *argument) {
    if (hold_count() != 0)
        machine_panic("processors are interrupted with a spin lock held");
    take();
    call.function = function;
    call.argument = argument;
    hold_begin(); /* stays here, so that "all others" are the right ones */
    __atomic_store_n(&call.left, processors_count() - 1, __ATOMIC_RELEASE);
    for (uint32_t i = 0; i < processors_count(); i++)
        if (&processors[i] != processor_here())
            apic_send(processors[i].apic_id, VECTOR_CALL);
    function(argument);
    hold_end();
    while (__atomic_load_n(&call.left, __ATOMIC_ACQUIRE) != 0) /* pairs with processors_called */
        pause_processor();
    give_up();
}

void processors_called(void) {
    call.function(call.argument);
    __atomic_fetch_sub(&call.left, 1, __ATOMIC_RELEASE);
}
