/* Clocks, and sleeping until a time: clock_gettime(2) and clock_nanosleep(2) with their kin. See moment.h. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/moment.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/vfs/errors.h"

/* Clocks, as Linux numbers them. */
enum {
    CLOCK_WALL = 0,
    CLOCK_MONOTONIC = 1,
    CLOCK_PROCESS = 2,
    CLOCK_THREAD = 3,
    CLOCK_MONOTONIC_RAW = 4,
    CLOCK_WALL_COARSE = 5,
    CLOCK_MONOTONIC_COARSE = 6,
    CLOCK_BOOT = 7,
    CLOCK_WALL_ALARM = 8,
    CLOCK_BOOT_ALARM = 9,
    CLOCK_ATOMIC = 11,
};
#define TIMER_ABSOLUTE 1u

/* A clock of a thread or process by its number: ~number, then whether it is a thread's, then which kind. */
#define OWNER_IS_THREAD 4
#define OWNER_KIND 3
#define OWNER_KIND_LAST 2

/* ---- moments ---- */

int moment_check(const struct linux_time *time, uint64_t *ns) {
    if (time->seconds < 0 || time->ns < 0 || time->ns >= (int64_t)NS_PER_SECOND)
        return -LINUX_EINVAL;
    bool is_too_late = (uint64_t)time->seconds >= MOMENT_LAST / NS_PER_SECOND;
    *ns = is_too_late ? MOMENT_LAST : (uint64_t)time->seconds * NS_PER_SECOND + (uint64_t)time->ns;
    return 0;
}

static uint64_t bounded(uint64_t moment) {
    return moment < MOMENT_LAST ? moment : MOMENT_LAST;
}

int moment_read(uint64_t address, bool is_absolute, bool is_wall, uint64_t *until_ns) {
    struct linux_time time;
    uint64_t ns, now = is_absolute ? clock_now_ns() : process_call_began_ns();
    if (!process_read(&time, address, sizeof(time)))
        return -LINUX_EFAULT;
    int status = moment_check(&time, &ns);
    if (status < 0)
        return status;
    if (!is_absolute) {
        *until_ns = bounded(now + ns);
    } else if (is_wall) {
        uint64_t wall = (uint64_t)clock_wall_ns();
        *until_ns = bounded(ns > wall ? now + (ns - wall) : now);
    } else {
        *until_ns = ns;
    }
    return 0;
}

struct linux_time moment_split(uint64_t ns) {
    return (struct linux_time){(int64_t)(ns / NS_PER_SECOND), (int64_t)(ns % NS_PER_SECOND)};
}

/* ---- what time it is ---- */

/* One that belongs to a thread of this process, or to the process. */
static int64_t owned_clock(int32_t clock, uint64_t *ns) {
    struct thread *self = thread_current();
    int32_t number = (int32_t)(~(uint32_t)clock >> 3);
    int64_t status = 0;
    if ((clock & OWNER_KIND) > OWNER_KIND_LAST)
        return -LINUX_EINVAL;
    hold_begin();
    struct thread *thread = number != 0 ? process_thread_of(self->process, number) : self;
    if (thread == NULL)
        status = -LINUX_EINVAL;
    else if ((clock & OWNER_IS_THREAD) != 0)
        *ns = thread_run_ns(thread);
    else
        *ns = process_run_ns(self->process);
    hold_end();
    return status;
}

static int64_t read_clock(int32_t clock, uint64_t *ns) {
    switch (clock) {
    case CLOCK_WALL:
    case CLOCK_WALL_COARSE:
    case CLOCK_WALL_ALARM:
    case CLOCK_ATOMIC: /* nobody has told by how many seconds it differs */
        *ns = (uint64_t)clock_wall_ns();
        return 0;
    case CLOCK_MONOTONIC:
    case CLOCK_MONOTONIC_RAW:
    case CLOCK_MONOTONIC_COARSE:
    case CLOCK_BOOT:
    case CLOCK_BOOT_ALARM:
        *ns = clock_now_ns();
        return 0;
    case CLOCK_PROCESS:
        *ns = process_run_ns(thread_current()->process);
        return 0;
    case CLOCK_THREAD:
        *ns = thread_run_ns(thread_current());
        return 0;
    default:
        return clock < 0 ? owned_clock(clock, ns) : -LINUX_EINVAL;
    }
}

