/* Timers as programs have them: timer_create(2) and its kin. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/moment.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/timers.h"
#include "kernel/services/posix/user_value.h"

#define TIMER_ABSOLUTE 1u

enum { NOTIFY_SIGNAL = 0, NOTIFY_NONE = 1, NOTIFY_THREAD = 2, NOTIFY_ONE_THREAD = 4 };

/* Clocks, as Linux numbers them, and by what each is timed. */
static const struct {
    int32_t number;
    enum timer_clock clock;
    bool is_wall;
} clocks[] = {
    {0, TIMER_OF_MOMENT, true}, /* CLOCK_REALTIME */
    {1, TIMER_OF_MOMENT, false}, /* CLOCK_MONOTONIC */
    {2, TIMER_OF_PROCESS, false}, {3, TIMER_OF_THREAD, false}, {7, TIMER_OF_MOMENT, false}, /* CLOCK_BOOTTIME */
    {11, TIMER_OF_MOMENT, true}, /* CLOCK_TAI */
};

/* As Linux lays it out. */
struct notification {
    uint64_t value;
    int32_t signal, notify, thread;
    int32_t reserved[11];
};
_Static_assert(sizeof(struct notification) == 64, "as Linux lays it out");

struct timer_times {
    struct linux_time interval, value;
};

static int64_t find_clock(int32_t number, struct process_timer *timer) {
    for (unsigned i = 0; i < sizeof(clocks) / sizeof(clocks[0]); i++)
        if (clocks[i].number == number) {
            timer->clock = clocks[i].clock;
            timer->is_wall = clocks[i].is_wall;
            return 0;
        }
    /* There are those by which time is told and nothing is timed: the raw, the coarse, and those that end a sleep. */
    return number >= 4 && number <= 9 ? -LINUX_EOPNOTSUPP : -LINUX_EINVAL;
}

/* What was asked for, checked. Locked. */
static int64_t check_notification(const struct notification *asked, struct process_timer *timer) {
    const struct process *process = process_current();
    const struct process_thread *self = process_thread_current();
    timer->thread = timer->clock == TIMER_OF_THREAD ? number_value(self->number) : 0;
    timer->value = asked->value;
    timer->signal = asked->signal;
    timer->is_silent = asked->notify == NOTIFY_NONE;
    if (timer->is_silent)
        return 0;
    if ((asked->notify & ~NOTIFY_ONE_THREAD) != NOTIFY_SIGNAL && asked->notify != NOTIFY_THREAD)
        return -LINUX_EINVAL;
    if (asked->signal <= 0 || asked->signal > SIGNALS)
        return -LINUX_EINVAL;
    timer->is_to_thread = (asked->notify & NOTIFY_ONE_THREAD) != 0;
    if (!timer->is_to_thread)
        return 0;
    const struct number *number = number_find(asked->thread);
    if (number == NULL || number->thread == NULL || number->thread->process != process)
        return -LINUX_EINVAL;
    if (timer->clock == TIMER_OF_THREAD && asked->thread != timer->thread)
        return -LINUX_EINVAL; /* whose time it is and who is told is one thread here */
    timer->thread = asked->thread;
    return 0;
}

static int64_t add(struct process *process, struct process_timer *made) {
    if (process->timer_count >= TIMERS_MAX)
        return -LINUX_EAGAIN;
    made->process = process;
    made->id = process->next_timer++ & INT32_MAX;
    process->timer_count++;
    list_append(&process->timers, &made->in_process);
    return 0;
}

static struct process_timer *find(int32_t id) {
    struct process *process = process_current();
    for (struct list *link = process->timers.next; link != &process->timers; link = link->next) {
        struct process_timer *timer = list_item(link, struct process_timer, in_process);
        if (timer->id == id)
            return timer;
    }
    return NULL;
}

static void remove(struct process_timer *timer) {
    process_timer_set(timer, 0, 0);
    list_remove(&timer->in_process);
    timer->process->timer_count--;
    machine_give_back(processes.vfs->machine, timer, sizeof(*timer));
}

