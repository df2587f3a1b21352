/*
 * One call each. The channel is opened for the call where a session is given, and kept for the process otherwise. What
 * comes back is checked for its length before it is copied.
 */
#include "grove/resource.h"

#include <string.h>

#include "lib/session/error.h"

#define LIBRARY_TAG UINT64_C(0x7262696c) /* "libr": a channel that the program opens itself has tag 0 */
#define PATIENCE_NS (5 * GROVE_SECOND)
#define CASES_MAX 128u

static _Thread_local struct grove_channel *kept; /* of the default session, which belongs to one thread */

static int open_channel(struct grove_session *session, struct grove_channel **channel) {
    const struct grove_connect_options options = {.session = session, .tag = LIBRARY_TAG};
    int status = 0;
    if (session != NULL)
        return grove_connect_with(GROVE_RESOURCE_ENDPOINT, &options, channel);
    if (kept == NULL)
        status = grove_connect_with(GROVE_RESOURCE_ENDPOINT, &options, &kept);
    *channel = kept;
    return status;
}

static void leave_channel(struct grove_session *session, struct grove_channel *channel, int status) {
    if (session == NULL && status != GROVE_CLOSED)
        return;
    grove_channel_close(channel);
    if (session == NULL)
        kept = NULL;
}

/* What takes the answer apart; its status is the call's. */
typedef int answer_reader(const struct grove_answer *answer, void *context);

static int ask(struct grove_session *session, uint32_t method, const void *data, size_t bytes, answer_reader *reader,
               void *context) {
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = open_channel(session, &channel);
    if (status < 0)
        return status;
    status = grove_call(
        channel, &(struct grove_call){.method = method, .data = data, .length_bytes = bytes, .timeout_ns = PATIENCE_NS},
        &answer);
    if (status == 0) {
        status = reader(&answer, context);
        grove_answer_release(&answer);
    }
    leave_channel(session, channel, status);
    return status;
}

static int too_short(void) {
    return error_set(GROVE_CORRUPT, "the answer of system.resource is shorter than it says");
}

/* ---- the machine ---- */

static int read_machine(const struct grove_answer *answer, void *context) {
    if (answer->length_bytes < sizeof(struct grove_machine))
        return too_short();
    memcpy(context, answer->data, sizeof(struct grove_machine));
    return 0;
}

int grove_resource_machine(struct grove_session *session, struct grove_machine *machine) {
    const struct grove_resource_named all = {.version = GROVE_RESOURCE_VERSION};
    return ask(session, GROVE_RESOURCE_MACHINE, &all, sizeof all, read_machine, machine);
}

int grove_resource_overcommit(struct grove_session *session, enum grove_resource resource, uint64_t factor_ppm) {
    struct grove_machine machine;
    const struct grove_resource_factor factor = {
        .version = GROVE_RESOURCE_VERSION, .resource = (uint32_t)resource, .factor_ppm = factor_ppm};
    return ask(session, GROVE_RESOURCE_OVERCOMMIT, &factor, sizeof factor, read_machine, &machine);
}

/* ---- pages ---- */

/* The number of records of this size that follow the page's head, or GROVE_CORRUPT. */
static int records_of(const struct grove_answer *answer, size_t record_bytes, uint32_t most, uint32_t *count) {
    struct grove_resource_page page;
    if (answer->length_bytes < sizeof page)
        return too_short();
    memcpy(&page, answer->data, sizeof page);
    if (page.count > most || (answer->length_bytes - sizeof page) / record_bytes < page.count)
        return too_short();
    *count = page.count;
    return 0;
}

struct history {
    struct grove_resource_sample *samples;
    uint32_t *count;
};

static int read_history(const struct grove_answer *answer, void *context) {
    const struct history *history = context;
    uint32_t count = 0;
    int status = records_of(answer, sizeof *history->samples, GROVE_RESOURCE_SAMPLES, &count);
    if (status < 0)
        return status;
    memcpy(history->samples, (const char *)answer->data + sizeof(struct grove_resource_page),
           count * sizeof *history->samples);
    *history->count = count;
    return 0;
}

int grove_resource_history(struct grove_session *session, const char *service, struct grove_resource_sample *samples,
                           uint32_t *count) {
    struct grove_resource_named named = {.version = GROVE_RESOURCE_VERSION};
    struct history history = {samples, count};
    size_t length = strlen(service);
    if (length > GROVE_NAME_MAX)
        return error_set(GROVE_INVALID, "'%.80s' is longer than a name can be", service);
    memcpy(named.service.text, service, length);
    return ask(session, GROVE_RESOURCE_HISTORY, &named, sizeof named, read_history, &history);
}

struct listing {
    grove_limit_handler *handler;
    void *context;
};

static int read_cases(const struct grove_answer *answer, void *context) {
    const struct listing *listing = context;
    struct grove_limit_case one;
    uint32_t count = 0;
    int status = records_of(answer, sizeof one, CASES_MAX, &count);
    for (uint32_t index = 0; status == 0 && index < count; index++) {
        memcpy(&one, (const char *)answer->data + sizeof(struct grove_resource_page) + index * sizeof one, sizeof one);
        one.service.text[GROVE_NAME_MAX] = '\0';
        status = listing->handler(&one, listing->context);
    }
    return status;
}

int grove_resource_cases(struct grove_session *session, grove_limit_handler *handler, void *context) {
    const struct grove_resource_named all = {.version = GROVE_RESOURCE_VERSION};
    struct listing listing = {handler, context};
    return ask(session, GROVE_RESOURCE_CASES, &all, sizeof all, read_cases, &listing);
}
