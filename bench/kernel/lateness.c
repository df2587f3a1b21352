/* How late a thread comes that must not come late: see rows.h. */
#include "rows.h"

#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define HOGS 2u
#define PERIOD_NS UINT64_C(1000000)
#define BUDGET_NS UINT64_C(200000)
#define NS_PER_SECOND UINT64_C(1000000000)
#define DEADLINE_CLASS 6u /* SCHED_DEADLINE */
#define FIFO_PRIORITY 50

/* As sched_setattr(2) describes it. */
struct schedule {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime_ns, deadline_ns, period_ns;
};

static int become_urgent(int with_deadline) {
    struct schedule schedule = {.size = sizeof(schedule),
                                .policy = DEADLINE_CLASS,
                                .runtime_ns = BUDGET_NS,
                                .deadline_ns = PERIOD_NS,
                                .period_ns = PERIOD_NS};
    const struct sched_param param = {.sched_priority = FIFO_PRIORITY};
    /* Not by the C library's function, which musl has only as a refusal. */
    return rows_check(with_deadline ? syscall(SYS_sched_setattr, 0, &schedule, 0)
                                    : syscall(SYS_sched_setscheduler, 0, SCHED_FIFO, &param));
}

static uint64_t now_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * NS_PER_SECOND + (uint64_t)now.tv_nsec;
}

static int wake_each_period(uint64_t *late_ns, uint32_t count) {
    uint64_t next = now_ns() + PERIOD_NS;
    for (uint32_t i = 0; i < count; i++, next += PERIOD_NS) {
        struct timespec at = {.tv_sec = (time_t)(next / NS_PER_SECOND), .tv_nsec = (long)(next % NS_PER_SECOND)};
        int status = clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
        if (status != 0)
            return -status;
        uint64_t now = now_ns();
        late_ns[i] = now - next;
        if (now > next + PERIOD_NS)
            next = now; /* it missed more than one: from here on */
    }
    return 0;
}

static int compare(const void *a, const void *b) {
    uint64_t first = *(const uint64_t *)a, second = *(const uint64_t *)b;
    return first < second ? -1 : first > second;
}

int lateness_measure(uint64_t *late_ns, uint32_t count, int with_deadline) {
    pid_t hogs[HOGS];
    uint32_t started = 0;
    int status = 0;
    for (; started < HOGS && status == 0; started++) {
        hogs[started] = fork();
        if (hogs[started] == 0)
            for (volatile uint32_t i = 0;;)
                i++;
        if (hogs[started] < 0) {
            status = -errno;
            break;
        }
    }
    if (status == 0)
        status = become_urgent(with_deadline);
    if (status == 0)
        status = wake_each_period(late_ns, count);
    for (uint32_t i = 0; i < started; i++) {
        (void)kill(hogs[i], SIGKILL);
        (void)waitpid(hogs[i], NULL, 0);
    }
    if (status == 0)
        qsort(late_ns, count, sizeof(*late_ns), compare);
    return status;
}
