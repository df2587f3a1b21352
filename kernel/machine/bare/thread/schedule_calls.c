/*
 * How threads are scheduled, as programs ask for it: sched_setattr(2) with its kin, nice values and affinity.
 *
 * Linux's policies are classes of the scheduler. BATCH is as OTHER; what a policy does not have is not asked for.
 */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/moment.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

#include <stddef.h>

enum { POLICY_OTHER = 0, POLICY_FIFO = 1, POLICY_ROUND = 2, POLICY_BATCH = 3, POLICY_IDLE = 5, POLICY_DEADLINE = 6 };
#define POLICY_RESET UINT32_C(0x40000000) /* as a bit of sched_setscheduler's policy */
#define POLICY_KEEP (-1)
#define FLAG_RESET UINT64_C(1)
#define FLAGS_KNOWN UINT64_C(7) /* what is reclaimed or overrun by deadlines is told to nobody */
#define PRIORITY_MAX 99
#define NICE_LEAST (-20)
#define NICE_MOST 19
#define NICE_BASE 20 /* getpriority gives no negative result: 20 less the nice value */
#define ATTRIBUTES_FIRST 48u /* bytes of the first version */
#define ATTRIBUTES_MAX 4096u
#define WHOSE_THREAD 0u
#define WHOSE_LAST 2u

/* struct sched_attr of Linux, its first version. */
struct attributes {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};
_Static_assert(sizeof(struct attributes) == ATTRIBUTES_FIRST, "as Linux lays it out");

/* ---- what is asked for, and what is so ---- */

static bool is_real_time(int32_t policy) {
    return policy == POLICY_FIFO || policy == POLICY_ROUND || policy == POLICY_DEADLINE;
}

static int schedule_of(const struct attributes *asked, struct grove_schedule *schedule) {
    bool has_priority = asked->policy == POLICY_FIFO || asked->policy == POLICY_ROUND;
    int32_t nice = asked->nice < NICE_LEAST ? NICE_LEAST : asked->nice > NICE_MOST ? NICE_MOST : asked->nice;
    if (has_priority ? asked->priority < 1 || asked->priority > PRIORITY_MAX : asked->priority != 0)
        return -LINUX_EINVAL;
    switch (asked->policy) {
    case POLICY_OTHER:
    case POLICY_BATCH:
        *schedule = (struct grove_schedule){.class = GROVE_SCHEDULE_FAIR, .priority = nice};
        return 0;
    case POLICY_IDLE:
        *schedule = (struct grove_schedule){.class = GROVE_SCHEDULE_IDLE};
        return 0;
    case POLICY_FIFO:
    case POLICY_ROUND:
        *schedule = (struct grove_schedule){.class = asked->policy == POLICY_FIFO ? GROVE_SCHEDULE_FIXED
                                                                                  : GROVE_SCHEDULE_ROUND_ROBIN,
                                            .priority = (int32_t)asked->priority};
        return 0;
    case POLICY_DEADLINE:
        *schedule = (struct grove_schedule){.class = GROVE_SCHEDULE_DEADLINE,
                                            .runtime_ns = asked->runtime_ns,
                                            .deadline_ns = asked->deadline_ns,
                                            .period_ns = asked->period_ns != 0 ? asked->period_ns : asked->deadline_ns};
        return 0;
    default:
        return -LINUX_EINVAL;
    }
}

static struct attributes attributes_of(const struct thread *thread) {
    const struct grove_schedule *schedule = &thread->schedule;
    bool has_priority = thread->policy == POLICY_FIFO || thread->policy == POLICY_ROUND;
    return (struct attributes){.size = ATTRIBUTES_FIRST,
                               .policy = (uint32_t)thread->policy,
                               .flags = thread->resets_schedule ? FLAG_RESET : 0,
                               .nice = is_real_time(thread->policy) ? 0 : thread->nice,
                               .priority = has_priority ? (uint32_t)schedule->priority : 0,
                               .runtime_ns = schedule->runtime_ns,
                               .deadline_ns = schedule->deadline_ns,
                               .period_ns = schedule->period_ns};
}

