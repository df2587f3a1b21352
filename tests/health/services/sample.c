/*
 * A service that can be made ill in every way that health and reincarnation are to see: `sample ENDPOINT [ROLE]`.
 *
 *   LOOP      never returns from its handler, and uses the processor
 *   BLOCK     never returns from its handler, and waits for a lock that nobody gives back
 *   CRASH     aborts
 *   LEAK      from now on takes that many bytes every 20 ms, and keeps them
 *   WELL      its registered checks succeed (1) or fail (0) from now on
 *   SLOW      answers after so many milliseconds, each time one more
 *   COUNT     how often ADD was handled, counted in the state region, and how many of them twice
 *   ADD       one way: a number, never the same
 *
 * The role "extension" registers a check with a function and one that it reports.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "grove/health.h"

enum method { LOOP = 1, BLOCK = 2, CRASH = 4, LEAK = 5, WELL = 6, SLOW = 7, COUNT = 8, ADD = 9, SAY = 10 };

#define NUMBERS_MAX (1u << 16)
#define LEAK_PERIOD_NS (20 * GROVE_MILLISECOND)
#define REPORT_PERIOD_NS (50 * GROVE_MILLISECOND)

static struct kept {
    uint64_t count, doubled;
    unsigned char seen[NUMBERS_MAX / 8];
} * kept;
static struct grove_service *service;
static bool is_well = true;
static uint64_t leak_bytes, slow_ms;

static uint64_t number_of(const struct grove_request *request) {
    uint64_t number = 0;
    if (grove_request_bytes(request) >= sizeof number)
        memcpy(&number, grove_request_data(request), sizeof number);
    return number;
}

/* ---- illnesses ---- */

static int loop(struct grove_request *request, void *context) {
    volatile uint64_t turns = 0;
    (void)request;
    (void)context;
    while (turns != UINT64_MAX)
        turns = turns + 1;
    return 0;
}

static int block(struct grove_request *request, void *context) {
    pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    (void)request;
    (void)context;
    (void)pthread_mutex_lock(&lock);
    (void)pthread_mutex_lock(&lock); /* a deadlock with itself */
    return 0;
}

static int crash(struct grove_request *request, void *context) {
    (void)request;
    (void)context;
    abort();
}

static char *last_leaked;

static void leak_once(struct grove_service *self, void *context) {
    (void)self;
    (void)context;
    char *piece = malloc(leak_bytes);
    for (uint64_t at = 0; piece != NULL && at < leak_bytes; at += 4096)
        ((volatile char *)piece)[at] = 1;
    last_leaked = piece; /* those before it are lost: that is the point */
}

static int leak(struct grove_request *request, void *context) {
    uint32_t timer;
    (void)context;
    leak_bytes = number_of(request);
    return grove_service_every(service, LEAK_PERIOD_NS, leak_once, NULL, &timer);
}

static int well(struct grove_request *request, void *context) {
    (void)context;
    is_well = number_of(request) != 0;
    return 0;
}

static int slow(struct grove_request *request, void *context) {
    (void)request;
    (void)context;
    struct timespec span = {.tv_nsec = (long)(slow_ms++ * 1000000 % 1000000000)};
    (void)nanosleep(&span, NULL);
    return 0;
}

/* ---- what must not be lost ---- */

static int add(struct grove_request *request, void *context) {
    uint64_t number = number_of(request);
    (void)context;
    if (number >= NUMBERS_MAX)
        return grove_fail(request, GROVE_TOO_LARGE, "numbers end at %u", NUMBERS_MAX);
    unsigned char bit = (unsigned char)(1u << (number & 7));
    kept->doubled += (kept->seen[number / 8] & bit) != 0;
    kept->count += (kept->seen[number / 8] & bit) == 0;
    kept->seen[number / 8] |= bit;
    return 0;
}

static int count(struct grove_request *request, void *context) {
    (void)context;
    uint64_t reply[2] = {kept->count, kept->doubled};
    return grove_reply(request, reply, sizeof reply);
}

static int say(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply(request, grove_request_data(request), grove_request_bytes(request));
}

/* ---- extensions ---- */

static int own_check(char *sentence, size_t sentence_bytes, void *context) {
    (void)context;
    if (is_well)
        return 0;
    (void)snprintf(sentence, sentence_bytes, "the sample was told to be ill");
    return GROVE_IO;
}

static void report(struct grove_service *self, void *context) {
    (void)self;
    (void)context;
    if (is_well)
        (void)grove_health_report("reported", 0, NULL);
}

static int register_checks(const char *endpoint) {
    uint32_t timer;
    struct grove_health_registration own = {
        .name = "own", .endpoint = endpoint, .interval_ns = 50 * GROVE_MILLISECOND, .failures = 2};
    struct grove_health_registration reported = {.name = "reported",
                                                 .interval_ns = 200 * GROVE_MILLISECOND,
                                                 .timeout_ns = 100 * GROVE_MILLISECOND,
                                                 .failures = 1,
                                                 .severity = GROVE_SEVERITY_CRITICAL};
    int status = grove_health_register(service, &own, own_check, NULL);
    if (status == 0)
        status = grove_health_register(service, &reported, NULL, NULL);
    return status < 0 ? status : grove_service_every(service, REPORT_PERIOD_NS, report, NULL, &timer);
}

/* ---- set-up ---- */

static int on_init(struct grove_service *self, enum grove_start_reason reason, void *context) {
    char **arguments = context;
    struct grove_region *region;
    bool is_fresh;
    (void)reason;
    service = self;
    int status = grove_region_state(grove_service_session(self), sizeof *kept, &region, &is_fresh);
    if (status < 0)
        return status;
    kept = grove_region_data(region, NULL);
    return arguments[2] != NULL && strcmp(arguments[2], "extension") == 0 ? register_checks(arguments[1]) : 0;
}

int main(int argument_count, char **arguments) {
    static const struct {
        enum method number;
        grove_handler *handler;
    } methods[] = {{LOOP, loop}, {BLOCK, block}, {CRASH, crash}, {LEAK, leak}, {WELL, well},
                   {SLOW, slow}, {COUNT, count}, {ADD, add},     {SAY, say}};
    struct grove_service_options options = {.on_init = on_init, .context = arguments};
    struct grove_service *made;
    if (argument_count < 2)
        return 2;
    if (grove_service_create(&options, &made) < 0)
        return grove_report("sample");
    for (size_t index = 0; index < sizeof methods / sizeof methods[0]; index++)
        if (grove_service_on(made, arguments[1], methods[index].number, methods[index].handler, NULL) < 0)
            return grove_report("sample");
    return grove_service_run(made) < 0 ? grove_report("sample") : 0;
}
