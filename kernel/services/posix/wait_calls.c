/* Waiting for children: wait4(2), waitid(2). */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/pid_file.h"
#include "kernel/services/posix/usage.h"
#include "kernel/services/posix/user_value.h"

#define WAIT_NO_HANG 1u
#define WAIT_STOPPED 2u
#define WAIT_EXITED 4u
#define WAIT_CONTINUED 8u
#define WAIT_NO_REAP 0x01000000u
#define WAIT_NO_THREAD 0x20000000u
#define WAIT_ALL 0x40000000u
#define WAIT_CLONE 0x80000000u
#define STATUS_STOPPED 0x7f
#define STATUS_CONTINUED 0xffff

enum { WHOM_ALL, WHOM_PROCESS, WHOM_GROUP, WHOM_PID_FILE };

struct wait_plan {
    unsigned whom;
    int32_t number;
    uint32_t options;
};

/* What is told of a child. */
struct wait_answer {
    int32_t process;
    uint32_t user;
    int code; /* LINUX_CLD_ */
    int32_t status; /* an exit status or a signal */
    int32_t word; /* the same as wait4 tells it */
    struct process_usage usage;
};

/* Locked, as all that follow until the calls. */
static bool is_meant(const struct process *child, const struct wait_plan *plan) {
    if (plan->whom == WHOM_PROCESS && child->id != plan->number)
        return false;
    if (plan->whom == WHOM_GROUP && process_group_of(child) != plan->number)
        return false;
    if ((plan->options & WAIT_ALL) != 0)
        return true;
    return (child->exit_signal != LINUX_SIGCHLD) == ((plan->options & WAIT_CLONE) != 0);
}

static void answer_end(struct process *child, const struct wait_plan *plan, struct wait_answer *answer) {
    bool is_killed = (child->exit_status & 0x7f) != 0;
    answer->code = is_killed ? LINUX_CLD_KILLED : LINUX_CLD_EXITED;
    answer->status = is_killed ? child->exit_status & 0x7f : child->exit_status >> 8 & 0xff;
    answer->word = child->exit_status;
    answer->usage.user_ns += child->children_usage.user_ns;
    answer->usage.system_ns += child->children_usage.system_ns;
    if ((plan->options & WAIT_NO_REAP) == 0)
        process_remove(child);
}

static bool is_stopped(const struct process *child) {
    return child->stop_signal != 0 && child->thread_count > 0 && child->stopped_threads == child->thread_count;
}

/* Does it have anything to tell that was asked for? */
static bool answer_of(struct process *child, const struct wait_plan *plan, struct wait_answer *answer) {
    bool is_reaped = (plan->options & WAIT_NO_REAP) == 0;
    *answer = (struct wait_answer){
        .process = child->id, .user = child->credentials.user, .usage = child->usage, .status = LINUX_SIGCONT};
    if (child->state == PROCESS_ZOMBIE) {
        if ((plan->options & WAIT_EXITED) == 0)
            return false;
        answer_end(child, plan, answer);
        return true;
    }
    if ((plan->options & WAIT_STOPPED) != 0 && is_stopped(child) && !child->is_stop_reported) {
        child->is_stop_reported = is_reaped;
        answer->code = LINUX_CLD_STOPPED;
        answer->status = child->stop_signal;
        answer->word = child->stop_signal << 8 | STATUS_STOPPED;
        return true;
    }
    if ((plan->options & WAIT_CONTINUED) != 0 && child->is_continued) {
        child->is_continued = !is_reaped;
        answer->code = LINUX_CLD_CONTINUED;
        answer->word = STATUS_CONTINUED;
        return true;
    }
    return false;
}

/* 1: answered; 0: nothing to tell yet; -LINUX_ECHILD: nobody is meant. */
static int look(struct process *process, const struct wait_plan *plan, struct wait_answer *answer) {
    int status = -LINUX_ECHILD;
    for (struct list *link = process->children.next, *next; link != &process->children; link = next) {
        struct process *child = list_item(link, struct process, sibling);
        next = link->next;
        if (!is_meant(child, plan))
            continue;
        if (answer_of(child, plan, answer))
            return 1;
        status = 0;
    }
    return status;
}

