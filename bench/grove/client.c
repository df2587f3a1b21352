/*
 * Grove as one of the peers, and what only Grove has: 1 MiB by loan. The service is started by bench/run; this program
 * is an ordinary client of the kernel whose control socket $GROVE_SOCKET names. Address: the endpoint.
 */
#include "bench/common/peer.h"
#include "bench/grove/methods.h"

#include <grove/grove.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "bench: %s: %s\n", what, grove_last_error());
        exit(1);
    }
}

static void *dial(const char *address) {
    struct grove_connect_options options = {.lane_bytes = {1 << 16, 4 << 20, 1 << 20}, .arena_bytes = 8 << 20};
    struct grove_channel *channel;
    check(grove_connect_with(address, &options, &channel), "connect");
    return channel;
}

static void call_method(struct grove_channel *channel, uint32_t method, const void *data, size_t bytes) {
    struct grove_answer answer;
    struct grove_call call = {.method = method, .data = data, .length_bytes = bytes, .timeout_ns = 10 * GROVE_SECOND};
    check(grove_call(channel, &call, &answer), "call");
    grove_answer_release(&answer);
}

static void place(void *client, int processor) {
    call_method(client, BENCH_PLACE, &processor, sizeof processor);
}

static void call_loan(struct grove_channel *channel, size_t bytes) {
    struct grove_loan loan;
    struct grove_answer answer;
    check(grove_loan(channel, bytes, GROVE_SECOND, &loan), "loan");
    ((unsigned char *)loan.data)[0] = 1;
    struct grove_call call = {.method = BENCH_LEND, .loan = &loan, .timeout_ns = 10 * GROVE_SECOND};
    check(grove_call(channel, &call, &answer), "call with a loan");
    grove_answer_release(&answer);
}

/* Small calls are copied, large ones lent: what a user of the library would do. */
static void call(void *client, const void *data, size_t bytes) {
    if (bytes > 65536) {
        call_loan(client, bytes);
    } else {
        call_method(client, BENCH_ECHO, data, bytes);
    }
}

static void send_one(void *client, const void *data, size_t bytes) {
    struct grove_call call = {
        .method = BENCH_SINK, .data = data, .length_bytes = bytes, .timeout_ns = 10 * GROVE_SECOND};
    check(grove_send(client, &call), "send");
}

int main(int argc, char **argv) {
    static const struct peer peer = {
        .name = "grove", .dial = dial, .call = call, .send = send_one, .largest_bytes = 1 << 20, .place = place};
    return peer_main(&peer, argc, argv);
}
