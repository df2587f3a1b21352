/* The service that service_test.c has its client call: what each of its methods does. */
#ifndef GROVE_SERVICE_GREETER_TEST_H
#define GROVE_SERVICE_GREETER_TEST_H

#include "lib/testing/fake_kernel.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { ECHO = 1, FAIL = 2, SLOW = 3, LEND = 4, PART = 5, DEFER = 6, COUNT = 7, CRASH = 8, ORDER = 9, NOTHING = 10 };

struct world {
    struct fake_kernel *kernel;
    struct grove_session *client_session;
    struct grove_channel *channel;
    pthread_t server;
    int server_port;
    unsigned handled[16];
    char order[64];
    bool uses_epoll;
};

static inline struct grove_session *open_session(int port) {
    struct grove_session *session = NULL;
    assert_int_equal(grove_session_open(&(struct grove_session_options){.descriptor = port}, &session), 0);
    return session;
}

/* ---- the service under test ---- */

static inline int on_echo(struct grove_request *request, void *context) {
    struct world *world = context;
    world->handled[grove_request_method(request) % 16]++;
    return grove_reply(request, grove_request_data(request), grove_request_bytes(request));
}

static inline int on_fail(struct grove_request *request, void *context) {
    (void)context;
    return grove_fail(request, GROVE_FULL, "feeder %d has no room: remove a reading", 7);
}

static inline int on_lend(struct grove_request *request, void *context) {
    (void)context;
    struct grove_loan loan;
    size_t slice_bytes = 0;
    const uint8_t *slice = grove_request_slice(request, &slice_bytes);
    if (slice == NULL || grove_request_loan(request, slice_bytes, GROVE_SECOND, &loan) < 0)
        return grove_fail(request, GROVE_INVALID, "no slice or no loan");
    for (size_t i = 0; i < slice_bytes; i++)
        ((uint8_t *)loan.data)[i] = (uint8_t)(slice[i] + 1);
    return grove_reply_loan(request, "lent", 4, &loan);
}

static inline int on_part(struct grove_request *request, void *context) {
    (void)context;
    return grove_reply_slice(request, "part", 4, 100, 50);
}

static inline int on_count(struct grove_request *request, void *context) {
    struct world *world = context;
    world->handled[COUNT]++;
    assert_false(grove_request_wants_reply(request));
    assert_int_equal(grove_reply(request, "x", 1), GROVE_WRONG_STATE);
    return 0;
}

static inline int on_order(struct grove_request *request, void *context) {
    struct world *world = context;
    size_t length = strlen(world->order);
    world->order[length] = "HML"[grove_request_lane(request)];
    return 0;
}

static inline int on_nothing(struct grove_request *request, void *context) {
    (void)request;
    (void)context;
    return 0;
}

static struct grove_request *deferred;

static inline void finish_deferred(struct grove_service *service, void *context) {
    (void)service;
    (void)context;
    assert_int_equal(grove_reply(deferred, "late", 4), 0);
    assert_int_equal(grove_reply(deferred, "late", 4), GROVE_WRONG_STATE);
    grove_request_finish(deferred);
}

static inline int on_defer(struct grove_request *request, void *context) {
    struct grove_service *service = *(struct grove_service **)context;
    deferred = request;
    assert_int_equal(grove_request_defer(request), 0);
    return grove_service_after(service, GROVE_MILLISECOND, finish_deferred, NULL, NULL);
}

#endif
