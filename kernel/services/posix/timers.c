/* See timers.h. */
#include "kernel/services/posix/timers.h"

#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"

#define NS_PER_SECOND UINT64_C(1000000000)

/* ---- clocks ---- */

static struct process_thread *thread_of(const struct process_timer *timer) {
    for (struct list *link = timer->process->threads.next; link != &timer->process->threads; link = link->next) {
        struct process_thread *part = list_item(link, struct process_thread, link);
        if (number_value(part->number) == timer->thread)
            return part;
    }
    return NULL;
}

uint64_t process_timer_now(const struct process_timer *timer) {
    struct process_usage usage;
    const struct process_thread *part;
    switch (timer->clock) {
    case TIMER_OF_PROCESS:
        process_usage_now(timer->process, &usage);
        return usage.user_ns + usage.system_ns;
    case TIMER_OF_USER:
        process_usage_now(timer->process, &usage);
        return usage.user_ns;
    case TIMER_OF_THREAD:
        part = thread_of(timer);
        return part != NULL ? machine_thread_time(part->thread) : 0;
    default:
        return clock_now_ns();
    }
}

/* ---- the order in which they are looked at ---- */

static void insert(struct process_timer *timer, uint64_t look_ns) {
    struct list *link = processes.timers.next;
    timer->look_ns = look_ns;
    while (link != &processes.timers && list_item(link, struct process_timer, due)->look_ns <= look_ns)
        link = link->next;
    list_insert_between(&timer->due, link->previous, link);
    if (processes.timers.next == &timer->due)
        wait_wake(&processes.alarms_changed);
}

/* Not before it can be due. */
static void look_later(struct process_timer *timer, uint64_t now_ns) {
    uint64_t now = process_timer_now(timer), left = timer->when > now ? timer->when - now : 0;
    if (timer->clock == TIMER_OF_MOMENT) {
        insert(timer, timer->when);
        return;
    }
    const uint32_t threads = timer->process->thread_count;
    left /= threads > 0 ? threads : 1;
    if (left < TIMERS_GRAIN_NS)
        left = TIMERS_GRAIN_NS;
    if (now == timer->seen && left < TIMERS_LATE_NS)
        left = TIMERS_LATE_NS;
    timer->seen = now;
    insert(timer, now_ns + left);
}

void process_timer_set(struct process_timer *timer, uint64_t when, uint64_t interval) {
    list_remove(&timer->due);
    timer->when = when;
    timer->interval = interval;
    timer->is_pending = false;
    timer->overrun = 0;
    timer->seen = UINT64_MAX;
    if (when != 0)
        look_later(timer, clock_now_ns());
}

uint64_t process_timer_left(const struct process_timer *timer) {
    uint64_t now = process_timer_now(timer), when = timer->when;
    if (when == 0)
        return 0;
    if (when <= now && timer->interval != 0)
        when += ((now - when) / timer->interval + 1) * timer->interval;
    return when > now ? when - now : 1;
}

/* ---- going off ---- */

/* The next time that lies ahead; how many were missed. False: there is none. */
static bool step(struct process_timer *timer, uint64_t now, uint64_t *missed) {
    *missed = 0;
    if (timer->interval == 0) {
        timer->when = 0;
        return false;
    }
    if (now > timer->when)
        *missed = (now - timer->when) / timer->interval;
    timer->when += (*missed + 1) * timer->interval;
    return true;
}

static struct signal_queue *queue_of(const struct process_timer *timer) {
    struct process_thread *part = timer->thread != 0 ? thread_of(timer) : NULL;
    return part != NULL ? &part->pending : &timer->process->pending;
}

static bool still_waits(const struct process_timer *timer) {
    struct signal_queue *queue = queue_of(timer);
    for (struct list *link = queue->entries.next; link != &queue->entries; link = link->next)
        if (signal_entry_is_of_timer(link, timer->id))
            return true;
    return false;
}

/* The signal of timer_create. It waits, or nobody hears it. */
static void send(struct process_timer *timer) {
    struct signal_info info = {.signal = timer->signal, .code = LINUX_SI_TIMER};
    struct process_thread *part = NULL;
    info.from.process = timer->id;
    info.from.value = timer->value;
    if (timer->is_silent)
        return;
    if (timer->is_to_thread) {
        part = thread_of(timer);
        if (part == NULL)
            return;
    }
    (void)signal_send_locked(timer->process, part, timer->signal, &info);
    timer->is_pending = still_waits(timer);
}

static void created_goes_off(struct process_timer *timer, uint64_t now_ns) {
    uint64_t missed;
    if (timer->is_pending && still_waits(timer)) {
        insert(timer, now_ns + TIMERS_LATE_NS);
        return;
    }
    send(timer);
    if (timer->is_pending && timer->interval != 0) {
        insert(timer, now_ns + TIMERS_LATE_NS); /* in case that the signal is dropped */
        return;
    }
    const bool waits = timer->is_pending;
    if (!step(timer, process_timer_now(timer), &missed))
        return;
    if (!waits && timer->when < process_timer_now(timer) + TIMERS_GRAIN_NS)
        timer->when = process_timer_now(timer) + TIMERS_GRAIN_NS;
    look_later(timer, now_ns);
}

