/* ZeroMQ: pair sockets over ipc:// (a Unix socket). The context is made after the fork, as it must be. */
#include "bench/common/peer.h"

#include <unistd.h>
#include <zmq.h>

static void serve(const char *address, int ready) {
    void *context = zmq_ctx_new();
    void *socket = zmq_socket(context, ZMQ_PAIR);
    int unlimited = 0;
    char kind;
    zmq_setsockopt(socket, ZMQ_RCVHWM, &unlimited, sizeof unlimited);
    if (zmq_bind(socket, address) != 0 || write(ready, "", 1) != 1) {
        peer_fail("zeromq bind");
    }
    do {
        zmq_msg_t message;
        zmq_msg_init(&message);
        if (zmq_msg_recv(&message, socket, 0) < 0) {
            peer_fail("zeromq receive");
        }
        kind = *(char *)zmq_msg_data(&message);
        if (kind == 'o') {
            zmq_msg_close(&message);
        } else if (zmq_msg_send(&message, socket, 0) < 0) {
            peer_fail("zeromq send");
        }
    } while (kind != 'q');
    zmq_close(socket);
    zmq_ctx_term(context);
}

static void *dial(const char *address) {
    static void *context;
    if (context == NULL) {
        context = zmq_ctx_new();
    }
    void *socket = zmq_socket(context, ZMQ_PAIR);
    int unlimited = 0;
    zmq_setsockopt(socket, ZMQ_SNDHWM, &unlimited, sizeof unlimited);
    if (zmq_connect(socket, address) != 0) {
        peer_fail("zeromq connect");
    }
    return socket;
}

static void send_one(void *client, const void *data, size_t bytes) {
    if (zmq_send(client, data, bytes, 0) < 0) {
        peer_fail("zeromq send");
    }
}

static void call(void *client, const void *data, size_t bytes) {
    zmq_msg_t message;
    send_one(client, data, bytes);
    zmq_msg_init(&message);
    if (zmq_msg_recv(&message, client, 0) < 0) {
        peer_fail("zeromq receive");
    }
    zmq_msg_close(&message);
}

int main(int argc, char **argv) {
    static const struct peer peer = {
        .name = "zeromq", .serve = serve, .dial = dial, .call = call, .send = send_one, .largest_bytes = 1 << 20};
    return peer_main(&peer, argc, argv);
}
