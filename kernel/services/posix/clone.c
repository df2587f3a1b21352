/* Making processes and threads: see clone.h. */
#include "kernel/services/posix/clone.h"

#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/freeze.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/pid_file.h"
#include "kernel/services/posix/user_value.h"

#include <string.h>

#define PLAN_BYTES_MIN 64u
#define PLAN_BYTES_MAX 4096u
/* Name spaces and control groups are not there; of what is shared, two processes share all their memory or nothing. */
#define OF_PROCESS \
    (LINUX_CLONE_VM | LINUX_CLONE_VFORK | LINUX_CLONE_PIDFD | LINUX_CLONE_PARENT | LINUX_CLONE_SYSVSEM | \
     LINUX_CLONE_SETTLS | LINUX_CLONE_PARENT_SETTID | LINUX_CLONE_CHILD_CLEARTID | LINUX_CLONE_CHILD_SETTID | \
     LINUX_CLONE_UNTRACED | LINUX_CLONE_PTRACE | LINUX_CLONE_DETACHED | LINUX_CLONE_IO | LINUX_CLONE_CLEAR_SIGHAND)

/* What the new thread begins with; it is not started. */
static void prepare_thread(struct thread *thread, const struct clone_plan *plan) {
    thread_set_result(thread, 0);
    if (plan->stack != 0)
        thread_set_stack(thread, plan->stack + plan->stack_bytes);
    if ((plan->flags & LINUX_CLONE_SETTLS) != 0)
        thread_set_pointer(thread, plan->pointer);
    if ((plan->flags & LINUX_CLONE_CHILD_CLEARTID) != 0)
        thread->clear_at = plan->child_number;
}

/* It has a number now. In its own memory it writes that itself, on its way to its first instruction. */
static void tell_number(struct thread *thread, const struct clone_plan *plan) {
    if ((plan->flags & LINUX_CLONE_CHILD_SETTID) != 0) {
        thread->of_process->write_number_at = plan->child_number;
        thread_interrupt(thread);
    }
    if ((plan->flags & LINUX_CLONE_PARENT_SETTID) != 0)
        (void)process_write(plan->parent_number, &thread->number, sizeof(thread->number));
}

/* ---- a process ---- */

/* Nothing but the end of this process ends the wait before its time. */
static void wait_for_vfork(struct process *child) {
    struct process_thread *part = process_thread_current();
    processes_lock();
    freezer_sleep_begin(part);
    while (child->is_vforked && !process_must_end(part)) {
        __atomic_store_n(&part->thread->is_interrupted, false, __ATOMIC_RELAXED);
        (void)thread_sleep(&child->vfork_done, &processes.lock, WAIT_FOREVER);
    }
    freezer_sleep_end(part);
    if (process_must_end(part) || part->process->stop_signal != 0 || freezer_wants(part) ||
        (signals_waiting(part) & ~part->blocked) != 0)
        thread_interrupt(part->thread);
    processes_unlock();
}

static int add_pid_file(struct process *child, const struct clone_plan *plan, uint32_t *descriptor) {
    if ((plan->flags & LINUX_CLONE_PIDFD) == 0)
        return 0;
    processes_lock();
    struct number *number = number_ref(child->number);
    processes_unlock();
    int status = pid_file_create(number, 0, descriptor);
    if (status == 0)
        (void)process_write(plan->pid_file, descriptor, sizeof(*descriptor));
    return status;
}

static void clear_handlers(struct process *child) {
    for (unsigned i = 0; i < SIGNALS; i++)
        if (child->actions[i].handler != SIGNAL_IGNORE)
            child->actions[i] = (struct signal_action){.handler = SIGNAL_DEFAULT};
}

/* A process that has begun and whose thread has not: the thread ends before its first instruction. */
static void begin_and_end(struct process *child, struct thread *thread) {
    processes_lock();
    child->exit_signal = 0;
    child->is_unwanted = true;
    process_end_all(child, LINUX_SIGKILL);
    processes_unlock();
    thread_start(thread);
}

static int make_thread_of(struct process *child, const struct clone_plan *plan, struct thread **thread) {
    int status = thread_create(child, thread_user_registers(thread_current()), thread);
    if (status < 0)
        return status;
    prepare_thread(*thread, plan);
    struct process *self = process_current();
    child->exit_signal = (int)plan->exit_signal;
    child->is_vforked = (plan->flags & LINUX_CLONE_VFORK) != 0;
    status = process_begin(child, self, *thread);
    if (status < 0)
        thread_discard(*thread);
    return status;
}