/* Whether a thread gets more by it, which not everybody may give it. */
static bool is_better(const struct thread *thread, const struct attributes *asked) {
    if (is_real_time((int32_t)asked->policy))
        return (int32_t)asked->policy != thread->policy || (int32_t)asked->priority > thread->schedule.priority;
    return asked->policy != POLICY_IDLE && asked->nice < thread->nice;
}

/* ---- which thread ---- */

/* 0: the current one. Found with interrupts away, and theirs as long as they are: hold_end must follow. */
static struct thread *find_and_hold(uint64_t number) {
    hold_begin();
    return (int32_t)(uint32_t)number == 0 ? thread_current() : process_any_thread((int32_t)(uint32_t)number);
}

static int apply(struct thread *thread, const struct attributes *asked, uint64_t affinity) {
    struct grove_schedule schedule;
    int status = schedule_of(asked, &schedule);
    if (status < 0)
        return status;
    if (!process_may_schedule(thread, is_better(thread, asked)))
        return -LINUX_EPERM;
    status = sched_thread_set(&thread_scheduler, &thread->sched, &schedule, affinity);
    if (status < 0)
        return status == GROVE_EXHAUSTED ? -LINUX_EBUSY : -LINUX_EINVAL;
    thread->schedule = schedule;
    thread->policy = (int32_t)asked->policy;
    thread->resets_schedule = (asked->flags & FLAG_RESET) != 0;
    if (!is_real_time(thread->policy))
        thread->nice = asked->nice < NICE_LEAST ? NICE_LEAST : asked->nice > NICE_MOST ? NICE_MOST : asked->nice;
    return 0;
}

/* `policy` POLICY_KEEP: that which it has. */
static int64_t set(uint64_t number, int32_t policy, const struct attributes *asked, bool keeps_nice) {
    struct attributes wanted = *asked;
    struct thread *thread = find_and_hold(number);
    int status = -LINUX_ESRCH;
    if (thread != NULL) {
        if (policy == POLICY_KEEP) {
            wanted.policy = (uint32_t)thread->policy;
            wanted.flags = thread->resets_schedule ? FLAG_RESET : 0;
        }
        if (keeps_nice)
            wanted.nice = thread->nice;
        status = apply(thread, &wanted, thread->sched.affinity);
    }
    hold_end();
    return status;
}

/* ---- calls ---- */

int64_t system_call_sched_setscheduler(const uint64_t arguments[6]) {
    uint32_t policy = (uint32_t)arguments[1];
    int32_t priority = 0;
    if ((int32_t)(uint32_t)arguments[0] < 0 || (int32_t)policy < 0)
        return -LINUX_EINVAL;
    if (!process_read(&priority, arguments[2], sizeof(priority)))
        return -LINUX_EFAULT;
    const struct attributes asked = {.policy = policy & ~POLICY_RESET,
                                     .priority = (uint32_t)priority,
                                     .flags = (policy & POLICY_RESET) != 0 ? FLAG_RESET : 0};
    if (asked.policy == POLICY_DEADLINE)
        return -LINUX_EINVAL; /* it has more to say than a priority */
    return set(arguments[0], 0, &asked, true);
}

int64_t system_call_sched_setparam(const uint64_t arguments[6]) {
    int32_t priority = 0;
    if ((int32_t)(uint32_t)arguments[0] < 0)
        return -LINUX_EINVAL;
    if (!process_read(&priority, arguments[1], sizeof(priority)))
        return -LINUX_EFAULT;
    const struct attributes asked = {.priority = (uint32_t)priority};
    return set(arguments[0], POLICY_KEEP, &asked, true);
}

