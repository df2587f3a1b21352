/* Grove's bus, at most once: clients of the kernel whose control socket $GROVE_SOCKET names. */
#include "bench/bus/fanout.h"

#include <grove/bus.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static volatile uint64_t seen;
static _Atomic uint64_t *got;

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "bench: %s: %s\n", what, grove_last_error());
        exit(1);
    }
}

static int on_event(const struct grove_event *event, void *context) {
    uint8_t copy[EVENT_BYTES];
    (void)context;
    memcpy(copy, event->data, EVENT_BYTES);
    seen += copy[0];
    atomic_store_explicit(got, atomic_load_explicit(got, memory_order_relaxed) + 1, memory_order_release);
    return 0;
}

static void read_grove(const char *address, unsigned reader, _Atomic uint64_t *count, _Atomic bool *is_ready) {
    struct grove_session *session;
    (void)address;
    (void)reader;
    got = count;
    check(grove_session_default(&session), "session");
    check(grove_bus_subscribe(NULL, &(struct grove_subscribe){.pattern = "bench.fan"}, on_event, NULL, NULL),
          "subscribe");
    *is_ready = true;
    for (;;)
        (void)grove_session_dispatch(session, 10 * GROVE_SECOND);
}

static void *dial(const char *address) {
    struct grove_session *session;
    (void)address;
    check(grove_session_default(&session), "session");
    return session;
}

static void publish(void *publisher, unsigned events) {
    uint8_t data[EVENT_BYTES];
    for (unsigned i = 0; i < events; i++) {
        memset(data, (int)i, sizeof data);
        check(grove_bus_publish(&(struct grove_publish){
                  .session = publisher, .subject = "bench.fan", .data = data, .length_bytes = sizeof data}),
              "publish");
    }
}

/* The same with a ring of the publisher's own, which readers read without the bus in between. */
static void *dial_direct(const char *address) {
    struct grove_session *session = dial(address);
    check(grove_bus_direct(&(struct grove_direct){.session = session, .pattern = "bench.fan"}), "ring");
    return session;
}

const struct fanout fanout_direct = {.name = "direct", .read = read_grove, .dial = dial_direct, .publish = publish};
const struct fanout fanout_grove = {.name = "grove", .read = read_grove, .dial = dial, .publish = publish};
