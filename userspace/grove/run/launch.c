/*
 * Creating the container, starting it, and waiting: one loop over two descriptors, signals and the session.
 *
 * Signals. What is sent to grove is meant for the program and is passed on. At a terminal the program has one of its own
 * (terminal.c), which signals by itself. Where only some of the streams are a terminal, an embedded kernel leaves the
 * program in grove's process group: then it has the keys' signals already (Ctrl-C), and Ctrl-Z stops that whole group. A
 * program of the running kernel is in a session of its own: the container's init passes the signals of keys on to the
 * program's process group, and the container is frozen while grove is stopped, because a stop has no effect there.
 *
 * If grove is killed, the kernel sees the session end and ends the program.
 */
#include "userspace/grove/run/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "servers/common/exit_text.h"

#define REQUEST_TIMEOUT_NS (10 * GROVE_SECOND)
#define STOP_TIMEOUT_NS (5 * GROVE_SECOND)

static const int passed_signals[] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGWINCH};

static void on_notice(const struct grove_message *notice, const int *objects, unsigned object_count, void *context) {
    struct launch *launch = context;
    for (unsigned i = 0; i < object_count; i++)
        close(objects[i]);
    if (notice->operation == GROVE_NOTICE_LEARNED && launch->learned &&
        notice->body.learned.container == launch->container.id)
        launch->learned(&notice->body.learned.capability, launch->context);
    if (notice->operation != GROVE_NOTICE_CONTAINER_STATE ||
        notice->body.container_state.container != launch->container.container)
        return;
    if (notice->body.container_state.state == GROVE_CONTAINER_STOPPED) {
        launch->exit_cause = notice->body.container_state.exit_cause;
        launch->exit_detail = notice->body.container_state.exit_detail;
        launch->has_ended = true;
    }
}

static bool catch_signals(struct launch *launch) {
    sigset_t set;
    sigemptyset(&set);
    if (launch->kernel->process == 0 || launch->terminal) {
        sigaddset(&set, SIGTSTP);
        sigaddset(&set, SIGCONT);
    }
    for (size_t i = 0; i < sizeof(passed_signals) / sizeof(passed_signals[0]); i++)
        sigaddset(&set, passed_signals[i]);
    if (sigprocmask(SIG_BLOCK, &set, NULL) < 0)
        return false;
    launch->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return launch->signals >= 0;
}

static void control(struct launch *launch, enum grove_container_action action, uint32_t detail) {
    grove_container_control(launch->kernel->session, launch->container.container, action, detail, STOP_TIMEOUT_NS);
}

/* Stop like any program that does not catch it; the shell continues us. */
static void stop_ourselves(struct launch *launch) {
    control(launch, GROVE_ACTION_FREEZE, 0);
    raise(SIGSTOP);
    control(launch, GROVE_ACTION_THAW, 0);
}

static void stop_with_program(struct launch *launch) {
    terminal_stop(launch->terminal);
    control(launch, GROVE_ACTION_SIGNAL, SIGCONT);
}

static bool program_has_it(const struct launch *launch, const struct signalfd_siginfo *signal) {
    const struct grove_spec *spec = launch->spec;
    return signal->ssi_code == SI_KERNEL && launch->kernel->process > 0 && (spec->flags & GROVE_SPEC_TERMINAL);
}

static void pass_signals(struct launch *launch) {
    struct signalfd_siginfo signal;
    while (!launch->has_ended && read(launch->signals, &signal, sizeof(signal)) == (ssize_t)sizeof(signal)) {
        bool asks_to_end = signal.ssi_signo == SIGINT || signal.ssi_signo == SIGTERM;
        launch->was_interrupted |= asks_to_end;
        bool is_of_terminal = signal.ssi_code == SI_KERNEL || signal.ssi_signo == SIGTSTP ||
                              signal.ssi_signo == SIGWINCH || signal.ssi_signo == SIGCONT;
        if (is_of_terminal && terminal_signal(launch->terminal, (int)signal.ssi_signo))
            continue;
        if (signal.ssi_signo == SIGTSTP)
            stop_ourselves(launch);
        else if (signal.ssi_signo == SIGCONT)
            continue;
        else if (launch->interrupt_stops && asks_to_end)
            control(launch, GROVE_ACTION_STOP, 0);
        else if (!program_has_it(launch, &signal))
            control(launch, GROVE_ACTION_SIGNAL, signal.ssi_signo);
    }
}

