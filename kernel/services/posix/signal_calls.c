/* System calls about one's own signals: actions, masks, stacks, and the way out of a handler. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/deliver.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/user_value.h"

#define SET_BYTES 8u /* of a sigset_t, which every call tells */
#define STACK_BYTES_MIN 2048u
enum { HOW_BLOCK, HOW_UNBLOCK, HOW_SET };

#define UNTOUCHABLE (SIGNAL_BIT(LINUX_SIGKILL) | SIGNAL_BIT(LINUX_SIGSTOP))
#define KNOWN_FLAGS \
    (LINUX_SA_NOCLDSTOP | LINUX_SA_NOCLDWAIT | LINUX_SA_SIGINFO | LINUX_SA_RESTORER | LINUX_SA_ONSTACK | \
     LINUX_SA_RESTART | LINUX_SA_NODEFER | LINUX_SA_RESETHAND)

/* What is ignored from now on does not wait any longer either. */
static void set_action(struct process *process, int signal, const struct signal_action *action) {
    process->actions[signal - 1] = *action;
    process->actions[signal - 1].mask &= ~UNTOUCHABLE;
    process->actions[signal - 1].flags &= KNOWN_FLAGS;
    if (!signal_is_ignored(process, signal))
        return;
    signal_queue_empty(&process->pending, SIGNAL_BIT(signal));
    for (struct list *link = process->threads.next; link != &process->threads; link = link->next)
        signal_queue_empty(&list_item(link, struct process_thread, link)->pending, SIGNAL_BIT(signal));
}

int64_t system_call_rt_sigaction(const uint64_t arguments[6]) {
    struct process *process = process_current();
    struct signal_action action = {0}, before;
    uint64_t signal = arguments[0], new_at = arguments[1], old_at = arguments[2];
    if (arguments[3] != SET_BYTES || signal < 1 || signal > SIGNALS)
        return -LINUX_EINVAL;
    if (new_at != 0 && (SIGNAL_BIT(signal) & UNTOUCHABLE) != 0)
        return -LINUX_EINVAL;
    if (new_at != 0 && !process_read(&action, new_at, sizeof(action)))
        return -LINUX_EFAULT;
    processes_lock();
    before = process->actions[signal - 1];
    if (new_at != 0)
        set_action(process, (int)signal, &action);
    processes_unlock();
    return user_write_wanted(old_at, &before, sizeof(before));
}

int64_t system_call_rt_sigprocmask(const uint64_t arguments[6]) {
    struct process_thread *part = process_thread_current();
    uint64_t how = arguments[0], new_at = arguments[1], set = 0, before = part->blocked;
    if (arguments[3] != SET_BYTES || (new_at != 0 && how > HOW_SET))
        return -LINUX_EINVAL;
    if (new_at != 0 && !process_read(&set, new_at, sizeof(set)))
        return -LINUX_EFAULT;
    if (new_at != 0) {
        uint64_t blocked = how == HOW_BLOCK ? before | set : how == HOW_UNBLOCK ? before & ~set : set;
        processes_lock();
        signals_block(part, blocked);
        processes_unlock();
    }
    return user_write_wanted(arguments[2], &before, sizeof(before));
}

int64_t system_call_rt_sigpending(const uint64_t arguments[6]) {
    struct process_thread *part = process_thread_current();
    if (arguments[1] > SET_BYTES)
        return -LINUX_EINVAL;
    processes_lock();
    uint64_t waiting = signals_waiting(part) & part->blocked;
    processes_unlock();
    return user_write(arguments[0], &waiting, arguments[1]);
}

/* ---- the stack for handlers ---- */

struct stack_value {
    uint64_t start;
    uint32_t flags, unused;
    uint64_t bytes;
};

static bool is_on_stack(const struct process_thread *part) {
    return part->stack_bytes > 0 && (part->stack_flags & LINUX_SS_AUTODISARM) == 0 &&
           machine_is_on_stack(part->thread, part->stack_start, part->stack_bytes);
}

static int64_t set_stack(struct process_thread *part, const struct stack_value *value) {
    uint32_t mode = value->flags & ~LINUX_SS_AUTODISARM;
    if (is_on_stack(part))
        return -LINUX_EPERM;
    if (mode != 0 && mode != LINUX_SS_ONSTACK && mode != LINUX_SS_DISABLE)
        return -LINUX_EINVAL;
    if (mode != LINUX_SS_DISABLE && value->bytes < STACK_BYTES_MIN)
        return -LINUX_ENOMEM;
    part->stack_start = mode == LINUX_SS_DISABLE ? 0 : value->start;
    part->stack_bytes = mode == LINUX_SS_DISABLE ? 0 : value->bytes;
    part->stack_flags = value->flags;
    return 0;
}

int64_t system_call_sigaltstack(const uint64_t arguments[6]) {
    struct process_thread *part = process_thread_current();
    struct stack_value value, before = {.start = part->stack_start, .bytes = part->stack_bytes};
    before.flags = part->stack_bytes == 0 ? LINUX_SS_DISABLE : is_on_stack(part) ? LINUX_SS_ONSTACK : 0;
    before.flags |= part->stack_flags & LINUX_SS_AUTODISARM;
    if (arguments[0] != 0) {
        if (!process_read(&value, arguments[0], sizeof(value)))
            return -LINUX_EFAULT;
        int64_t status = set_stack(part, &value);
        if (status < 0)
            return status;
    }
    return user_write_wanted(arguments[1], &before, sizeof(before));
}

int64_t system_call_rt_sigreturn(const uint64_t arguments[6]) {
    struct process_thread *part = process_thread_current();
    struct frame_plan plan;
    int64_t result = 0;
    (void)arguments;
    if (machine_frame_pop(part->thread, &plan, &result) < 0) {
        signal_force(LINUX_SIGSEGV, NULL);
        return 0;
    }
    struct stack_value stack = {.start = plan.stack_start, .flags = plan.stack_flags, .bytes = plan.stack_bytes};
    (void)set_stack(part, &stack); /* what was changed to something that cannot be stays as it was */
    processes_lock();
    signals_block(part, plan.blocked);
    processes_unlock();
    return result;
}
