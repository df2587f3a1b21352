/*
 * kill -9 of a service that the registry looks after, until the next instance has answered a call that was sent right
 * after the kill; the median of COUNT.
 *
 *     revive-bench ENDPOINT COUNT
 */
#include "bench/common/peer.h"
#include "bench/grove/methods.h"

#include <grove/grove.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void check(int status, const char *what) {
    if (status < 0) {
        fprintf(stderr, "revive-bench: %s: %s\n", what, grove_last_error());
        exit(1);
    }
}

static uint32_t generation_of(struct grove_channel *channel) {
    struct {
        int32_t process;
        uint32_t generation;
    } who;
    struct grove_answer answer;
    struct grove_call call = {.method = BENCH_WHO, .timeout_ns = 30 * GROVE_SECOND};
    check(grove_call(channel, &call, &answer), "call");
    if (answer.length_bytes != sizeof who) {
        fprintf(stderr, "revive-bench: the service does not answer as bench/grove/echo.c does\n");
        exit(1);
    }
    memcpy(&who, answer.data, sizeof who);
    grove_answer_release(&answer);
    return who.generation;
}

static int32_t process_of(struct grove_session *session, const char *name) {
    struct grove_container_record record;
    uint32_t cursor = 0;
    for (;;) {
        check(grove_container_next(session, &cursor, &record), "find the container");
        if (strcmp(record.name.text, name) == 0) {
            return record.process;
        }
    }
}

int main(int argc, char **argv) {
    struct grove_session *session;
    struct grove_channel *channel;
    if (argc != 3) {
        fprintf(stderr, "usage: revive-bench ENDPOINT COUNT\n");
        return 2;
    }
    size_t count = strtoul(argv[2], NULL, 10);
    double *times = calloc(count + 1, sizeof *times);
    check(grove_session_default(&session), "session");
    check(grove_connect(argv[1], &channel), "connect");
    uint32_t generation = generation_of(channel);
    for (size_t i = 0; i < count; i++) {
        int32_t process = process_of(session, argv[1]);
        bench_settle();
        uint64_t start = bench_now_ns();
        if (kill(process, SIGKILL) < 0) {
            peer_fail("kill");
        }
        /* The first answer may still be of the old instance: the signal takes effect a moment later. */
        uint32_t next;
        do {
            next = generation_of(channel);
        } while (next == generation);
        generation = next;
        times[i] = (double)(bench_now_ns() - start);
    }
    printf("{\"what\": \"revive\", \"median_ns\": %.0f}\n", bench_median(times, count));
    return 0;
}