int64_t system_call_sched_setattr(const uint64_t arguments[6]) {
    struct attributes asked = {.size = 0};
    if ((int32_t)(uint32_t)arguments[0] < 0 || arguments[2] != 0)
        return -LINUX_EINVAL;
    if (!process_read(&asked.size, arguments[1], sizeof(asked.size)))
        return -LINUX_EFAULT;
    if (asked.size != 0 && (asked.size < ATTRIBUTES_FIRST || asked.size > ATTRIBUTES_MAX))
        return -LINUX_EINVAL;
    if (!process_read(&asked, arguments[1], sizeof(asked)))
        return -LINUX_EFAULT;
    if ((int32_t)asked.policy < 0 || (asked.flags & ~FLAGS_KNOWN) != 0)
        return -LINUX_EINVAL;
    return set(arguments[0], 0, &asked, false);
}

/* -LINUX_ESRCH, -LINUX_EINVAL. */
static int64_t get(uint64_t number, struct attributes *attributes) {
    if ((int32_t)(uint32_t)number < 0)
        return -LINUX_EINVAL;
    const struct thread *thread = find_and_hold(number);
    if (thread != NULL)
        *attributes = attributes_of(thread);
    hold_end();
    return thread != NULL ? 0 : -LINUX_ESRCH;
}

int64_t system_call_sched_getscheduler(const uint64_t arguments[6]) {
    struct attributes attributes;
    int64_t status = get(arguments[0], &attributes);
    if (status < 0)
        return status;
    return (int64_t)(attributes.policy | ((attributes.flags & FLAG_RESET) != 0 ? POLICY_RESET : 0));
}

int64_t system_call_sched_getparam(const uint64_t arguments[6]) {
    struct attributes attributes;
    int64_t status = get(arguments[0], &attributes);
    if (status == 0 && !process_write(arguments[1], &attributes.priority, sizeof(attributes.priority)))
        status = -LINUX_EFAULT;
    return status;
}

int64_t system_call_sched_getattr(const uint64_t arguments[6]) {
    struct attributes attributes;
    if (arguments[2] < ATTRIBUTES_FIRST || arguments[2] > ATTRIBUTES_MAX || arguments[3] != 0)
        return -LINUX_EINVAL;
    int64_t status = get(arguments[0], &attributes);
    if (status == 0 && !process_write(arguments[1], &attributes, sizeof(attributes)))
        status = -LINUX_EFAULT;
    return status;
}

int64_t system_call_sched_get_priority_max(const uint64_t arguments[6]) {
    uint64_t policy = arguments[0];
    if (policy == POLICY_FIFO || policy == POLICY_ROUND)
        return PRIORITY_MAX;
    return policy == POLICY_OTHER || policy == POLICY_BATCH || policy == POLICY_IDLE || policy == POLICY_DEADLINE
               ? 0
               : -LINUX_EINVAL;
}

int64_t system_call_sched_get_priority_min(const uint64_t arguments[6]) {
    int64_t most = system_call_sched_get_priority_max(arguments);
    return most > 0 ? 1 : most;
}

int64_t system_call_sched_rr_get_interval(const uint64_t arguments[6]) {
    struct attributes attributes;
    int64_t status = get(arguments[0], &attributes);
    if (status < 0)
        return status;
    uint64_t ns = attributes.policy == POLICY_ROUND  ? SCHED_QUANTUM_NS
                  : attributes.policy == POLICY_FIFO ? 0
                                                     : SCHED_SLICE_NS;
    const struct linux_time time = moment_split(ns);
    return process_write(arguments[1], &time, sizeof(time)) ? 0 : -LINUX_EFAULT;
}

int64_t system_call_sched_yield(const uint64_t arguments[6]) {
    (void)arguments;
    sched_give_way(&thread_scheduler);
    return 0; /* others run on the way back to user mode */
}

/* ---- affinity: 64 processors at most, so one word ---- */

