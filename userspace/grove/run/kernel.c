/*
 * Choosing and opening the kernel. From here on both are the same: a session.
 */
#include "userspace/grove/run/kernel.h"

#include <errno.h>
#include <string.h>
#include <sys/wait.h>

#include "kernel/machine/linux/linux.h"

/* "cgroup,landlock" as bits. */
static int read_layers(const struct invocation *invocation, uint64_t *layers) {
    static const char *const names[] = {
#define LAYER_NAME(name, number, text) text,
        GROVE_LAYER_TABLE(LAYER_NAME)
#undef LAYER_NAME
            NULL,
    };
    const char *text = command_optional_layers(invocation);
    while (text && *text) {
        size_t length = strcspn(text, ",");
        unsigned layer = 1;
        while (layer < GROVE_LAYER_COUNT &&
               (strlen(names[layer]) != length || strncmp(names[layer], text, length) != 0))
            layer++;
        if (layer == GROVE_LAYER_COUNT)
            return command_fail(invocation, "--optional: \"%.*s\" is no layer; \"grove doctor\" lists them",
                                (int)length, text);
        *layers |= UINT64_C(1) << layer;
        text += length + (text[length] == ',');
    }
    return 0;
}

/* It has ended with a status of its own, and so has said why on standard error. */
static bool has_failed_by_itself(struct run_kernel *kernel) {
    int status = 0;
    pid_t process;
    while ((process = waitpid(kernel->process, &status, 0)) < 0 && errno == EINTR)
        continue;
    kernel->process = 0;
    return process > 0 && WIFEXITED(status) && WEXITSTATUS(status) != 0;
}

static int open_embedded(const struct invocation *invocation, enum run_kernel_choice choice,
                         struct run_kernel *kernel) {
    struct linux_options options = {.embedded = true, .open_with_privileges = choice == RUN_KERNEL_OPEN};
    if (read_layers(invocation, &options.optional_layers) != 0)
        return COMMAND_FAILED;
    int port;
    int status = groved_embedded(&options, &port, &kernel->process);
    if (status < 0)
        return command_fail(invocation, "a kernel for this command cannot be started: %s", grove_status_text(status));
    const struct grove_session_options session_options = {.descriptor = port};
    status = grove_session_open(&session_options, &kernel->session);
    if (status == GROVE_CLOSED && has_failed_by_itself(kernel))
        return COMMAND_FAILED;
    if (status < 0)
        return command_fail_library(invocation, "the kernel of this command does not answer");
    return 0;
}

int run_kernel_open(const struct invocation *invocation, enum run_kernel_choice choice, struct run_kernel *kernel) {
    *kernel = (struct run_kernel){0};
    if (choice != RUN_KERNEL_ANY || !command_kernel_runs(invocation))
        return open_embedded(invocation, choice, kernel);
    return command_connect(invocation, &kernel->session);
}

void run_kernel_close(struct run_kernel *kernel) {
    if (kernel->session)
        grove_session_close(kernel->session);
    kernel->session = NULL;
    if (kernel->process > 0)
        while (waitpid(kernel->process, NULL, 0) < 0 && errno == EINTR)
            continue;
    kernel->process = 0;
}

uint64_t run_kernel_audit_position(const struct run_kernel *kernel) {
    struct grove_message message = {.operation = GROVE_REQUEST_KERNEL_READ};
    int status = grove_kernel_request(kernel->session, &message, NULL, 0, NULL, NULL, 5 * GROVE_SECOND);
    return status < 0 ? 0 : message.body.kernel.audit_sequence;
}