/* CLONE_PARENT: a sibling, and no child. */
static void move_to_grandparent(struct process *child) {
    processes_lock();
    struct process *parent = process_current()->parent;
    if (parent != NULL && parent->state == PROCESS_LIVES) {
        list_remove(&child->sibling);
        child->parent = parent;
        list_append(&parent->children, &child->sibling);
        child->exit_signal = process_current()->exit_signal;
    }
    processes_unlock();
}

static int64_t make_process(const struct clone_plan *plan) {
    struct process *self = process_current(), *child;
    struct thread *thread;
    uint32_t descriptor;
    int status = process_create_child(self, (plan->flags & LINUX_CLONE_VM) != 0, &child);
    if (status < 0)
        return status;
    status = make_thread_of(child, plan, &thread);
    if (status < 0) {
        process_destroy_unborn(child);
        return status;
    }
    if ((plan->flags & LINUX_CLONE_CLEAR_SIGHAND) != 0)
        clear_handlers(child);
    if ((plan->flags & LINUX_CLONE_PARENT) != 0)
        move_to_grandparent(child);
    /* vfork's child uses the stack for handlers of its parent; fork's has a copy of it. */
    if ((plan->flags & LINUX_CLONE_VM) == 0 || (plan->flags & LINUX_CLONE_VFORK) != 0) {
        const struct process_thread *part = process_thread_current();
        thread->of_process->stack_start = part->stack_start;
        thread->of_process->stack_bytes = part->stack_bytes;
        thread->of_process->stack_flags = part->stack_flags;
    }
    int32_t number = child->id;
    status = add_pid_file(child, plan, &descriptor);
    if (status < 0) {
        begin_and_end(child, thread);
        return status;
    }
    tell_number(thread, plan);
    process_ref(child);
    thread_start(thread);
    if ((plan->flags & LINUX_CLONE_VFORK) != 0)
        wait_for_vfork(child);
    process_unref(child);
    return number;
}

int64_t process_clone(const struct clone_plan *plan) {
    if ((plan->flags & LINUX_CLONE_THREAD) != 0) {
        uint64_t stack = plan->stack != 0 ? plan->stack + plan->stack_bytes : 0;
        return thread_clone(plan->flags, stack, plan->parent_number, plan->child_number, plan->pointer);
    }
    if ((plan->flags & ~OF_PROCESS) != 0 || plan->exit_signal > SIGNALS)
        return -LINUX_EINVAL;
    return make_process(plan);
}

/* ---- calls ---- */

int64_t system_call_fork(const uint64_t arguments[6]) {
    const struct clone_plan plan = {.exit_signal = LINUX_SIGCHLD};
    (void)arguments;
    return process_clone(&plan);
}

int64_t system_call_vfork(const uint64_t arguments[6]) {
    const struct clone_plan plan = {.flags = LINUX_CLONE_VM | LINUX_CLONE_VFORK, .exit_signal = LINUX_SIGCHLD};
    (void)arguments;
    return process_clone(&plan);
}

static int64_t read_plan(uint64_t from, uint64_t size, struct clone_plan *plan) {
    uint8_t rest;
    if (size > PLAN_BYTES_MAX)
        return -LINUX_E2BIG;
    if (size < PLAN_BYTES_MIN)
        return -LINUX_EINVAL;
    if (!process_read(plan, from, sizeof(*plan)))
        return -LINUX_EFAULT;
    /* What later versions have must ask for nothing. */
    for (uint64_t at = sizeof(*plan); at < size; at++) {
        if (!process_read(&rest, from + at, 1))
            return -LINUX_EFAULT;
        if (rest != 0)
            return at < 88 ? -LINUX_EINVAL : -LINUX_E2BIG;
    }
    return 0;
}

int64_t system_call_clone3(const uint64_t arguments[6]) {
    struct clone_plan plan;
    int64_t status = read_plan(arguments[0], arguments[1], &plan);
    if (status < 0)
        return status;
    if ((plan.flags & (LINUX_CLONE_SIGNAL | LINUX_CLONE_DETACHED)) != 0 || (plan.stack == 0) != (plan.stack_bytes == 0))
        return -LINUX_EINVAL;
    return process_clone(&plan);
}
