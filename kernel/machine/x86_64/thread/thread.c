/* Threads on this machine: see machine.h. */
#include "kernel/machine/x86_64/thread/machine.h"

#include "kernel/core/machine.h"
#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/thread/ended.h"
#include "kernel/machine/x86_64/thread/stacks.h"
#include "kernel/machine/x86_64/thread/vector.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define FLAGS_ALWAYS 2u /* bit 1 */
/* What a program may change of its flags: arithmetic, trap, direction, alignment, identification. */
#define FLAGS_OF_PROGRAM UINT64_C(0x240dd5)
#define BEGIN_WORDS 8u /* what thread_switch_stack takes off a new stack, and one word so that it is aligned */

uint32_t threads_count;

void thread_begin(void);
_Noreturn void thread_return_to_user(struct thread_registers *registers);

struct thread *thread_current(void) {
    struct thread *current;
    __asm__ volatile("mov %%gs:%c1, %0" : "=r"(current) : "i"(PROCESSOR_THREAD));
    return current;
}

/* ---- a new one ---- */

static struct machine_thread *take(void) {
    threads_collect();
    uint64_t end = stack_take();
    if (end == 0)
        return NULL;
    __atomic_fetch_add(&threads_count, 1, __ATOMIC_RELAXED);
    struct machine_thread *thread = (struct machine_thread *)((end - sizeof(*thread)) & ~UINT64_C(63));
    memset(thread, 0, sizeof(*thread));
    uint64_t vector = ((uint64_t)thread - vector_bytes()) & ~(uint64_t)(VECTOR_ALIGNMENT - 1);
    thread->vector = (void *)vector;
    thread->stack_end = vector;
    thread->canary = processor_random() & ~UINT64_C(0xff); /* a zero byte stops a copied text */
    uint64_t *words = (uint64_t *)(vector - sizeof(struct thread_registers)) - BEGIN_WORDS;
    memset(words, 0, BEGIN_WORDS * sizeof(*words));
    words[5] = (uint64_t)thread; /* rbx */
    words[6] = (uint64_t)thread_begin;
    thread->stack = (uint64_t)words;
    return thread;
}

static void free_stack(const struct machine_thread *thread) {
    __atomic_fetch_sub(&threads_count, 1, __ATOMIC_RELAXED);
    stack_give_back(stack_end_of((uint64_t)thread));
}

void thread_free(struct thread *thread) {
    struct machine_thread *machine = machine_thread_of(thread);
    sched_drain(&thread->sched);
    free_stack(machine);
}

static const struct grove_schedule plain = {.class = GROVE_SCHEDULE_FAIR};

/* It is scheduled as `like` is, or, for NULL, as usual. A deadline is admitted for one thread alone. */
static int schedule_as(struct machine_thread *machine, const struct thread *like) {
    struct thread *thread = &machine->thread;
    uint64_t affinity = like != NULL ? like->sched.affinity : thread_scheduler.online;
    thread->schedule = plain;
    if (like != NULL && !like->resets_schedule && like->schedule.class != GROVE_SCHEDULE_DEADLINE) {
        thread->schedule = like->schedule;
        thread->policy = like->policy;
        thread->nice = like->nice;
    }
    int status = sched_thread_init(&thread_scheduler, &thread->sched, &thread->schedule, affinity, NULL);
    if (status < 0) {
        free_stack(machine);
        return -LINUX_EAGAIN;
    }
    futex_thread_init(&thread->futex, &thread->sched, 0);
    list_init(&thread->in_process);
    return 0;
}

int thread_create(struct process *process, const struct thread_registers *registers, struct thread **thread) {
    struct thread *self = thread_current();
    const struct machine_thread *maker = machine_thread_of(self);
    bool is_program = self->process != NULL;
    struct machine_thread *new = take();
    if (new == NULL)
        return -LINUX_ENOMEM;
    int status = schedule_as(new, is_program ? self : NULL);
    if (status < 0)
        return status;
    new->thread.process = process;
    new->thread.sched.interrupted = &new->thread.is_interrupted;
    new->space = process_space(process);
    *thread_user_registers(&new->thread) = *registers;
    if (is_program) {
        hold_begin(); /* they are in this processor only as long as nobody else is */
        vector_save_first(new->vector);
        hold_end();
        new->fs_base = maker->fs_base;
        new->gs_base = maker->gs_base;
    } else {
        vector_init(new->vector);
    }
    *thread = &new->thread;
    return 0;
}

int thread_create_kernel(void (*function)(void *argument), void *argument, struct thread **thread) {
    struct machine_thread *new = take();
    if (new == NULL)
        return -LINUX_ENOMEM;
    int status = schedule_as(new, NULL);
    if (status < 0)
        return status;
    new->thread.sched.interrupted = &new->thread.is_interrupted;
    new->function = function;
    new->argument = argument;
    vector_init(new->vector);
    *thread = &new->thread;
    return 0;
}