int64_t system_call_sched_setaffinity(const uint64_t arguments[6]) {
    uint64_t mask = 0, size = arguments[1] < sizeof(mask) ? arguments[1] : sizeof(mask);
    int64_t status = -LINUX_ESRCH;
    if (!process_read(&mask, arguments[2], size))
        return -LINUX_EFAULT;
    struct thread *thread = find_and_hold(arguments[0]);
    if (thread != NULL && !process_may_schedule(thread, false))
        status = -LINUX_EPERM;
    else if (thread != NULL)
        status = sched_thread_set(&thread_scheduler, &thread->sched, &thread->schedule, mask & thread_scheduler.online);
    hold_end();
    if (status == GROVE_EXHAUSTED)
        return -LINUX_EBUSY;
    return status == GROVE_INVALID ? -LINUX_EINVAL : status;
}

int64_t system_call_sched_getaffinity(const uint64_t arguments[6]) {
    if (arguments[1] < sizeof(uint64_t) || arguments[1] % sizeof(uint64_t) != 0)
        return -LINUX_EINVAL;
    const struct thread *thread = find_and_hold(arguments[0]);
    const uint64_t mask = thread != NULL ? thread->sched.affinity & thread_scheduler.online : 0;
    hold_end();
    if (mask == 0)
        return -LINUX_ESRCH;
    return process_write(arguments[2], &mask, sizeof(mask)) ? (int64_t)sizeof(mask) : -LINUX_EFAULT;
}

int64_t system_call_getcpu(const uint64_t arguments[6]) {
    hold_begin();
    const uint32_t processor = thread_scheduler.machine->here(&thread_scheduler), node = 0;
    hold_end();
    if (arguments[0] != 0 && !process_write(arguments[0], &processor, sizeof(processor)))
        return -LINUX_EFAULT;
    return arguments[1] == 0 || process_write(arguments[1], &node, sizeof(node)) ? 0 : -LINUX_EFAULT;
}

/* ---- nice values ---- */

/* What is asked or done for several threads, and what came of it so far. */
struct nice_work {
    int32_t nice;
    int64_t result; /* -LINUX_ESRCH: there was none yet */
};

/* The one that is served best counts. */
static void look_at_nice(struct thread *thread, void *argument) {
    struct nice_work *work = argument;
    int64_t value = NICE_BASE - thread->nice;
    work->result = value > work->result ? value : work->result;
}

static int64_t set_nice_of(struct thread *thread, int32_t nice) {
    struct attributes asked = attributes_of(thread);
    bool gets_more = nice < thread->nice;
    if (is_real_time(thread->policy)) {
        thread->nice = nice; /* for when it is none of those any more */
        return 0;
    }
    asked.nice = nice;
    int status = apply(thread, &asked, thread->sched.affinity);
    return status == -LINUX_EPERM && gets_more ? -LINUX_EACCES : status; /* as Linux says it here */
}

/* One that may not be changed is told of; the others are changed all the same. */
static void set_nice(struct thread *thread, void *argument) {
    struct nice_work *work = argument;
    int64_t status = set_nice_of(thread, work->nice);
    if (status < 0 || work->result == -LINUX_ESRCH)
        work->result = status;
}

static int64_t each_nice(const uint64_t arguments[6], void (*step)(struct thread *thread, void *argument),
                         int32_t nice) {
    struct nice_work work = {.nice = nice, .result = -LINUX_ESRCH};
    if (arguments[0] > WHOSE_LAST)
        return -LINUX_EINVAL;
    if (arguments[0] != WHOSE_THREAD) {
        process_each_thread((enum thread_owner)arguments[0], (int32_t)(uint32_t)arguments[1], step, &work);
        return work.result;
    }
    struct thread *thread = find_and_hold(arguments[1]);
    if (thread != NULL)
        step(thread, &work);
    hold_end();
    return work.result;
}

int64_t system_call_getpriority(const uint64_t arguments[6]) {
    return each_nice(arguments, look_at_nice, 0);
}

int64_t system_call_setpriority(const uint64_t arguments[6]) {
    int32_t nice = (int32_t)(uint32_t)arguments[2];
    return each_nice(arguments, set_nice, nice < NICE_LEAST ? NICE_LEAST : nice > NICE_MOST ? NICE_MOST : nice);
}
