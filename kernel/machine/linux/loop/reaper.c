/* Waiting for killed children in later turns; see reaper.h. */
#include "kernel/machine/linux/loop/reaper.h"

#include "kernel/core/machine.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <sys/wait.h>
#include <unistd.h>

#define WAIT_MS 50
#define AGAIN_NS UINT64_C(100000000)

struct killed {
    pid_t process; /* 0: a free place */
    int process_descriptor; /* -1: none */
    void (*ended)(void *context);
    void *context;
};

static struct killed killed[REAPER_MAX];
static unsigned reserved;
static uint64_t timer;

/* Its number cannot be another process's: it is ours until it has been waited for. */
static bool has_ended(const struct killed *child) {
    siginfo_t info = {0};
    if (waitid(P_PID, (id_t)child->process, &info, WEXITED | WNOHANG | __WALL) < 0)
        return errno == ECHILD;
    return info.si_pid != 0;
}

static void forget(struct killed *child) {
    struct killed gone = *child;
    *child = (struct killed){0};
    if (gone.process_descriptor >= 0)
        (void)close(gone.process_descriptor);
    if (gone.ended != NULL)
        gone.ended(gone.context);
}

/* Returns how many are left. */
static unsigned sweep(void) {
    unsigned left = 0;
    for (unsigned i = 0; i < REAPER_MAX; i++) {
        if (killed[i].process == 0)
            continue;
        if (has_ended(&killed[i]))
            forget(&killed[i]);
        else
            left++;
    }
    return left;
}

bool reaper_has_room(void) {
    return sweep() + reserved < REAPER_MAX;
}

bool reaper_reserve(void) {
    if (!reaper_has_room())
        return false;
    reserved++;
    return true;
}

void reaper_release(void) {
    reserved--;
}

static void look_again(struct loop *loop, void *context) {
    (void)context;
    timer = 0;
    /* Without a timer, for want of memory, whoever asks for room next looks. */
    if (sweep() > 0)
        (void)loop_at(loop, machine_clock_ns() + AGAIN_NS, look_again, NULL, &timer);
}

void reaper_kill(struct loop *loop, pid_t process, int process_descriptor, void (*ended)(void *context),
                 void *context) {
    struct killed *child = killed;
    while (child->process != 0)
        child++;
    *child = (struct killed){process, process_descriptor, ended, context};
    (void)kill(process, SIGKILL);
    struct pollfd end = {.fd = process_descriptor, .events = POLLIN};
    if (process_descriptor >= 0)
        (void)poll(&end, 1, WAIT_MS);
    if (has_ended(child))
        forget(child);
    else if (timer == 0)
        (void)loop_at(loop, machine_clock_ns() + AGAIN_NS, look_again, NULL, &timer);
}
