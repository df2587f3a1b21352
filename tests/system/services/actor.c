/*
 * One small native service in several roles, for the tests of the system: `actor ROLE [ENDPOINT [FILE]]`. With a FILE it
 * ends at once with status 3 unless that is there.
 *
 *   counter   keeps, in its state region, which numbers it was told; answers how many, and how often one came twice
 *   teller    tells counter a number every few milliseconds, never the same, and knows how many it told
 *   echo      answers what it was asked
 *   talker    writes a line to each stream when it is asked to, or structured ones, and knows how many of those were lost
 *   greedy    takes as much memory, or makes as many processes, as it is asked to, and keeps them
 *   crasher   ends at once with status 3
 *   silent    runs and never says that it is ready
 *   task      does its work and ends with 0
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/grove.h"

#define NUMBERS_MAX (1u << 20)
#define TELL_PERIOD_NS (2 * GROVE_MILLISECOND)

enum method {
    METHOD_TELL = 1,
    METHOD_COUNT = 2,
    METHOD_SAY = 3,
    METHOD_TOLD = 4,
    METHOD_CRASH = 5,
    METHOD_HOLD = 6,
    METHOD_FORK = 7,
    METHOD_LOG = 8,
    METHOD_FLOOD = 9
};

/* What counter and teller keep between their instances. */
struct kept {
    uint64_t told; /* teller: numbers 1..told were accepted by the channel, or one more (the one under way) */
    uint64_t count; /* counter: different numbers */
    uint64_t doubled; /* counter: came again */
    unsigned char seen[NUMBERS_MAX / 8];
};
static struct kept *kept;

static int open_kept(struct grove_service *service) {
    struct grove_region *region;
    bool is_fresh;
    int status = grove_region_state(grove_service_session(service), sizeof *kept, &region, &is_fresh);
    if (status == 0)
        kept = grove_region_data(region, NULL);
    return status;
}

/* ---- counter ---- */

static int count_number(struct grove_request *request, void *context) {
    uint64_t number;
    (void)context;
    if (grove_request_bytes(request) != sizeof number)
        return grove_fail(request, GROVE_INVALID, "a number has 8 bytes");
    memcpy(&number, grove_request_data(request), sizeof number);
    if (number >= NUMBERS_MAX)
        return grove_fail(request, GROVE_TOO_LARGE, "numbers end at %u", NUMBERS_MAX);
    unsigned char bit = (unsigned char)(1u << (number & 7));
    if ((kept->seen[number / 8] & bit) != 0) {
        kept->doubled++;
        return 0;
    }
    kept->seen[number / 8] |= bit;
    kept->count++;
    return 0;
}

static int say_count(struct grove_request *request, void *context) {
    (void)context;
    uint64_t reply[2] = {kept->count, kept->doubled};
    return grove_reply(request, reply, sizeof reply);
}

/* ---- teller ---- */

static struct grove_channel *counter;

static void tell(struct grove_service *service, void *context) {
    (void)service;
    (void)context;
    uint64_t number = kept->told + 1;
    if (counter == NULL && grove_connect("counter", &counter) < 0)
        return;
    struct grove_call call = {
        .method = METHOD_TELL, .data = &number, .length_bytes = sizeof number, .timeout_ns = GROVE_MILLISECOND};
    if (number < NUMBERS_MAX && grove_send(counter, &call) == 0)
        kept->told = number;
}

static int say_told(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, &kept->told, sizeof kept->told);
}

/* ---- echo, talker ---- */

static int echo(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, grove_request_data(request), grove_request_bytes(request));
}

static int talk(struct grove_request *request, void *context) {
    (void)context;
    printf("out: %.*s\n", (int)grove_request_bytes(request), (const char *)grove_request_data(request));
    (void)fflush(stdout);
    fprintf(stderr, "error: %.*s\n", (int)grove_request_bytes(request), (const char *)grove_request_data(request));
    return 0;
}

static int log_one(struct grove_request *request, void *context) {
    char words[256];
    (void)context;
    (void)snprintf(words, sizeof words, "%.*s", (int)grove_request_bytes(request),
                   (const char *)grove_request_data(request));
    (void)GROVE_LOG(GROVE_LOG_WARNING, words, grove_log_unsigned("bytes", strlen(words)),
                    grove_log_text("by", "talker"));
    return grove_log(GROVE_LOG_DEBUG, "a detail", NULL, 0);
}

