/* The first programs: see process.h. */
#include "kernel/machine/x86_64/process/process.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/elf.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/process/stack.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/machine/x86_64/vdso/vdso.h"
#include "kernel/services/vfs/errors.h"

#define STACK_BYTES (UINT64_C(1) << 20)
#define GUARD_BYTES (UINT64_C(16) << 20) /* below it, so that a stack that is too deep meets nothing else */
#define MOVABLE_BASE UINT64_C(0x555555554000)
#define SIGNAL_STATUS 128
#define STATUS_MASK 0xffu

struct process *process_current(void) {
    return thread_current()->process;
}

struct space *process_space(struct process *process) {
    return &process->space;
}

/* ---- threads ---- */

int process_add_thread(struct process *process, struct thread *thread, int32_t *number) {
    int status = 0;
    spinlock_lock(&process->lock);
    if (process->is_ending) {
        status = -LINUX_EAGAIN;
    } else {
        *number = thread->number = ++process->last_number;
        list_append(&process->threads, &thread->in_process);
        process->thread_count++;
    }
    spinlock_unlock(&process->lock);
    return status;
}

void process_thread_gone(struct thread *thread) {
    struct process *process = thread->process;
    thread->process = NULL;
    thread_use_space(); /* that of the process may be given back from here on */
    spinlock_lock(&process->lock);
    list_remove(&thread->in_process);
    process->ended_run_ns += thread->sched.run_ns;
    if (--process->thread_count == 0)
        wait_wake(&process->ended);
    spinlock_unlock(&process->lock);
}

struct thread *process_thread_of(struct process *process, int32_t number) {
    struct thread *found = NULL;
    spinlock_lock(&process->lock);
    for (struct list *link = process->threads.next; link != &process->threads && found == NULL; link = link->next) {
        struct thread *thread = list_item(link, struct thread, in_process);
        if (thread->number == number)
            found = thread;
    }
    spinlock_unlock(&process->lock);
    return found;
}

/* There is one process. */
struct thread *process_any_thread(int32_t number) {
    return process_thread_of(process_current(), number);
}

bool process_may_schedule(const struct thread *thread, bool is_better) {
    (void)thread;
    (void)is_better;
    return true;
}

uint64_t process_run_ns(struct process *process) {
    uint64_t sum;
    sched_account(&thread_scheduler);
    spinlock_lock(&process->lock);
    sum = process->ended_run_ns;
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next)
        sum += list_item(link, struct thread, in_process)->sched.run_ns;
    spinlock_unlock(&process->lock);
    return sum;
}

/* Its number is that of its first thread, whose status is its own if no thread ends all of it. */
int64_t system_call_exit(const uint64_t arguments[6]) {
    struct process *process = process_current();
    spinlock_lock(&process->lock);
    if (!process->is_ending && thread_current()->number == 1)
        process->exit_status = (int)(arguments[0] & STATUS_MASK);
    spinlock_unlock(&process->lock);
    thread_exit();
}

void process_end(int exit_status) {
    struct process *process = process_current();
    spinlock_lock(&process->lock);
    if (!process->is_ending)
        process->exit_status = exit_status;
    process->is_ending = true;
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next)
        thread_interrupt(list_item(link, struct thread, in_process));
    spinlock_unlock(&process->lock);
}

void process_return_to_user(struct thread *thread) {
    __atomic_store_n(&thread->is_interrupted, false, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&thread->process->is_ending, __ATOMIC_SEQ_CST))
        thread_exit();
}

int process_fault(struct thread *thread, int signal, int code, uint64_t address) {
    (void)code;
    (void)address;
    (void)thread;
    process_end(SIGNAL_STATUS + signal);
    return 0;
}

/* ---- from the beginning to the end ---- */

static int add_segments(struct process *process, const struct elf_program *program, const uint8_t *image,
                        uint64_t base) {
    for (uint32_t i = 0; i < program->count; i++) {
        const struct elf_segment *segment = &program->segments[i];
        int status = space_add(&process->space, base + segment->start, base + segment->end, segment->protection,
                               image + segment->file_offset, segment->file_bytes);
        if (status < 0)
            return status;
        process->space.break_start = base + segment->end;
    }
    process->space.break_end = process->space.break_start;
    uint64_t stack = LAYOUT_USER_END - STACK_BYTES;
    int status = space_add(&process->space, stack, LAYOUT_USER_END, AREA_READ | AREA_WRITE, NULL, 0);
    if (status == 0)
        status = space_add(&process->space, stack - GUARD_BYTES, stack, 0, NULL, 0);
    return status == 0 ? vdso_map(&process->space, &process->clock_page) : status;
}

struct beginning {
    struct process process;
    struct elf_program program;
    uint64_t base;
    const char *line;
    int status;
};

static void begin(void *argument) {
    struct beginning *beginning = argument;
    struct thread *self = thread_current();
    uint64_t stack = 0;
    self->process = &beginning->process;
    thread_use_space();
    beginning->status =
        stack_fill(beginning->process.name, beginning->line, &beginning->program, beginning->base, &stack);
    if (beginning->status < 0)
        return;
    thread_begin_program(self, beginning->base + beginning->program.entry, stack);
    threads_go_to_user();
}

static int start(struct beginning *beginning) {
    struct thread *thread;
    int32_t number;
    if (thread_create_kernel(begin, beginning, &thread) < 0)
        return GROVE_NO_MEMORY;
    (void)process_add_thread(&beginning->process, thread, &number); /* it is not ending yet */
    thread_start(thread);
    return 0;
}

static void wait_for_end(struct process *process) {
    spinlock_lock(&process->lock);
    while (process->thread_count > 0)
        thread_sleep_firmly(&process->ended, &process->lock);
    spinlock_unlock(&process->lock);
    threads_trim();
}

int process_run(const char *name, const uint8_t *image, size_t size, const char *line, int *exit_status) {
    struct beginning beginning = {.process.name = name, .line = line};
    struct process *process = &beginning.process;
    list_init(&process->threads);
    int status = elf_read(image, size, ELF_MACHINE_X86_64, LAYOUT_USER_END - MOVABLE_BASE, &beginning.program);
    if (status == 0)
        status = space_create(&process->space);
    if (status < 0)
        return status;
    beginning.base = beginning.program.is_movable ? MOVABLE_BASE : 0;
    status = add_segments(process, &beginning.program, image, beginning.base);
    if (status == 0)
        status = start(&beginning);
    if (status == 0) {
        wait_for_end(process);
        status = beginning.status;
    }
    space_destroy(&process->space);
    *exit_status = process->exit_status;
    return status;
}
