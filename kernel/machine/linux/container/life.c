/*
 * The life of an instance after its clone, as groved sees it.
 *
 *     set-up socket says          and then                                    the core hears
 *     LISTENER                    the listener is fetched, the child goes on  -
 *     FAILED                      the process ends                            started, with the layer
 *     EXECUTING, then closed      (no small init) the program runs            started
 *     RUNNING                     (small init) the program runs               started
 *     ENDED                       (small init) the program's own status       -
 *     the process ends            everything of the instance is closed        exited, or started with a failure
 *
 * The core hears of exactly one of "started with a failure" and "started, later exited". What the socket says is read
 * to its end before an end of the process is acted upon, so the order in which the loop sees the two does not matter. A
 * container that took over its small init can lie in ENDED about its own exit status, and in nothing else.
 */
#include "kernel/machine/linux/container/container.h"
#include "kernel/machine/linux/container/leaving.h"
#include "kernel/machine/linux/recovery/recovery.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- the set-up socket ---- */

static void announce(struct container *container) {
    if (container->was_announced || container->has_failed)
        return;
    container->was_announced = true;
    launch_done(container);
    container->phase = CONTAINER_RUNNING;
    warnings_begin(container);
    victims_begin(container);
    container->mount_namespace = leaving_hold(container->process, container->process_descriptor);
    core_container_started(linux_machine->core, container->index, GROVE_OK, GROVE_LAYER_NONE, 0);
    if (container->is_ready_early)
        core_container_ready(linux_machine->core, container->index);
    container->is_ready_early = false;
}

int life_listen(struct container *container, int process_descriptor, int number, int *error) {
    long listener = syscall(SYS_pidfd_getfd, process_descriptor, number, 0);
    *error = listener < 0 ? errno : ENOMEM;
    int result = listener < 0 ? GROVE_IO : broker_attach(container->index, (int)listener);
    container->has_listener = result == GROVE_OK;
    return result;
}

void life_listen_no_more(struct container *container) {
    if (container->has_listener)
        broker_detach(container->index);
    container->has_listener = false;
}

/* Without the go-ahead byte the child gives up, and says that its filter could not be set up. */
static void fetch_listener(struct container *container, const struct report *report) {
    int error;
    if (container->is_executing || container->has_failed || container->has_listener)
        return;
    if (life_listen(container, container->process_descriptor, report->value, &error) == GROVE_OK) {
        (void)send(container->report, "g", 1, MSG_DONTWAIT | MSG_NOSIGNAL);
        return;
    }
    container->has_failed = true;
    container->failed_layer = GROVE_LAYER_SECCOMP;
    container->failed_error = error;
    (void)shutdown(container->report, SHUT_RDWR);
}

static void report_failed(struct container *container, const struct report *report) {
    if (container->was_announced || container->has_failed)
        return;
    container->has_failed = true;
    container->failed_layer = report->layer < GROVE_LAYER_COUNT ? (enum grove_layer)report->layer : GROVE_LAYER_NONE;
    container->failed_error = report->error;
}

static void report_take(struct container *container, const struct report *report) {
    switch (report->kind) {
    case REPORT_FAILED:
        report_failed(container, report);
        break;
    case REPORT_LISTENER:
        fetch_listener(container, report);
        break;
    case REPORT_EXECUTING:
        container->is_executing = true;
        break;
    case REPORT_RUNNING:
        announce(container);
        break;
    case REPORT_ENDED:
        container->has_ended = true;
        container->end_status = report->value;
        break;
    default:
        break;
    }
}

static void report_close(struct container *container) {
    if (container->report < 0)
        return;
    loop_forget(linux_machine->loop, container->report);
    (void)close(container->report);
    container->report = -1;
}

/* Bounded: a child has five things to say, and a hostile init that says more only delays its own end. */
static void report_read(struct container *container) {
    struct report report;
    for (unsigned i = 0; i < 8 && container->report >= 0; i++) {
        ssize_t length = recv(container->report, &report, sizeof report, MSG_DONTWAIT);
        if (length == (ssize_t)sizeof report) {
            report_take(container, &report);
            continue;
        }
        if (length < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        report_close(container);
        if (container->is_executing && (container->spec->flags & GROVE_SPEC_NATIVE) != 0)
            announce(container);
    }
}

static void report_readable(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)loop;
    (void)descriptor;
    (void)events;
    report_read(context);
}