/* All that has arrived. A session that broke ends the wait: the program is gone with it. */
static bool dispatch(struct launch *launch) {
    int status;
    while ((status = grove_session_dispatch(launch->kernel->session, 0)) == 0 && !launch->has_ended)
        continue;
    return status == 0 || status == GROVE_TIMED_OUT || status == GROVE_AGAIN;
}

static int remaining_ms(uint64_t deadline_ns) {
    if (deadline_ns == GROVE_FOREVER)
        return -1;
    uint64_t now = grove_now_ns();
    uint64_t left = deadline_ns > now ? (deadline_ns - now + 999999) / 1000000 : 0;
    return left < 3600000 ? (int)left : 3600000;
}

static bool wait_for_end(struct launch *launch) {
    uint64_t deadline = launch->timeout_ns ? grove_now_ns() + launch->timeout_ns : GROVE_FOREVER;
    while (!launch->has_ended) {
        struct pollfd sources[2 + TERMINAL_SOURCES] = {
            {.fd = launch->signals, .events = POLLIN},
            {.fd = grove_session_descriptor(launch->kernel->session), .events = POLLIN}};
        int longest = terminal_wait(launch->terminal, sources + 2), left = remaining_ms(deadline);
        int ready = poll(sources, 2 + TERMINAL_SOURCES, longest >= 0 && (left < 0 || longest < left) ? longest : left);
        if (ready < 0 && errno != EINTR)
            return false;
        if (sources[0].revents)
            pass_signals(launch);
        if (!dispatch(launch))
            return false;
        if (!launch->has_ended && terminal_carry(launch->terminal))
            stop_with_program(launch);
        if (!launch->has_ended && deadline != GROVE_FOREVER && grove_now_ns() >= deadline) {
            launch->has_timed_out = true;
            deadline = GROVE_FOREVER;
            control(launch, GROVE_ACTION_STOP, 0);
        }
    }
    return true;
}

static int fail_start(const struct launch *launch, int status, const struct grove_container_reply *reply) {
    const struct grove_spec *spec = launch->spec;
    const char *program = grove_spec_text(spec, spec->executable);
    int error = reply->detail < 0 ? -reply->detail : reply->detail;
    if (reply->layer == GROVE_LAYER_EXECUTE && error == ENOENT) {
        command_fail(launch->invocation,
                     "%s was not found inside the container: it, its interpreter or its loader is not visible there",
                     program);
        return LAUNCH_NOT_FOUND;
    }
    if (reply->layer == GROVE_LAYER_EXECUTE && error == ENOEXEC) {
        command_fail(
            launch->invocation,
            "%s cannot be executed: it is no program of this processor, and a script needs a first line such as "
            "#!/bin/sh",
            program);
        return LAUNCH_CANNOT_EXECUTE;
    }
    if (reply->layer == GROVE_LAYER_EXECUTE) {
        command_fail(launch->invocation, "%s cannot be executed: %s", program, strerror(error));
        return LAUNCH_CANNOT_EXECUTE;
    }
    if (reply->layer == GROVE_LAYER_SCHEDULE && error == EPERM)
        command_fail(
            launch->invocation,
            "%s was not started: the layer schedule refused its class, which takes root or a limit RLIMIT_RTPRIO; "
            "else write class: fair",
            program);
    else if (reply->layer != GROVE_LAYER_NONE && reply->layer < GROVE_LAYER_COUNT)
        command_fail(
            launch->invocation,
            "%s was not started: the sandbox layer %s could not be set up: %s; `grove doctor` tells about layers",
            program, layer_text(reply->layer), error != 0 ? strerror(error) : grove_status_text(status));
    else
        command_fail_library(launch->invocation, "%s was not started", program);
    return LAUNCH_FAILED;
}

