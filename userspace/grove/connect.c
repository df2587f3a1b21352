/*
 * The session of a command with the running kernel.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#include "userspace/grove/command.h"

const char *command_socket(const struct invocation *invocation) {
    static char *path;
    if (!path && asprintf(&path, "%s/kernel.sock", invocation->run_folder) < 0)
        path = NULL;
    return path ? path : "kernel.sock";
}

/*
 * Whether the process that listens at the other end has ended. Children that a killed kernel was just starting hold the
 * socket for some milliseconds more, and whoever connects meanwhile is never answered.
 */
static bool has_listener_ended(int descriptor) {
    struct ucred listener;
    socklen_t bytes = sizeof(listener);
    if (getsockopt(descriptor, SOL_SOCKET, SO_PEERCRED, &listener, &bytes) < 0 || listener.pid <= 0)
        return false;
    struct pollfd end = {.fd = (int)syscall(SYS_pidfd_open, listener.pid, 0), .events = POLLIN};
    if (end.fd < 0)
        return errno == ESRCH;
    bool has_ended = poll(&end, 1, 0) > 0;
    close(end.fd);
    return has_ended;
}

/* A socket file alone says nothing: the kernel that made it may be dead. */
bool command_kernel_runs(const struct invocation *invocation) {
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    int length = snprintf(address.sun_path, sizeof(address.sun_path), "%s", command_socket(invocation));
    if (length < 0 || (size_t)length >= sizeof(address.sun_path))
        return false;
    int descriptor = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
    if (descriptor < 0)
        return false;
    /* That of somebody else is one too; command_connect says whose. */
    bool runs = connect(descriptor, (struct sockaddr *)&address, sizeof(address)) == 0 ? !has_listener_ended(descriptor)
                                                                                       : errno == EACCES;
    close(descriptor);
    return runs;
}

static struct grove_session *opened;

/* Its port is closed before its socket is: the port knows first. A kernel that is only slow has not ended. */
bool command_kernel_has_ended(void) {
    struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ};
    return opened && grove_kernel_request(opened, &message, NULL, 0, NULL, NULL, GROVE_SECOND / 10) == GROVE_CLOSED;
}

/* Of the kernel that does not answer; 0 if the file does not say. */
static long kernel_process(const struct invocation *invocation) {
    char path[PATH_MAX], text[32] = "";
    snprintf(path, sizeof(path), "%s/kernel.pid", invocation->run_folder);
    FILE *file = fopen(path, "re");
    if (file && !fgets(text, sizeof(text), file))
        text[0] = '\0';
    if (file)
        fclose(file);
    return strtol(text, NULL, 10);
}

/* The socket takes us, so there is a process; it may be stopped, or hang. */
static int fail_silent(const struct invocation *invocation) {
    long process = kernel_process(invocation);
    if (process <= 0)
        return command_fail_library(invocation, "the kernel in %s does not answer", invocation->run_folder);
    return command_fail(
        invocation,
        "the kernel in %s (process %ld) does not answer; if somebody stopped it, \"kill -CONT %ld\" lets it "
        "go on; if it hangs, \"kill -9 %ld\" and \"grove up\" start anew",
        invocation->run_folder, process, process, process);
}

int command_connect(const struct invocation *invocation, struct grove_session **session) {
    if (!opened) {
        const struct grove_session_options options = {.path = command_socket(invocation), .descriptor = -1};
        int status = grove_session_open(&options, &opened);
        if (status == GROVE_NOT_FOUND)
            return command_fail(invocation,
                                "no kernel runs in %s; \"grove up\" starts one, and --run names another folder",
                                invocation->run_folder);
        if (status == GROVE_TIMED_OUT)
            return fail_silent(invocation);
        if (status < 0)
            return command_fail_library(invocation, "the kernel in %s cannot be reached", invocation->run_folder);
    }
    *session = opened;
    return 0;
}
