/*
 * The mount namespace of an instance, held for a moment longer than the instance.
 *
 * Whoever is last to leave a mount namespace takes all its mounts apart and waits for a grace period of the kernel's
 * read-copy-update. When that is the dying process, its end is told only after that, and the next instance begins so much
 * later. So groved holds the namespace as well, and lets go of it when a restart is under way or did not come. Nobody can
 * run in it meanwhile: its last process is gone.
 *
 * Taking one apart holds up the loop for some hundred microseconds, so only a few are let go of in one turn. A crash of
 * groved lets go of all.
 */
#include "kernel/machine/linux/container/leaving.h"

#include "kernel/machine/linux/linux.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* linux/pidfd.h of Linux 6.11, which Debian 12 has not. */
#define GET_MOUNT_NAMESPACE _IO(0xFF, 3)
#define LEAVING_MAX 64u
#define LEAVING_IN_ONE_TURN 4u
#define LEAVING_DELAY_NS UINT64_C(3000000)

static int held[LEAVING_MAX];
static unsigned held_count;
static uint64_t timer;

int leaving_hold(pid_t process, int process_descriptor) {
    char path[64];
    int descriptor = ioctl(process_descriptor, GET_MOUNT_NAMESPACE, 0);
    if (descriptor >= 0)
        return descriptor;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)process);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void let_some_go(struct loop *loop, void *context) {
    (void)context;
    timer = 0;
    for (unsigned i = 0; i < LEAVING_IN_ONE_TURN && held_count > 0; i++)
        (void)close(held[--held_count]);
    if (held_count > 0)
        (void)loop_at(loop, machine_clock_ns(), let_some_go, NULL, &timer);
}

void leaving_let_go(int mount_namespace) {
    if (mount_namespace < 0)
        return;
    if (held_count < LEAVING_MAX && (timer != 0 || loop_at(linux_machine->loop, machine_clock_ns() + LEAVING_DELAY_NS,
                                                           let_some_go, NULL, &timer) == GROVE_OK))
        held[held_count++] = mount_namespace;
    else
        (void)close(mount_namespace);
}

void leaving_end_all(void) {
    if (timer != 0)
        loop_cancel(linux_machine->loop, timer);
    timer = 0;
    while (held_count > 0)
        (void)close(held[--held_count]);
}