/* Objects for the streams that the spec passes, in their order; a closed stream becomes an empty one. */
static unsigned collect_streams(const struct launch *launch, int empty, int *objects) {
    const struct grove_spec *spec = launch->spec;
    const uint8_t modes[] = {spec->stream_in, spec->stream_out, spec->stream_error};
    unsigned count = 0;
    for (int i = 0; i < 3; i++)
        if (modes[i] == GROVE_STREAM_PASSED)
            objects[count++] = fcntl(i, F_GETFD) < 0 ? empty : terminal_stream(launch->terminal, i);
    return count;
}

/* Before anything is said to the person. */
static void give_terminal_back(struct launch *launch) {
    terminal_destroy(launch->terminal);
    launch->terminal = NULL;
}

static int start(struct launch *launch) {
    struct grove_message message = {
        .operation = GROVE_REQUEST_CONTAINER_START,
        .body.container_start = {.container = launch->container.container, .reason = GROVE_START_FRESH}};
    int objects[3];
    int empty = open("/dev/null", O_RDWR | O_CLOEXEC);
    unsigned count = collect_streams(launch, empty, objects);
    int status =
        grove_kernel_request(launch->kernel->session, &message, objects, count, NULL, NULL, REQUEST_TIMEOUT_NS);
    if (empty >= 0)
        close(empty);
    terminal_started(launch->terminal);
    if (status < 0)
        give_terminal_back(launch);
    if (status < 0)
        return fail_start(launch, status, &message.body.container);
    return 0;
}

static int exit_status(const struct launch *launch) {
    if (launch->has_timed_out)
        return LAUNCH_TIMED_OUT;
    switch (launch->exit_cause) {
    case GROVE_EXIT_CODE:
    case GROVE_EXIT_STOPPED:
        return launch->exit_detail;
    case GROVE_EXIT_SIGNAL:
        return LAUNCH_SIGNALLED + launch->exit_detail;
    case GROVE_EXIT_MEMORY:
        command_fail(launch->invocation,
                     launch->exit_detail == GROVE_MEMORY_OF_CONTAINER
                         ? "it was ended because it needed more memory than --memory gives"
                         : "it was ended because the machine, or the group that this runs in, had no more memory");
        return LAUNCH_SIGNALLED + SIGKILL;
    default:
        return LAUNCH_SIGNALLED + SIGKILL;
    }
}

static int create_and_start(struct launch *launch) {
    int status = grove_container_create(launch->kernel->session, launch->spec, launch->spec_bytes, &launch->container);
    if (status < 0) {
        give_terminal_back(launch);
        command_fail_library(launch->invocation, "the container cannot be made");
        return LAUNCH_FAILED;
    }
    return start(launch);
}

int launch_run(struct launch *launch) {
    launch->signals = -1;
    if (!launch->interrupt_stops)
        launch->terminal = terminal_create();
    if (!catch_signals(launch)) {
        command_fail(launch->invocation, "signals cannot be received: %s", strerror(errno));
        return LAUNCH_FAILED;
    }
    grove_session_on_notice(launch->kernel->session, on_notice, launch);
    int status = create_and_start(launch);
    bool has_seen_end = status == 0 && wait_for_end(launch);
    give_terminal_back(launch);
    if (status == 0 && !has_seen_end) {
        command_fail(launch->invocation, "the kernel ended while the program ran%s",
                     command_kernel_has_ended() ? "; \"grove up\" starts it again" : "");
        status = LAUNCH_FAILED;
    } else if (status == 0) {
        status = exit_status(launch);
    }
    grove_session_on_notice(launch->kernel->session, NULL, NULL);
    close(launch->signals);
    return status;
}