void timers_signal_taken(struct process *process, struct signal_info *info) {
    for (struct list *link = process->timers.next; link != &process->timers; link = link->next) {
        struct process_timer *timer = list_item(link, struct process_timer, in_process);
        uint64_t missed;
        if (timer->id != info->from.process || !timer->is_pending)
            continue;
        timer->is_pending = false;
        list_remove(&timer->due);
        timer->overrun = 0;
        if (timer->when != 0 && step(timer, process_timer_now(timer), &missed)) {
            timer->overrun = missed < INT32_MAX ? (int32_t)missed : INT32_MAX;
            look_later(timer, clock_now_ns());
        }
        info->from.user = (uint32_t)timer->overrun;
        return;
    }
}

/* ITIMER_VIRTUAL and ITIMER_PROF. */
static void interval_goes_off(struct process_timer *timer, uint64_t now_ns) {
    const struct signal_info info = {.signal = timer->signal, .code = LINUX_SI_KERNEL};
    uint64_t missed;
    (void)signal_send_locked(timer->process, NULL, timer->signal, &info);
    if (step(timer, process_timer_now(timer), &missed))
        look_later(timer, now_ns);
}

/* RLIMIT_CPU: a warning each second from the soft limit on, and the end at the hard one. */
static void limit_goes_off(struct process_timer *timer, uint64_t now_ns) {
    struct limit_pair *limit = &timer->process->limits.of[LIMIT_CPU];
    const uint64_t seconds = process_timer_now(timer) / NS_PER_SECOND;
    const int signal = seconds >= limit->hard ? LINUX_SIGKILL : LINUX_SIGXCPU;
    const struct signal_info info = {.signal = signal, .code = LINUX_SI_KERNEL};
    (void)signal_send_locked(timer->process, NULL, signal, &info);
    if (limit->soft <= seconds)
        limit->soft = seconds + 1 < limit->hard ? seconds + 1 : limit->hard;
    timer->when = (seconds + 1) * NS_PER_SECOND;
    look_later(timer, now_ns);
}

void timers_limit_changed(struct process *process) {
    const uint64_t soft = process->limits.of[LIMIT_CPU].soft;
    struct process_timer *timer = &process->own_timers[TIMER_CPU_LIMIT];
    if (soft < UINT64_MAX / NS_PER_SECOND)
        process_timer_set(timer, soft > 0 ? soft * NS_PER_SECOND : 1, 0);
    else
        process_timer_set(timer, 0, 0);
}

uint64_t timers_next_ns(void) {
    const struct process_timer *first = list_first_item(&processes.timers, struct process_timer, due);
    return first != NULL ? first->look_ns : UINT64_MAX;
}

void timers_look(uint64_t now_ns) {
    struct process_timer *timer = list_first_item(&processes.timers, struct process_timer, due);
    list_remove(&timer->due);
    if (!timer->is_pending && process_timer_now(timer) < timer->when)
        look_later(timer, now_ns);
    else if (timer->is_own != OWN_NONE)
        (timer->is_own == OWN_LIMIT ? limit_goes_off : interval_goes_off)(timer, now_ns);
    else
        created_goes_off(timer, now_ns);
}

/* ---- their lives ---- */

void timers_init(struct process *process) {
    static const struct process_timer kinds[TIMERS_OWN] = {
        [TIMER_VIRTUAL] = {.clock = TIMER_OF_USER, .signal = LINUX_SIGVTALRM, .is_own = OWN_INTERVAL},
        [TIMER_PROFILE] = {.clock = TIMER_OF_PROCESS, .signal = LINUX_SIGPROF, .is_own = OWN_INTERVAL},
        [TIMER_CPU_LIMIT] = {.clock = TIMER_OF_PROCESS, .is_own = OWN_LIMIT},
    };
    list_init(&process->timers);
    for (unsigned i = 0; i < TIMERS_OWN; i++) {
        process->own_timers[i] = kinds[i];
        process->own_timers[i].process = process;
    }
}

void timers_forget(struct process *process) {
    while (!list_is_empty(&process->timers)) {
        struct process_timer *timer = list_first_item(&process->timers, struct process_timer, in_process);
        list_remove(&timer->due);
        list_remove(&timer->in_process);
        machine_give_back(processes.vfs->machine, timer, sizeof(*timer));
    }
    process->timer_count = 0;
}

void timers_end(struct process *process) {
    timers_forget(process);
    for (unsigned i = 0; i < TIMERS_OWN; i++)
        process_timer_set(&process->own_timers[i], 0, 0);
}