/* Reply: how many of so many lines were lost. */
static int flood(struct grove_request *request, void *context) {
    uint64_t wanted = 0, lost = 0;
    (void)context;
    if (grove_request_bytes(request) != sizeof wanted)
        return grove_fail(request, GROVE_INVALID, "a number has 8 bytes");
    memcpy(&wanted, grove_request_data(request), sizeof wanted);
    for (uint64_t number = 0; number < wanted; number++)
        lost += GROVE_LOG(GROVE_LOG_INFO, "flood", grove_log_unsigned("number", number)) < 0;
    return grove_reply(request, &lost, sizeof lost);
}

static int crash(struct grove_request *request, void *context) {
    (void)request;
    (void)context;
    abort();
}

/* ---- greedy ---- */

static int take_number(struct grove_request *request, uint64_t *number) {
    if (grove_request_bytes(request) != sizeof *number)
        return grove_fail(request, GROVE_INVALID, "a number has 8 bytes");
    memcpy(number, grove_request_data(request), sizeof *number);
    return 0;
}

static char *held; /* for the rest of its life */

static int hold(struct grove_request *request, void *context) {
    uint64_t bytes = 0;
    (void)context;
    int status = take_number(request, &bytes);
    if (status < 0 || bytes == 0)
        return status;
    char *memory = held = malloc(bytes);
    if (memory == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "there are no %llu bytes", (unsigned long long)bytes);
    for (uint64_t at = 0; at < bytes; at += 4096)
        ((volatile char *)memory)[at] = 1;
    return status;
}

static int make_processes(struct grove_request *request, void *context) {
    uint64_t wanted = 0, made = 0;
    (void)context;
    int status = take_number(request, &wanted);
    while (made < wanted) {
        pid_t child = fork();
        if (child == 0)
            for (;;)
                (void)pause();
        if (child < 0)
            break;
        made++;
    }
    return status < 0 ? status : grove_reply(request, &made, sizeof made);
}

/* ---- roles ---- */

static int begin_teller(struct grove_service *service) {
    uint32_t timer;
    int status = open_kept(service);
    return status < 0 ? status : grove_service_every(service, TELL_PERIOD_NS, tell, NULL, &timer);
}

static const struct role {
    const char *name;
    int (*begin)(struct grove_service *service);
    struct {
        uint32_t method;
        grove_handler *handler;
    } methods[3];
    bool is_never_ready;
} roles[] = {
    {"counter", open_kept, {{METHOD_TELL, count_number}, {METHOD_COUNT, say_count}, {METHOD_CRASH, crash}}, false},
    {"teller", begin_teller, {{METHOD_TOLD, say_told}}, false},
    {"echo", NULL, {{METHOD_SAY, echo}, {METHOD_CRASH, crash}}, false},
    {"talker", NULL, {{METHOD_SAY, talk}, {METHOD_LOG, log_one}, {METHOD_FLOOD, flood}}, false},
    {"greedy", NULL, {{METHOD_HOLD, hold}, {METHOD_FORK, make_processes}}, false},
    {"silent", NULL, {{METHOD_SAY, echo}}, true},
};

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    const struct role *role = context;
    (void)reason;
    return role->begin == NULL ? 0 : role->begin(service);
}

static int serve(const struct role *role, const char *endpoint) {
    struct grove_service *service;
    struct grove_service_options options = {
        .on_init = on_init, .context = (void *)(uintptr_t)role, .not_ready_yet = role->is_never_ready};
    if (grove_service_create(&options, &service) < 0)
        return grove_report("actor");
    for (unsigned index = 0; index < 3 && role->methods[index].handler != NULL; index++)
        if (grove_service_on(service, endpoint, role->methods[index].method, role->methods[index].handler, NULL) < 0)
            return grove_report("actor");
    return grove_service_run(service) < 0 ? grove_report("actor") : 0;
}

int main(int argument_count, char **arguments) {
    const char *role = argument_count > 1 ? arguments[1] : "";
    if (strcmp(role, "crasher") == 0 || (argument_count > 3 && access(arguments[3], F_OK) != 0))
        return 3;
    if (strcmp(role, "task") == 0)
        return puts("the task is done") < 0;
    for (size_t index = 0; index < sizeof roles / sizeof roles[0]; index++)
        if (strcmp(roles[index].name, role) == 0)
            return serve(&roles[index], argument_count > 2 ? arguments[2] : role);
    fprintf(stderr, "actor: there is no role '%s'\n", role);
    return 2;
}