/* 1: answered; 0: nothing, with WAIT_NO_HANG. */
static int wait_for_child(const struct wait_plan *plan, struct wait_answer *answer) {
    struct process *process = process_current();
    processes_lock();
    int status = look(process, plan, answer);
    while (status == 0 && (plan->options & WAIT_NO_HANG) == 0) {
        int slept = thread_sleep(&process->children_changed, &processes.lock, WAIT_FOREVER);
        status = look(process, plan, answer);
        if (status == 0 && slept < 0)
            status = slept;
    }
    processes_unlock();
    return status;
}

int64_t system_call_wait4(const uint64_t arguments[6]) {
    int32_t target = (int32_t)arguments[0];
    uint32_t options = (uint32_t)arguments[2];
    struct wait_answer answer = {0};
    if ((options & ~(WAIT_NO_HANG | WAIT_STOPPED | WAIT_CONTINUED | WAIT_NO_THREAD | WAIT_ALL | WAIT_CLONE)) != 0)
        return -LINUX_EINVAL;
    if (target == INT32_MIN)
        return -LINUX_ESRCH;
    struct wait_plan plan = {.whom = target == -1 ? WHOM_ALL
                                     : target > 0 ? WHOM_PROCESS
                                                  : WHOM_GROUP,
                             .number = target < 0 ? -target : target,
                             .options = options | WAIT_EXITED};
    if (target == 0)
        plan.number = process_group_of(process_current());
    int status = wait_for_child(&plan, &answer);
    if (status <= 0)
        return status;
    int64_t written = user_write_wanted(arguments[1], &answer.word, sizeof(answer.word));
    if (written == 0 && arguments[3] != 0)
        written = usage_write(arguments[3], &answer.usage);
    return written < 0 ? written : answer.process;
}

static int64_t read_plan(const uint64_t arguments[6], struct wait_plan *plan) {
    uint32_t options = (uint32_t)arguments[3];
    uint32_t kinds = WAIT_EXITED | WAIT_STOPPED | WAIT_CONTINUED;
    if ((options & ~(kinds | WAIT_NO_HANG | WAIT_NO_REAP | WAIT_NO_THREAD | WAIT_ALL | WAIT_CLONE)) != 0 ||
        (options & kinds) == 0)
        return -LINUX_EINVAL;
    *plan = (struct wait_plan){.whom = (unsigned)arguments[0], .number = (int32_t)arguments[1], .options = options};
    switch (plan->whom) {
    case WHOM_ALL:
        return 0;
    case WHOM_PROCESS:
        return plan->number > 0 ? 0 : -LINUX_EINVAL;
    case WHOM_GROUP:
        if (plan->number < 0)
            return -LINUX_EINVAL;
        if (plan->number == 0)
            plan->number = process_group_of(process_current());
        return 0;
    case WHOM_PID_FILE:
        plan->whom = WHOM_PROCESS;
        return pid_file_number(arguments[1], &plan->number);
    default:
        return -LINUX_EINVAL;
    }
}

/* Of siginfo_t only what waitid is said to fill in. */
static int64_t write_answer(uint64_t to, const struct wait_answer *answer, bool is_answered) {
    struct signal_info info = {.signal = is_answered ? LINUX_SIGCHLD : 0};
    if (is_answered) {
        info.code = answer->code;
        info.child.process = answer->process;
        info.child.user = answer->user;
        info.child.status = answer->status;
    }
    return user_write_wanted(to, &info, offsetof(struct signal_info, child.user_ticks) - sizeof(int32_t));
}

int64_t system_call_waitid(const uint64_t arguments[6]) {
    struct wait_plan plan;
    struct wait_answer answer = {0};
    int64_t status = read_plan(arguments, &plan);
    if (status == 0)
        status = wait_for_child(&plan, &answer);
    if (status < 0)
        return status;
    int64_t written = write_answer(arguments[2], &answer, status > 0);
    if (written == 0 && status > 0 && arguments[4] != 0)
        written = usage_write(arguments[4], &answer.usage);
    return written;
}
