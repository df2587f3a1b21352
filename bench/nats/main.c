/*
 * Two programs that speak with each other through a NATS server, both with the client library for C: nats-bench URL [TOKEN].
 *
 * Prints one line of JSON: messages of 64 bytes that one publishes and another gets, in a second, and how long a request
 * and its answer take. The publisher stays at most WINDOW messages ahead of the other, so that no server is credited with
 * what nobody got. The other one is a process of its own, forked before the library starts its threads.
 */
#include "bench/common/peer.h"

#include <nats/nats.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <unistd.h>

#define MESSAGE_BYTES 64
#define WINDOW 2048u
#define BATCH 64u
#define ROUNDS 7u
#define ROUND_NS UINT64_C(400000000)
#define REQUESTS 500u
#define PATIENCE_MS 10000
#define PATIENCE_NS UINT64_C(10000000000)

static struct shared {
    _Atomic uint64_t got;
    _Atomic bool is_ready;
} * shared;

static void must(natsStatus status, const char *what) {
    if (status == NATS_OK)
        return;
    (void)fprintf(stderr, "nats-bench: %s: %s\n", what, natsStatus_GetText(status));
    exit(1);
}

/* With `at_once` nothing is gathered before it is sent: requests wait for it. */
static natsConnection *dial(const char *url, const char *token, bool at_once) {
    natsOptions *options = NULL;
    natsConnection *connection = NULL;
    must(natsOptions_Create(&options), "options");
    must(natsOptions_SetURL(options, url), "address");
    must(natsOptions_SetSendAsap(options, at_once), "sending at once");
    if (token != NULL)
        must(natsOptions_SetToken(options, token), "token");
    must(natsConnection_Connect(&connection, options), "connect");
    natsOptions_Destroy(options);
    return connection;
}

/* ---- the other one ---- */

static void on_message(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure) {
    (void)connection;
    (void)subscription;
    (void)closure;
    atomic_fetch_add_explicit(&shared->got, 1, memory_order_release);
    natsMsg_Destroy(message);
}

static void on_request(natsConnection *connection, natsSubscription *subscription, natsMsg *message, void *closure) {
    (void)subscription;
    (void)closure;
    must(natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                                natsMsg_GetDataLength(message)),
         "answer");
    natsMsg_Destroy(message);
}

static _Noreturn void listen_to(const char *url, const char *token) {
    natsConnection *connection = dial(url, token, false), *quick = dial(url, token, true);
    natsSubscription *stream = NULL, *requests = NULL;
    must(natsConnection_Subscribe(&stream, connection, "bench.stream", on_message, NULL), "subscribe");
    must(natsSubscription_SetPendingLimits(stream, -1, -1), "limits");
    must(natsConnection_Subscribe(&requests, quick, "bench.request", on_request, NULL), "subscribe");
    must(natsConnection_FlushTimeout(connection, PATIENCE_MS), "flush");
    must(natsConnection_FlushTimeout(quick, PATIENCE_MS), "flush");
    shared->is_ready = true;
    for (;;)
        pause();
}

/* ---- measuring ---- */

static void wait_for(uint64_t least) {
    uint64_t end_ns = bench_now_ns() + PATIENCE_NS;
    while (shared->got < least) {
        sched_yield();
        if (bench_now_ns() > end_ns)
            peer_fail("messages were lost");
    }
}

static double publish_round(natsConnection *connection, uint64_t *published) {
    char data[MESSAGE_BYTES];
    uint64_t begin_ns = bench_now_ns(), first = *published;
    memset(data, 'x', sizeof data);
    while (bench_now_ns() - begin_ns < ROUND_NS) {
        for (unsigned i = 0; i < BATCH; i++)
            must(natsConnection_Publish(connection, "bench.stream", data, sizeof data), "publish");
        *published += BATCH;
        if (*published > WINDOW)
            wait_for(*published - WINDOW);
    }
    wait_for(*published);
    return (double)(*published - first) * 1e9 / (double)(bench_now_ns() - begin_ns);
}

static double request_round(natsConnection *connection) {
    char data[MESSAGE_BYTES];
    memset(data, 'x', sizeof data);
    uint64_t begin_ns = bench_now_ns();
    for (unsigned i = 0; i < REQUESTS; i++) {
        natsMsg *answer = NULL;
        must(natsConnection_Request(&answer, connection, "bench.request", data, sizeof data, PATIENCE_MS), "request");
        natsMsg_Destroy(answer);
    }
    return (double)(bench_now_ns() - begin_ns) / REQUESTS;
}

int main(int argument_count, char **arguments) {
    double rates[ROUNDS], times[ROUNDS];
    uint64_t published = 0;
    if (argument_count < 2) {
        (void)fprintf(stderr, "usage: nats-bench URL [TOKEN]\n");
        return 2;
    }
    const char *token = argument_count > 2 ? arguments[2] : NULL;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid_t child = fork();
    if (child == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        listen_to(arguments[1], token);
    }
    uint64_t end_ns = bench_now_ns() + PATIENCE_NS;
    while (!shared->is_ready && bench_now_ns() < end_ns)
        (void)usleep(1000);
    natsConnection *connection = dial(arguments[1], token, false), *quick = dial(arguments[1], token, true);
    for (unsigned i = 0; i < ROUNDS; i++)
        rates[i] = publish_round(connection, &published);
    for (unsigned i = 0; i < ROUNDS; i++)
        times[i] = request_round(quick);
    (void)kill(child, SIGKILL);
    printf("{\"pub_sub_per_s\": %.0f, \"request_ns\": %.0f}\n", bench_median(rates, ROUNDS),
           bench_median(times, ROUNDS));
    return 0;
}
