/* NNG: pair sockets over ipc:// (a Unix socket). */
#include "bench/common/peer.h"

#include <nng/nng.h>
#include <nng/protocol/pair0/pair.h>
#include <nng/supplemental/util/platform.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void check(int result, const char *what) {
    if (result != 0) {
        peer_fail(what);
    }
}

static void serve(const char *address, int ready) {
    nng_socket socket;
    char kind;
    check(nng_pair0_open(&socket), "nng open");
    check(nng_socket_set_size(socket, NNG_OPT_RECVMAXSZ, 0), "nng option");
    check(nng_listen(socket, address, NULL, 0), "nng listen");
    if (write(ready, "", 1) != 1) {
        peer_fail("ready");
    }
    do {
        nng_msg *message;
        check(nng_recvmsg(socket, &message, 0), "nng receive");
        kind = *(char *)nng_msg_body(message);
        if (kind == 'o') {
            nng_msg_free(message);
        } else {
            check(nng_sendmsg(socket, message, 0), "nng send");
        }
    } while (kind != 'q');
    nng_msleep(50); /* its sender thread delivers the last answer in the background */
    nng_close(socket);
}

static void *dial(const char *address) {
    nng_socket *socket = malloc(sizeof *socket);
    check(nng_pair0_open(socket), "nng open");
    check(nng_socket_set_size(*socket, NNG_OPT_RECVMAXSZ, 0), "nng option");
    check(nng_dial(*socket, address, NULL, 0), "nng dial");
    return socket;
}

static void send_one(void *client, const void *data, size_t bytes) {
    void *unwritten; /* nng takes a plain pointer and, without a flag, only reads what it points to */
    memcpy(&unwritten, &data, sizeof unwritten);
    check(nng_send(*(nng_socket *)client, unwritten, bytes, 0), "nng send");
}

static void call(void *client, const void *data, size_t bytes) {
    nng_msg *message;
    send_one(client, data, bytes);
    check(nng_recvmsg(*(nng_socket *)client, &message, 0), "nng receive");
    nng_msg_free(message);
}

int main(int argc, char **argv) {
    static const struct peer peer = {
        .name = "nng", .serve = serve, .dial = dial, .call = call, .send = send_one, .largest_bytes = 1 << 20};
    return peer_main(&peer, argc, argv);
}
