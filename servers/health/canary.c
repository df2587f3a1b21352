/*
 * Was there a processor to be had? A service that does not answer and uses no processor is hung, unless others take all of
 * it. To find out, a child of the lowest class there is (SCHED_IDLE: it runs when nobody else wants to) is given a millisecond
 * of work. If it comes to an end, whoever is not of that class could have run as well.
 *
 * One child at a time serves all tries that want to know meanwhile. A machine that cannot make one says nothing against
 * the service: then it counts as hung, as there is no sign of a lack.
 */
#include "servers/health/monitor.h"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/types.h>
#include <time.h>
#include <unistd.h>

#define WORK_NS GROVE_MILLISECOND
#define PATIENCE_NS (500 * GROVE_MILLISECOND)

static struct {
    struct try *waiting;
    pid_t process;
    int descriptor;
    uint32_t timer;
} canary = {.descriptor = -1};

static void decide(bool was_free) {
    while (canary.waiting != NULL) {
        struct try *try = canary.waiting;
        double seconds = (double)(grove_now_ns() - try->started_ns) / (double)GROVE_SECOND;
        canary.waiting = try->next;
        if (was_free)
            try_end(try, GROVE_CAUSE_BLOCKED, "no heartbeat for %.3g s, and it did not use the processor it could have",
                    seconds);
        else
            try_end(try, GROVE_CAUSE_STARVED, "no heartbeat for %.3g s, but others took all of the processor", seconds);
    }
}

static void fly_off(struct grove_service *service) {
    if (canary.timer != 0)
        grove_service_cancel(service, canary.timer);
    canary.timer = 0;
    if (canary.descriptor >= 0) {
        (void)grove_service_watch(service, canary.descriptor, 0, NULL, NULL);
        (void)close(canary.descriptor);
    }
    canary.descriptor = -1;
}

static void came_back(struct grove_service *service, int descriptor, short events, void *context) {
    char byte;
    (void)events;
    (void)context;
    bool has_sung = read(descriptor, &byte, 1) == 1;
    fly_off(service);
    decide(has_sung);
}

static void ran_out(struct grove_service *service, void *context) {
    (void)context;
    canary.timer = 0;
    (void)kill(canary.process, SIGKILL);
    fly_off(service);
    decide(false);
}

static uint64_t worked_ns(void) {
    struct timespec now;
    return clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now) < 0
               ? WORK_NS
               : (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

/* The child. It touches nothing of its parent's but the pipe. */
static void sing(int descriptor) {
    struct sched_param none = {0};
    if (sched_setscheduler(0, SCHED_IDLE, &none) == 0)
        while (worked_ns() < WORK_NS)
            continue;
    _exit(write(descriptor, "!", 1) == 1 ? 0 : 1);
}

static bool send_out(struct monitor *monitor) {
    int ends[2];
    (void)signal(SIGCHLD, SIG_IGN); /* nobody waits for it */
    if (pipe2(ends, O_CLOEXEC) < 0)
        return false;
    canary.process = fork();
    if (canary.process == 0)
        sing(ends[1]);
    (void)close(ends[1]);
    canary.descriptor = ends[0];
    if (canary.process > 0 && grove_service_watch(monitor->service, ends[0], POLLIN, came_back, monitor) == 0 &&
        grove_service_after(monitor->service, PATIENCE_NS, ran_out, monitor, &canary.timer) == 0)
        return true;
    fly_off(monitor->service);
    return false;
}

void canary_ask(struct try *try) {
    try->next = canary.waiting;
    canary.waiting = try;
    if (canary.descriptor < 0 && !send_out(try->monitor))
        decide(true);
}
