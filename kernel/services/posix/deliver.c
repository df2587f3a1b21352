/*
 * What happens on the way back to user mode, when something waits: the end, a freeze, a stop, handlers, and calls that are made again.
 *
 * Runs in the thread itself with nothing held. One signal after the other is taken and what it asks for done, until none is
 * left; handlers lie on the stack one upon the other, the last one first to run, as on Linux.
 */
#include "kernel/services/posix/deliver.h"

#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/freeze.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define TERMINAL_STOPS (SIGNAL_BIT(LINUX_SIGTSTP) | SIGNAL_BIT(LINUX_SIGTTIN) | SIGNAL_BIT(LINUX_SIGTTOU))

enum step { STEP_DONE, STEP_AGAIN, STEP_STOPPED, STEP_HANDLER };

/* ---- calls that were interrupted ---- */

int64_t process_restart_with(int64_t (*again)(const uint64_t arguments[6]), const uint64_t arguments[6]) {
    struct process_thread *part = process_thread_current();
    part->restart = again;
    for (unsigned i = 0; i < 6; i++)
        part->restart_arguments[i] = arguments[i];
    return -LINUX_ERESTART_BLOCK;
}

int64_t system_call_restart_syscall(const uint64_t arguments[6]) {
    struct process_thread *part = process_thread_current();
    (void)arguments;
    return part->restart != NULL ? part->restart(part->restart_arguments) : -LINUX_EINTR;
}

/* ---- since when a call waits ---- */

static bool is_timed(const struct process_thread *part) {
    return part->timed_call >= 0 && machine_call_number(part->thread) == part->timed_call &&
           memcmp(machine_call_arguments(part->thread), part->timed_arguments, sizeof(part->timed_arguments)) == 0;
}

uint64_t process_call_began_ns(void) {
    struct process_thread *part = process_thread_current();
    uint64_t now_ns = clock_now_ns();
    if (part == NULL)
        return now_ns;
    bool is_again = part->is_timed_again && is_timed(part);
    part->is_timed_again = false;
    if (is_again)
        return part->timed_from_ns;
    part->timed_from_ns = now_ns;
    part->timed_call = machine_call_number(part->thread);
    memcpy(part->timed_arguments, machine_call_arguments(part->thread), sizeof(part->timed_arguments));
    return now_ns;
}

/* ---- which are made again ---- */

/* What only a freeze interrupted is made again in any case: nothing happened that the program knows of. */
static bool is_again_without_handler(const struct process_thread *part, enum restart_rule rule, bool was_stopped) {
    return rule != RESTART_NEVER || (part->is_called_to_freeze && !was_stopped);
}

/* `action` is that of the handler that is about to run, NULL: none does. */
static void settle_call(struct process_thread *part, const struct signal_action *action, bool was_stopped) {
    struct thread *thread = part->thread;
    part->is_timed_again = false;
    int64_t call = machine_call_number(thread);
    if (call < 0)
        return;
    int64_t result = machine_call_result(thread);
    if (result == -LINUX_ERESTART_BLOCK) {
        if (action == NULL)
            machine_call_again(thread, true);
        else
            thread_set_result(thread, -LINUX_EINTR);
    } else if (result == -LINUX_EINTR) {
        enum restart_rule rule = restart_rule_of(call, machine_call_arguments(thread));
        bool is_asked = action != NULL && (action->flags & LINUX_SA_RESTART) != 0;
        part->is_timed_again = action == NULL && is_timed(part);
        if (action == NULL ? is_again_without_handler(part, rule, was_stopped) : is_asked && rule == RESTART_IF_ASKED)
            machine_call_again(thread, false);
    }
    machine_call_forget(thread);
}

/* ---- one signal ---- */

/* Locked. A signal that nobody handles. */
static void do_default(struct process *process, int signal) {
    bool is_for_terminal = (TERMINAL_STOPS & SIGNAL_BIT(signal)) != 0;
    if (signal_is_ignored(process, signal) || process == processes.first)
        return;
    if (signal == LINUX_SIGSTOP || is_for_terminal) {
        /* Nobody would continue it. */
        if (!is_for_terminal || !group_is_orphaned_without(process->group, NULL))
            process_stop(process, signal);
        return;
    }
    process_end_all(process, signal);
}

