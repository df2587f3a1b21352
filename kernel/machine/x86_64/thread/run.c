/*
 * How the scheduler runs threads on this machine: switches, idle processors, and what is looked at on the way out of the
 * kernel. See machine.h.
 */
#include "kernel/core/machine.h"
#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/process/calls.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/thread/ended.h"
#include "kernel/machine/x86_64/thread/vector.h"
#include "kernel/machine/x86_64/time/clock.h"

void thread_switch_stack(uint64_t *from, uint64_t to);

static bool is_ready; /* stored with release, loaded with acquire: the scheduler may be used */

/* ---- what the scheduler asks for ---- */

static uint64_t now(struct scheduler *scheduler) {
    (void)scheduler;
    return clock_now_ns();
}

static uint32_t here(struct scheduler *scheduler) {
    (void)scheduler;
    return processor_here()->number;
}

static void set_timer(struct scheduler *scheduler, uint64_t when_ns) {
    (void)scheduler;
    clock_set_deadline(when_ns);
}

static void kick(struct scheduler *scheduler, uint32_t processor) {
    (void)scheduler;
    apic_send(processors[processor].apic_id, VECTOR_WAKE);
}

/* Idle threads lie in the scheduler's own memory. */
static struct machine_thread *machine_of(const struct scheduler *scheduler, struct sched_thread *thread) {
    if (thread == &scheduler->processors[thread->processor].idle)
        return processors[thread->processor].idle;
    return (struct machine_thread *)thread;
}

/* What is a program's in the processor. */
static void load_program(struct processor *self, struct machine_thread *thread) {
    if (self->vector_owner != thread || thread->vector_on != self) {
        vector_load(thread->vector);
        self->vector_owner = thread;
        thread->vector_on = self;
    }
    thread_load_bases(thread);
}

static void switch_to(struct scheduler *scheduler, struct sched_thread *from, struct sched_thread *to) {
    struct processor *self = processor_here();
    struct machine_thread *old = machine_of(scheduler, from), *new = machine_of(scheduler, to);
    uint32_t holds = self->holds;
    self->thread = &new->thread;
    self->previous = old;
    self->canary = new->canary;
    self->kernel_stack = new->stack_end;
    self->task.stacks[0] = new->stack_end;
    if (old->thread.process != NULL)
        vector_save_changed(old->vector);
    if (new->thread.process != NULL)
        load_program(self, new);
    space_use(new->space);
    thread_switch_stack(&old->stack, new->stack);
    processor_here()->holds = holds; /* as they were when this thread was replaced */
    threads_note_ended();
}

static const struct sched_machine machine = {
    .now_ns = now, .here = here, .set_timer = set_timer, .kick = kick, .switch_to = switch_to};

/* ---- the way out of the kernel ---- */

static bool must_choose(void) {
    return __atomic_load_n(&processor_here()->sched->must_choose, __ATOMIC_RELAXED);
}

void threads_leave(void) {
    for (;;) {
        struct thread *self = thread_current();
        if (must_choose()) {
            interrupts_on();
            sched_reschedule(&thread_scheduler);
        } else if (__atomic_load_n(&self->is_interrupted, __ATOMIC_RELAXED)) {
            interrupts_on();
            process_return_to_user(self);
        } else {
            break;
        }
        interrupts_off();
    }
    struct thread_registers *registers = (struct thread_registers *)machine_thread_of(thread_current())->stack_end - 1;
    if ((registers->frame.vector & VECTOR_CHANGED) != 0)
        thread_make_safe(registers);
}

void threads_leave_interrupt(void) {
    if (processor_here()->holds == 1 && processor_here()->sched != NULL && must_choose())
        sched_reschedule(&thread_scheduler);
}

void threads_interrupt(void) {
    if (__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE))
        sched_interrupt(&thread_scheduler);
}

/* ---- processors ---- */

/* For good. An interrupt that comes between the look and the sleep ends the sleep: see wait_for_interrupt. */
static _Noreturn void idle(void) {
    processor_here()->holds = 0;
    for (;;) {
        interrupts_off();
        if (must_choose()) {
            interrupts_on();
            sched_reschedule(&thread_scheduler);
        } else {
            wait_for_interrupt();
        }
    }
}

void threads_enter_processor(void) {
    system_calls_enable();
    vector_enable();
    while (!__atomic_load_n(&is_ready, __ATOMIC_ACQUIRE))
        wait_for_interrupt();
    idle();
}

static void prepare(struct processor *processor, struct sched_processor *sched) {
    struct machine_thread *thread = memory_take(sizeof(*thread));
    if (thread == NULL)
        machine_panic("no memory for threads that idle");
    thread->canary = processor->canary;
    thread->stack_end = processor->kernel_stack;
    processor->idle = thread;
    processor->thread = &thread->thread;
    processor->sched = sched;
}

static void run_first(void *argument) {
    void (*function)(void) = *(void (**)(void))argument;
    function();
}

void threads_start(void (*function)(void)) {
    static void (*first_function)(void);
    uint32_t count = processors_count();
    struct thread *first;
    struct sched_processor *all = memory_take(count * sizeof(*all));
    if (all == NULL)
        machine_panic("no memory for the scheduler");
    sched_init(&thread_scheduler, &machine, all, count);
    futex_init(&thread_futexes, &thread_scheduler);
    for (uint32_t i = 0; i < count; i++)
        prepare(&processors[i], &all[i]);
    vector_enable();
    system_calls_enable();
    first_function = function;
    if (thread_create_kernel(run_first, &first_function, &first) < 0)
        machine_panic("no memory for the first thread");
    __atomic_store_n(&is_ready, true, __ATOMIC_RELEASE);
    for (uint32_t i = 1; i < count; i++)
        apic_send(processors[i].apic_id, VECTOR_WAKE);
    threads_start_collector();
    thread_start(first);
    idle();
}
