/*
 * Services that cause requests at each other, for the tests of tracing: `relay ROLE`.
 *
 *   front    answers later: asks middle without waiting, and middle again when it has heard, then answers
 *   middle   waits for back's answer, and tells sink something one way
 *   back     answers at once
 *   sink     takes what it is told
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/grove.h"

enum { METHOD_ASK = 1 };

static struct grove_channel *middle, *back, *sink;

static int reach(const char *name, struct grove_channel **channel) {
    return *channel != NULL ? 0 : grove_connect(name, channel);
}

/* ---- front ---- */

struct waiting {
    struct grove_request *request;
    unsigned left;
};

static void answered(int status, const struct grove_answer *answer, void *context) {
    struct waiting *waiting = context;
    struct grove_call call = {.method = METHOD_ASK, .timeout_ns = 5 * GROVE_SECOND};
    if (status == 0 && waiting->left-- > 0 && grove_call_start(middle, &call, answered, waiting) == 0)
        return;
    if (status < 0)
        (void)grove_fail(waiting->request, status, "middle did not answer: %s", grove_last_error());
    else
        (void)grove_reply(waiting->request, answer->data, answer->length_bytes);
    grove_request_finish(waiting->request);
    free(waiting);
}

static int ask_later(struct grove_request *request, void *context) {
    (void)context;
    struct grove_call call = {.method = METHOD_ASK, .timeout_ns = 5 * GROVE_SECOND};
    struct waiting *waiting = malloc(sizeof *waiting);
    if (waiting == NULL || reach("middle", &middle) < 0 || grove_request_defer(request) < 0) {
        free(waiting);
        return grove_fail(request, GROVE_CLOSED, "middle cannot be reached: %s", grove_last_error());
    }
    *waiting = (struct waiting){.request = request, .left = 1};
    int status = grove_call_start(middle, &call, answered, waiting);
    if (status < 0)
        free(waiting);
    return status;
}

/* ---- middle, back, sink ---- */

static int ask_and_wait(struct grove_request *request, void *context) {
    (void)context;
    struct grove_answer answer;
    struct grove_call call = {.method = METHOD_ASK, .timeout_ns = 5 * GROVE_SECOND};
    if (reach("back", &back) < 0 || reach("sink", &sink) < 0 || grove_call(back, &call, &answer) < 0)
        return grove_fail(request, GROVE_CLOSED, "back cannot be reached: %s", grove_last_error());
    int status = grove_reply(request, answer.data, answer.length_bytes);
    grove_answer_release(&answer);
    return status < 0 ? status : grove_send(sink, &call);
}

static int answer_at_once(struct grove_request *request, void *context) {
    (void)context;
    return grove_request_wants_reply(request) ? grove_reply(request, "42", 2) : 0;
}

static const struct role {
    const char *name;
    grove_handler *handler;
} roles[] = {{"front", ask_later}, {"middle", ask_and_wait}, {"back", answer_at_once}, {"sink", answer_at_once}};

int main(int argument_count, char **arguments) {
    struct grove_service *service;
    for (size_t index = 0; index < sizeof roles / sizeof roles[0] && argument_count == 2; index++) {
        if (strcmp(roles[index].name, arguments[1]) != 0)
            continue;
        if (grove_service_create(NULL, &service) < 0 ||
            grove_service_on(service, roles[index].name, METHOD_ASK, roles[index].handler, NULL) < 0)
            return grove_report("relay");
        return grove_service_run(service) < 0 ? grove_report("relay") : 0;
    }
    (void)fprintf(stderr, "usage: relay front|middle|back|sink\n");
    return 2;
}