/* Locked. How its handler is entered; the mask is the handler's from here on. */
static void plan_handler(struct process_thread *part, int signal, struct frame_plan *plan) {
    struct signal_action *action = &part->process->actions[signal - 1];
    plan->action = *action;
    plan->blocked = part->has_blocked_before ? part->blocked_before : part->blocked;
    plan->stack_start = part->stack_start;
    plan->stack_bytes = part->stack_bytes;
    plan->stack_flags = part->stack_flags;
    part->has_blocked_before = false;
    if ((action->flags & LINUX_SA_RESETHAND) != 0)
        action->handler = SIGNAL_DEFAULT;
    uint64_t blocked = part->blocked | action->mask;
    if ((action->flags & LINUX_SA_NODEFER) == 0)
        blocked |= SIGNAL_BIT(signal);
    signals_block(part, blocked);
}

static enum step take_step(struct process_thread *part, struct frame_plan *plan, bool *must_end) {
    struct process *process = part->process;
    enum step step = STEP_AGAIN;
    processes_lock();
    *must_end = process_must_end(part);
    if (!*must_end && freezer_wants(part)) {
        freezer_stand_here(part);
    } else if (!*must_end && process->stop_signal != 0) {
        thread_stop_here(part);
        step = STEP_STOPPED;
    } else if (!*must_end) {
        int signal = signal_take(part, ~part->blocked, &plan->info);
        if (signal == 0) {
            step = STEP_DONE;
        } else if (process->actions[signal - 1].handler > SIGNAL_IGNORE) {
            plan_handler(part, signal, plan);
            step = STEP_HANDLER;
        } else if (process->actions[signal - 1].handler == SIGNAL_DEFAULT) {
            do_default(process, signal);
        }
    }
    processes_unlock();
    return step;
}

/* ---- handlers ---- */

static bool is_on_alternate(const struct process_thread *part) {
    return part->stack_bytes > 0 && (part->stack_flags & LINUX_SS_AUTODISARM) == 0 &&
           machine_is_on_stack(part->thread, part->stack_start, part->stack_bytes);
}

static void enter_handler(struct process_thread *part, struct frame_plan *plan) {
    bool has_alternate = part->stack_bytes > 0 && (part->stack_flags & LINUX_SS_DISABLE) == 0;
    settle_call(part, &plan->action, false);
    plan->is_on_alternate = (plan->action.flags & LINUX_SA_ONSTACK) != 0 && has_alternate && !is_on_alternate(part);
    if (machine_frame_push(part->thread, plan) == 0) {
        if ((part->stack_flags & LINUX_SS_AUTODISARM) != 0) {
            part->stack_start = part->stack_bytes = 0;
            part->stack_flags = LINUX_SS_DISABLE;
        }
        return;
    }
    /* There is no way to tell it anything. A handler for this would meet the same. */
    if (plan->info.signal == LINUX_SIGSEGV) {
        processes_lock();
        part->process->actions[LINUX_SIGSEGV - 1] = (struct signal_action){.handler = SIGNAL_DEFAULT};
        processes_unlock();
    }
    signal_force(LINUX_SIGSEGV, NULL);
}

/* The mask that sigsuspend and its like took away for as long as they waited. True: it was. */
static bool set_mask_back(struct process_thread *part) {
    bool had = part->has_blocked_before;
    if (!had)
        return false;
    processes_lock();
    part->has_blocked_before = false;
    signals_block(part, part->blocked_before);
    processes_unlock();
    return true;
}

void process_return_to_user(struct thread *thread) {
    struct process_thread *part = thread->of_process;
    struct frame_plan plan;
    bool was_stopped = false;
    if (part->write_number_at != 0) {
        (void)process_write(part->write_number_at, &thread->number, sizeof(thread->number));
        part->write_number_at = 0;
    }
    /* What is sent from here on sets it again; what was sent before is found below, under the lock. */
    __atomic_store_n(&thread->is_interrupted, false, __ATOMIC_SEQ_CST);
    for (;;) {
        bool must_end = false;
        enum step step = take_step(part, &plan, &must_end);
        if (must_end)
            thread_exit();
        if (step == STEP_HANDLER)
            enter_handler(part, &plan);
        was_stopped |= step == STEP_STOPPED;
        if (step != STEP_DONE)
            continue;
        settle_call(part, NULL, was_stopped);
        part->is_called_to_freeze = false;
        if (!set_mask_back(part))
            return;
    }
}
