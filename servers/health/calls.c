/*
 * CALL: a method answers, and not with an error. The argument is "ENDPOINT NUMBER", made so by the manifest compiler.
 *
 * The channel is made once and kept; it goes on over deaths of the service. An endpoint that is gone closes it.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LANE_BYTES 4096u

static bool read_argument(const char *argument, char *endpoint, size_t endpoint_bytes, uint32_t *method) {
    const char *space = strrchr(argument, ' ');
    char *end;
    if (space == NULL || space == argument || (size_t)(space - argument) >= endpoint_bytes || space[1] == '\0')
        return false;
    unsigned long number = strtoul(space + 1, &end, 10);
    (void)snprintf(endpoint, endpoint_bytes, "%.*s", (int)(space - argument), argument);
    *method = (uint32_t)number;
    return *end == '\0' && number < UINT32_MAX && strchr(endpoint, ' ') == NULL;
}

static int connect_check(struct check *check, const char *endpoint) {
    struct grove_connect_options options = {.session = check->watched->monitor->session,
                                            .lane_bytes = {LANE_BYTES, LANE_BYTES, LANE_BYTES},
                                            .arena_bytes = GROVE_ARENA_NONE};
    return check->channel != NULL ? 0 : grove_connect_with(endpoint, &options, &check->channel);
}

static void on_answer(int status, const struct grove_answer *answer, void *context) {
    struct try *try = context;
    (void)answer;
    if (status == GROVE_CLOSED && try->check != NULL && try->check->channel != NULL) {
        grove_channel_close(try->check->channel);
        try->check->channel = NULL;
    }
    if (status == 0)
        try_end(try, GROVE_CAUSE_NONE, "%s", "");
    else if (status == GROVE_TIMED_OUT)
        try_end(try, GROVE_CAUSE_FAILED_CHECK, "the call was not answered in time");
    else
        try_end(try, GROVE_CAUSE_FAILED_CHECK, "the call failed: %.150s", grove_last_error());
}

void call_start(struct try *try) {
    char endpoint[GROVE_NAME_MAX + 1];
    struct check *check = try->check;
    struct grove_call call = {.timeout_ns = check->plan.timeout_ns};
    if (!read_argument(check->plan.argument, endpoint, sizeof endpoint, &call.method)) {
        try_end(try, GROVE_CAUSE_FAILED_CHECK, "'%.100s' is no endpoint and method: write ENDPOINT NUMBER",
                check->plan.argument);
        return;
    }
    int status = connect_check(check, endpoint);
    if (status == 0)
        status = grove_call_start(check->channel, &call, on_answer, try);
    if (status < 0)
        try_end(try, GROVE_CAUSE_FAILED_CHECK, "%.180s", grove_last_error());
}