int64_t system_call_timer_create(const uint64_t arguments[6]) {
    const struct vfs_machine *machine = processes.vfs->machine;
    struct notification asked = {.signal = LINUX_SIGALRM};
    const bool is_told = arguments[1] != 0;
    if (is_told && !process_read(&asked, arguments[1], sizeof(asked)))
        return -LINUX_EFAULT;
    struct process_timer *made = machine_take(machine, sizeof(*made));
    if (made == NULL)
        return -LINUX_EAGAIN;
    *made = (struct process_timer){.is_own = OWN_NONE};
    int64_t status = find_clock((int32_t)arguments[0], made);
    processes_lock();
    if (status == 0)
        status = check_notification(&asked, made);
    if (status == 0)
        status = add(process_current(), made);
    if (status == 0 && !is_told)
        made->value = (uint64_t)(uint32_t)made->id;
    const int32_t id = made->id;
    processes_unlock();
    if (status < 0) {
        machine_give_back(machine, made, sizeof(*made));
        return status;
    }
    if (process_write(arguments[2], &id, sizeof(id)))
        return 0;
    processes_lock();
    struct process_timer *unwanted = find(id); /* another thread may have been faster */
    if (unwanted != NULL)
        remove(unwanted);
    processes_unlock();
    return -LINUX_EFAULT;
}

/* Locked. */
static void tell(const struct process_timer *timer, struct timer_times *times) {
    times->interval = moment_split(timer->interval);
    times->value = moment_split(process_timer_left(timer));
}

/* A moment of a timer's clock. Locked. */
static uint64_t moment_of(const struct process_timer *timer, uint64_t value_ns, bool is_absolute) {
    if (value_ns == 0)
        return 0;
    uint64_t now = process_timer_now(timer);
    if (!is_absolute)
        return now + value_ns < MOMENT_LAST ? now + value_ns : MOMENT_LAST;
    if (!timer->is_wall)
        return value_ns;
    const uint64_t wall = (uint64_t)clock_wall_ns();
    return value_ns > wall ? now + (value_ns - wall) : now;
}

int64_t system_call_timer_settime(const uint64_t arguments[6]) {
    struct timer_times times, before = {0};
    uint64_t interval_ns = 0, value_ns = 0;
    if (!process_read(&times, arguments[2], sizeof(times)))
        return arguments[2] == 0 ? -LINUX_EINVAL : -LINUX_EFAULT;
    int64_t status = moment_check(&times.interval, &interval_ns);
    if (status == 0)
        status = moment_check(&times.value, &value_ns);
    if (status < 0)
        return status;
    processes_lock();
    struct process_timer *timer = find((int32_t)arguments[0]);
    if (timer != NULL) {
        tell(timer, &before);
        process_timer_set(timer, moment_of(timer, value_ns, ((uint32_t)arguments[1] & TIMER_ABSOLUTE) != 0),
                          interval_ns);
    }
    processes_unlock();
    if (timer == NULL)
        return -LINUX_EINVAL;
    return user_write_wanted(arguments[3], &before, sizeof(before));
}

int64_t system_call_timer_gettime(const uint64_t arguments[6]) {
    struct timer_times times = {0};
    processes_lock();
    const struct process_timer *timer = find((int32_t)arguments[0]);
    if (timer != NULL)
        tell(timer, &times);
    processes_unlock();
    return timer == NULL ? -LINUX_EINVAL : user_write(arguments[1], &times, sizeof(times));
}

int64_t system_call_timer_getoverrun(const uint64_t arguments[6]) {
    processes_lock();
    const struct process_timer *timer = find((int32_t)arguments[0]);
    const int64_t overrun = timer != NULL ? timer->overrun : -LINUX_EINVAL;
    processes_unlock();
    return overrun;
}

int64_t system_call_timer_delete(const uint64_t arguments[6]) {
    processes_lock();
    struct process_timer *timer = find((int32_t)arguments[0]);
    if (timer != NULL)
        remove(timer);
    processes_unlock();
    return timer != NULL ? 0 : -LINUX_EINVAL;
}