uint64_t thread_run_ns(struct thread *thread) {
    sched_account(&thread_scheduler);
    return thread->sched.run_ns;
}

void threads_set_affinity(struct thread *thread, uint64_t affinity) {
    if (sched_thread_set(&thread_scheduler, &thread->sched, &thread->schedule, affinity) < 0)
        machine_panic("a thread of the kernel is to run on no processor");
}

/* Called by thread_begin, with the scheduler's lock. Returns where the registers of a program lie. */
struct thread_registers *thread_begun(struct machine_thread *self);
struct thread_registers *thread_begun(struct machine_thread *self) {
    processor_here()->holds = 1; /* that of the scheduler's lock */
    threads_note_ended();
    sched_arrived(&thread_scheduler);
    if (self->function != NULL) {
        self->function(self->argument);
        thread_exit();
    }
    interrupts_off();
    threads_leave();
    return thread_user_registers(&self->thread);
}

/* ---- the end ---- */

void thread_exit(void) {
    struct thread *self = thread_current();
    threads_begin_end();
    if (self->process != NULL) {
        thread_end_words(self);
        process_thread_gone(self);
        self->process = NULL;
        thread_use_space();
    }
    threads_end();
}

/* ---- what a program goes on with ---- */

struct thread_registers *thread_user_registers(struct thread *thread) {
    struct thread_registers *registers = (struct thread_registers *)machine_thread_of(thread)->stack_end - 1;
    registers->frame.vector |= VECTOR_CHANGED; /* so that all of them are loaded again */
    return registers;
}

void thread_set_result(struct thread *thread, int64_t result) {
    thread_user_registers(thread)->frame.rax = (uint64_t)result;
}

void thread_set_stack(struct thread *thread, uint64_t stack) {
    thread_user_registers(thread)->frame.rsp = stack;
}

void thread_load_bases(const struct machine_thread *thread) {
    struct processor *here = processor_here();
    if (here->fs_base != thread->fs_base) {
        here->fs_base = thread->fs_base;
        write_msr(MSR_FS_BASE, thread->fs_base);
    }
    if (here->gs_base != thread->gs_base) {
        here->gs_base = thread->gs_base;
        write_msr(MSR_KERNEL_GS_BASE, thread->gs_base); /* the one that is not in use in the kernel */
    }
}

static void set_bases(struct machine_thread *thread, uint64_t fs_base, uint64_t gs_base) {
    hold_begin();
    thread->fs_base = fs_base;
    thread->gs_base = gs_base;
    if (&thread->thread == thread_current())
        thread_load_bases(thread);
    hold_end();
}

void thread_set_pointer(struct thread *thread, uint64_t pointer) {
    set_bases(machine_thread_of(thread), pointer, machine_thread_of(thread)->gs_base);
}

void thread_set_other_pointer(struct thread *thread, uint64_t pointer) {
    set_bases(machine_thread_of(thread), machine_thread_of(thread)->fs_base, pointer);
}

void thread_begin_program(struct thread *thread, uint64_t entry, uint64_t stack) {
    struct machine_thread *machine = machine_thread_of(thread);
    thread_user_registers(thread)->frame = (struct interrupt_frame){.rip = entry,
                                                                    .cs = SELECTOR_USER_CODE | 3,
                                                                    .rflags = FLAG_INTERRUPTS | FLAGS_ALWAYS,
                                                                    .rsp = stack,
                                                                    .ss = SELECTOR_USER_DATA | 3,
                                                                    .vector = VECTOR_CHANGED};
    set_bases(machine, 0, 0);
    hold_begin();
    vector_init(machine->vector);
    if (thread == thread_current())
        vector_load(machine->vector);
    hold_end();
}

void thread_make_safe(struct thread_registers *registers) {
    struct interrupt_frame *frame = &registers->frame;
    frame->cs = SELECTOR_USER_CODE | 3;
    frame->ss = SELECTOR_USER_DATA | 3;
    frame->rflags = (frame->rflags & FLAGS_OF_PROGRAM) | FLAG_INTERRUPTS | FLAGS_ALWAYS;
    if (frame->rip >= LAYOUT_USER_END)
        frame->rip = LAYOUT_USER_END; /* where never anything is */
}

void thread_use_space(void) {
    struct machine_thread *self = machine_thread_of(thread_current());
    struct process *process = self->thread.process;
    hold_begin();
    self->space = process != NULL ? process_space(process) : NULL;
    space_use(self->space);
    hold_end();
}

void thread_go_to_user(void) {
    struct thread *self = thread_current();
    interrupts_off();
    threads_leave();
    thread_return_to_user(thread_user_registers(self));
}