static int64_t write_time(uint64_t address, uint64_t ns) {
    const struct linux_time time = moment_split(ns);
    return process_write(address, &time, sizeof(time)) ? 0 : -LINUX_EFAULT;
}

int64_t system_call_clock_gettime(const uint64_t arguments[6]) {
    uint64_t ns = 0;
    int64_t status = read_clock((int32_t)(uint32_t)arguments[0], &ns);
    return status < 0 ? status : write_time(arguments[1], ns);
}

/* Each clock is as fine as the cycle counter, which is finer than a nanosecond or nearly so. */
int64_t system_call_clock_getres(const uint64_t arguments[6]) {
    uint64_t ns = 0;
    int64_t status = read_clock((int32_t)(uint32_t)arguments[0], &ns);
    if (status < 0 || arguments[1] == 0)
        return status;
    return write_time(arguments[1], 1);
}

int64_t system_call_gettimeofday(const uint64_t arguments[6]) {
    struct linux_time time = moment_split((uint64_t)clock_wall_ns());
    const int32_t zone[2] = {0, 0};
    time.ns /= 1000;
    if (arguments[0] != 0 && !process_write(arguments[0], &time, sizeof(time)))
        return -LINUX_EFAULT;
    return arguments[1] == 0 || process_write(arguments[1], zone, sizeof(zone)) ? 0 : -LINUX_EFAULT;
}

int64_t system_call_time(const uint64_t arguments[6]) {
    const int64_t seconds = clock_wall_ns() / (int64_t)NS_PER_SECOND;
    return arguments[0] == 0 || process_write(arguments[0], &seconds, sizeof(seconds)) ? seconds : -LINUX_EFAULT;
}

/* ---- sleeping ---- */

/* `left_at`: where to say how much is left, if it is interrupted; 0 for nowhere. */
static int64_t sleep_again(const uint64_t arguments[6]);

static int64_t sleep_until(uint64_t until_ns, uint64_t left_at) {
    static const bool never;
    while (clock_now_ns() < until_ns) {
        int status = thread_sleep_unless(&never, until_ns);
        if (status != -LINUX_EINTR)
            continue;
        uint64_t now = clock_now_ns();
        int64_t written = left_at != 0 ? write_time(left_at, until_ns > now ? until_ns - now : 0) : 0;
        const uint64_t arguments[6] = {until_ns, left_at};
        return written < 0 ? written : process_restart_with(sleep_again, arguments);
    }
    return 0;
}

static int64_t sleep_again(const uint64_t arguments[6]) {
    return sleep_until(arguments[0], arguments[1]);
}

int64_t system_call_nanosleep(const uint64_t arguments[6]) {
    uint64_t until = 0;
    int status = moment_read(arguments[0], false, false, &until);
    return status < 0 ? status : sleep_until(until, arguments[1]);
}

int64_t system_call_clock_nanosleep(const uint64_t arguments[6]) {
    int32_t clock = (int32_t)(uint32_t)arguments[0];
    bool is_absolute = (arguments[1] & TIMER_ABSOLUTE) != 0;
    bool is_wall = clock == CLOCK_WALL || clock == CLOCK_ATOMIC || clock == CLOCK_WALL_ALARM;
    uint64_t until = 0;
    if (clock == CLOCK_THREAD || clock == CLOCK_MONOTONIC_RAW || clock == CLOCK_WALL_COARSE ||
        clock == CLOCK_MONOTONIC_COARSE)
        return clock == CLOCK_THREAD ? -LINUX_EINVAL : -LINUX_EOPNOTSUPP;
    if (!is_wall && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOT && clock != CLOCK_BOOT_ALARM)
        return clock == CLOCK_PROCESS || clock < 0 ? -LINUX_EOPNOTSUPP : -LINUX_EINVAL;
    int status = moment_read(arguments[2], is_absolute, is_wall, &until);
    return status < 0 ? status : sleep_until(until, is_absolute ? 0 : arguments[3]);
}
