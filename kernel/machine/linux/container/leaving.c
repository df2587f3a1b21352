/*
 * The mount namespace of an instance, held for a moment longer than the instance.
 *
 * Whoever is last to leave a mount namespace takes all its mounts apart and waits for a grace period of the kernel's
 * read-copy-update. When that is the dying process, its end is told only after that, and the next instance begins so much
 * later. So groved holds the namespace as well, and lets go of it when a restart is under way or did not come. Nobody can
 * run in it meanwhile: its last process is gone.
 *
 * How long taking one apart lasts depends on what the instance left (a large scratch space full of files, a file system
 * that does not answer), so groved must not be the last either. It passes what it holds to a child that is cloned for
 * this, closes its own, and lets the child end: its descriptors are closed where nobody waits. While CHILDREN_MAX of them
 * have not ended, more is held; what then no longer has room is let go of at once.
 *
 * A crash of groved lets go of all: a child reads the end of its socket and exits.
 */
#include "kernel/machine/linux/container/leaving.h"

#include "kernel/machine/linux/container/launch.h"

#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* linux/pidfd.h of Linux 6.11, which Debian 12 has not. */
#define GET_MOUNT_NAMESPACE _IO(0xFF, 3)
#define LEAVING_MAX 64u
#define LEAVING_DELAY_NS UINT64_C(3000000)
#define CHILDREN_MAX 4u
#define SHUT_DOWN_WAIT_MS 2000

static int held[LEAVING_MAX];
static unsigned held_count;
static uint64_t timer;

/* Children that close what they were passed. */
static struct child {
    struct launch *launch; /* its stack; NULL: no child */
    int process_descriptor;
} children[CHILDREN_MAX];

int leaving_hold(pid_t process, int process_descriptor) {
    char path[64];
    int descriptor = ioctl(process_descriptor, GET_MOUNT_NAMESPACE, 0);
    if (descriptor >= 0)
        return descriptor;
    (void)snprintf(path, sizeof path, "/proc/%d/ns/mnt", (int)process);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static void close_held(void) {
    while (held_count > 0)
        (void)close(held[--held_count]);
}

static void child_forget(struct child *child) {
    (void)close(child->process_descriptor);
    launch_give_back(child->launch);
    *child = (struct child){0};
}

static void let_go(struct loop *loop, void *context);

static void let_go_later(uint64_t delay_ns) {
    if (timer == 0 && held_count > 0)
        (void)loop_at(linux_machine->loop, machine_clock_ns() + delay_ns, let_go, NULL, &timer);
}

static void child_ended(struct loop *loop, int descriptor, uint32_t events, void *context) {
    siginfo_t info = {0};
    (void)events;
    if (waitid(P_PIDFD, (id_t)descriptor, &info, WEXITED | WNOHANG | __WALL) < 0 || info.si_pid == 0)
        return;
    loop_forget(loop, descriptor);
    child_forget(context);
    let_go_later(0);
}

/* All that is held, to be the child's. False when the message cannot be sent; nothing has changed then. */
static bool pass(int to) {
    union {
        struct cmsghdr header;
        char bytes[CMSG_SPACE(sizeof held)];
    } control = {0};
    char byte = 0;
    struct iovec part = {.iov_base = &byte, .iov_len = 1};
    struct msghdr message = {.msg_iov = &part, .msg_iovlen = 1, .msg_control = control.bytes};
    size_t bytes = held_count * sizeof(int);
    message.msg_controllen = CMSG_SPACE(bytes);
    control.header.cmsg_level = SOL_SOCKET;
    control.header.cmsg_type = SCM_RIGHTS;
    control.header.cmsg_len = CMSG_LEN(bytes);
    (void)memcpy(CMSG_DATA(&control.header), held, bytes);
    return sendmsg(to, &message, MSG_DONTWAIT | MSG_NOSIGNAL) == 1;
}

/* The child goes on when its socket ends, and groved's copies are closed before that: so it is the last. */
static bool child_begin(struct child *child) {
    int ends[2], error;
    pid_t process;
    struct launch *launch = launch_take();
    if (launch == NULL || socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) < 0) {
        if (launch != NULL)
            launch_give_back(launch);
        return false;
    }
    (void)memset(&launch->plan, 0, sizeof launch->plan);
    launch->plan.skip = UINT64_MAX; /* no namespace of its own */
    launch->plan.report = ends[1];
    launch->plan.streams[0] = container_shared.null;
    bool is_begun = pass(ends[0]) &&
                    launch_clone(launch, child_let_go, NULL, &process, &child->process_descriptor, &error) == GROVE_OK;
    (void)close(ends[1]);
    if (is_begun) {
        child->launch = launch;
        close_held();
    } else {
        launch_give_back(launch);
    }
    (void)close(ends[0]);
    return is_begun;
}

static void let_go(struct loop *loop, void *context) {
    struct child *child = children;
    (void)context;
    timer = 0;
    while (child < children + CHILDREN_MAX && child->launch != NULL)
        child++;
    if (child == children + CHILDREN_MAX)
        return; /* goes on when one of them has ended */
    if (!child_begin(child))
        close_held();
    else /* one that cannot be watched keeps its place until the end of groved */
        (void)loop_watch(loop, child->process_descriptor, EPOLLIN, child_ended, child);
}

void leaving_let_go(int mount_namespace) {
    if (mount_namespace < 0)
        return;
    if (held_count == LEAVING_MAX) {
        (void)close(mount_namespace);
        return;
    }
    held[held_count++] = mount_namespace;
    let_go_later(LEAVING_DELAY_NS);
}

void leaving_end_all(void) {
    if (timer != 0)
        loop_cancel(linux_machine->loop, timer);
    timer = 0;
    close_held();
    for (unsigned i = 0; i < CHILDREN_MAX; i++) {
        if (children[i].launch == NULL)
            continue;
        struct pollfd end = {.fd = children[i].process_descriptor, .events = POLLIN};
        if (poll(&end, 1, SHUT_DOWN_WAIT_MS) == 1)
            (void)waitid(P_PIDFD, (id_t)end.fd, &(siginfo_t){0}, WEXITED | WNOHANG | __WALL);
        loop_forget(linux_machine->loop, end.fd);
        child_forget(&children[i]);
    }
}
