/*
 * grove kill: a signal to a service, by the kernel and without asking anybody else.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"signal", 's', "SIGNAL", "which one, by name or number (KILL)"},
    {0},
};

static const struct {
    const char *name;
    uint32_t number;
} signals[] = {
    {"HUP", SIGHUP},   {"INT", SIGINT},   {"QUIT", SIGQUIT}, {"ABRT", SIGABRT},   {"KILL", SIGKILL},
    {"USR1", SIGUSR1}, {"SEGV", SIGSEGV}, {"USR2", SIGUSR2}, {"PIPE", SIGPIPE},   {"ALRM", SIGALRM},
    {"TERM", SIGTERM}, {"CONT", SIGCONT}, {"STOP", SIGSTOP}, {"WINCH", SIGWINCH},
};

static int read_signal(const struct invocation *invocation, uint32_t *number) {
    const char *text = command_value(invocation, "signal");
    *number = SIGKILL;
    if (text == NULL)
        return 0;
    const char *name = strncmp(text, "SIG", 3) == 0 ? text + 3 : text;
    for (size_t index = 0; index < sizeof signals / sizeof signals[0]; index++) {
        if (strcmp(signals[index].name, name) == 0) {
            *number = signals[index].number;
            return 0;
        }
    }
    char *end;
    unsigned long value = strtoul(text, &end, 10);
    if (*end != '\0' || end == text || value == 0 || value > 64)
        return command_misused(invocation, "\"%s\" is no signal; write a name such as KILL, TERM or HUP, or a number",
                               text);
    *number = (uint32_t)value;
    return 0;
}

static int kill_one(const struct invocation *invocation, const char *text, uint32_t number) {
    struct grove_session *session;
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CONTROL};
    int status = command_connect(invocation, &session);
    if (status == 0)
        status = system_name(invocation, text, &message.body.control.name);
    if (status != 0)
        return status;
    message.body.control.action = number == SIGKILL ? GROVE_ACTION_KILL : GROVE_ACTION_SIGNAL;
    message.body.control.detail = number;
    status = grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SYSTEM_TIMEOUT_NS);
    if (status == GROVE_WRONG_STATE)
        return command_fail(invocation, "%s does not run, so there is nothing to send a signal to", text);
    if (status == GROVE_NOT_FOUND)
        return system_unknown(invocation, text);
    return status < 0 ? command_fail_library(invocation, "%s cannot be sent signal %u", text, number) : 0;
}

static int run(struct invocation *invocation) {
    uint32_t number;
    int worst = read_signal(invocation, &number);
    if (worst != 0)
        return worst;
    for (unsigned index = 0; index < invocation->argument_count; index++) {
        int status = kill_one(invocation, invocation->arguments[index], number);
        if (status != 0)
            worst = status;
    }
    if (invocation->json && worst == 0)
        output_json(json_pack("{s:i}", "signal", (int)number));
    return worst;
}

const struct command command_kill = {
    .name = "kill",
    .summary = "send a signal to services",
    .usage = "NAME...",
    .description =
        "Kills services at once, as a crash would, or sends them another signal. What is killed is restarted "
        "by its policy: to stop a service use \"grove stop\". Nothing that was accepted is lost.",
    .examples = "  grove kill grid.historian           as if it had crashed\n"
                "  grove kill -s HUP grid.historian    another signal",
    .operands = COMMAND_OPERANDS_SERVICE,
    .minimum = 1,
    .options = options,
    .run = run,
};