/*
 * INIT lies in its port before it is executed, so a program may speak there before the loop has come to the end of its
 * set-up socket. That end was there first: the kernel closes the child's side before the program's first instruction.
 */
void container_heard(machine_container index) {
    struct container *container = container_find(index);
    if (container != NULL && container->phase == CONTAINER_STARTING)
        report_read(container);
}

/* ---- the end ---- */

struct ending {
    enum grove_exit_cause cause;
    int32_t detail;
};

static struct ending ending_of_status(const struct container *container, int status) {
    bool is_signal = WIFSIGNALED(status);
    if (is_signal && WTERMSIG(status) == SIGKILL && container->is_killed)
        return (struct ending){GROVE_EXIT_KILLED, 0};
    if (container->cgroup != NULL && cgroup_memory_kills(container->cgroup) > container->memory_kills &&
        (is_signal ? WTERMSIG(status) == SIGKILL : WEXITSTATUS(status) != 0))
        return (struct ending){GROVE_EXIT_MEMORY, 0};
    return is_signal ? (struct ending){GROVE_EXIT_SIGNAL, WTERMSIG(status)}
                     : (struct ending){GROVE_EXIT_CODE, WEXITSTATUS(status)};
}

/* The small init's own death by a signal says more than what it told before. */
static struct ending ending_of(const struct container *container, const siginfo_t *info) {
    bool is_signal = info->si_code == CLD_KILLED || info->si_code == CLD_DUMPED;
    int status = is_signal ? info->si_status : (info->si_status & 0xff) << 8;
    return ending_of_status(container, container->has_ended && !is_signal ? container->end_status : status);
}

void life_close(struct container *container) {
    report_close(container);
    if (container->process_descriptor >= 0) {
        loop_forget(linux_machine->loop, container->process_descriptor);
        (void)close(container->process_descriptor);
        container->process_descriptor = -1;
    }
    if (container->freeze_timer != 0)
        loop_cancel(linux_machine->loop, container->freeze_timer);
    container->freeze_timer = 0;
    life_listen_no_more(container);
    leaving_let_go(container->mount_namespace);
    container->mount_namespace = -1;
    if ((container->spec->flags & GROVE_SPEC_NATIVE) != 0)
        port_close(container->index);
    warnings_end(container);
    victims_end(container);
    limits_end(container);
    notify_close(container);
    recovery_forget(container->index);
    launch_release(container);
    container->processor_before_ns += container->tree_processor_ns;
    container->tree_processor_ns = 0;
    container->process = 0;
    container->phase = CONTAINER_IDLE;
}

static void tell_failed_start(struct container *container) {
    int status = GROVE_LAYER_MISSING;
    if (!container->has_failed) {
        container->failed_layer = GROVE_LAYER_NONE;
        container->failed_error = 0;
        status = container->is_killed ? GROVE_CANCELLED : GROVE_IO;
    } else if (container->failed_layer == GROVE_LAYER_EXECUTE) {
        status = container->failed_error == ENOENT ? GROVE_NOT_FOUND : GROVE_IO;
    }
    core_container_started(linux_machine->core, container->index, status, container->failed_layer,
                           container->failed_error);
}

static void process_ended(struct loop *loop, int descriptor, uint32_t events, void *context) {
    struct container *container = context;
    siginfo_t info = {0};
    (void)loop;
    (void)events;
    if (waitid(P_PIDFD, (id_t)descriptor, &info, WEXITED | WNOHANG | __WALL) < 0 || info.si_pid == 0)
        return;
    report_read(container);
    struct ending ending = ending_of(container, &info);
    /* With the process namespace left out, children of the first process may still be there. */
    if (container->cgroup != NULL && !container->has_own_processes)
        cgroup_kill(container->cgroup);
    bool had_started = container->was_announced;
    if (had_started && ending.cause == GROVE_EXIT_MEMORY)
        ending.detail = (int32_t)warnings_killed_for_memory(container);
    life_close(container);
    if (had_started)
        core_container_exited(linux_machine->core, container->index, ending.cause, ending.detail);
    else
        tell_failed_start(container);
}

int life_watch(struct container *container) {
    int result = loop_watch(linux_machine->loop, container->report, EPOLLIN, report_readable, container);
    if (result < 0)
        return result;
    return loop_watch(linux_machine->loop, container->process_descriptor, EPOLLIN, process_ended, container);
}
