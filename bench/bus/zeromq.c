/* ZeroMQ: publish and subscribe over ipc:// (a Unix socket). Contexts are made after the fork, as they must be. */
#include "bench/bus/fanout.h"

#include <stdatomic.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

static void read_zeromq(const char *address, unsigned reader, _Atomic uint64_t *count, _Atomic bool *is_ready) {
    void *context = zmq_ctx_new(), *socket = zmq_socket(context, ZMQ_SUB);
    int unlimited = 0;
    uint64_t got = 0;
    (void)reader;
    zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    zmq_setsockopt(socket, ZMQ_SUBSCRIBE, "", 0);
    if (zmq_connect(socket, address) != 0)
        fanout_fail("zeromq connect");
    *is_ready = true;
    for (;;) {
        uint8_t event[EVENT_BYTES];
        if (zmq_recv(socket, event, sizeof event, 0) < 0)
            fanout_fail("zeromq receive");
        atomic_store_explicit(count, ++got, memory_order_release);
    }
}

/* Bound lazily, with the first publication: the readers have been forked by then. */
static void *dial_zeromq(const char *address) {
    return (void *)(uintptr_t)address;
}

static void publish_zeromq(void *publisher, unsigned events) {
    static void *socket;
    uint8_t event[EVENT_BYTES];
    int unlimited = 0;
    if (socket == NULL) {
        socket = zmq_socket(zmq_ctx_new(), ZMQ_PUB);
        zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
        if (zmq_bind(socket, publisher) != 0)
            fanout_fail("zeromq bind");
        usleep(1000000); /* readers connect again and again until it is there, and subscribe then */
    }
    for (unsigned i = 0; i < events; i++) {
        memset(event, (int)i, sizeof event);
        if (zmq_send(socket, event, sizeof event, 0) < 0)
            fanout_fail("zeromq send");
    }
}

const struct fanout fanout_zeromq = {
    .name = "zeromq", .dials_first = true, .read = read_zeromq, .dial = dial_zeromq, .publish = publish_zeromq};
