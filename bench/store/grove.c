/*
 * The store of Grove, from outside: durable transactions by one writer and by 64, reads, and reads from the map.
 *
 *     bench-store-grove NAMESPACE ECHO   ($GROVE_SOCKET names the kernel; the namespace has a map; ECHO is bench-echo)
 *
 * A read is measured beside a call of the same size to a service that does nothing. A transaction sets one of 1,000 keys to 64 bytes. The 64 writers are 64 commits outstanding at a time. Prints one line
 * of JSON.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/common/peer.h"
#include "bench/grove/methods.h"
#include "grove/store.h"

#define KEYS 1000u
#define VALUE_BYTES 64u
#define WRITERS 64u
#define ROUNDS 5u
#define ROUND_NS (200 * GROVE_MILLISECOND)
#define READS_A_ROUND 4000u

static char value[VALUE_BYTES];

static void must(int status, const char *what) {
    if (status >= 0)
        return;
    (void)fprintf(stderr, "%s: %s\n", what, grove_last_error());
    exit(1);
}

static size_t key_of(uint64_t number, char key[16]) {
    return (size_t)snprintf(key, 16, "key/%04u", (unsigned)(number * 7919u % KEYS));
}

static double one_writer(struct grove_store *store) {
    double rates[ROUNDS];
    char key[16];
    uint64_t number = 0;
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns(), count = 0;
        for (; bench_now_ns() - begin_ns < ROUND_NS; count++)
            must(grove_store_set(store, key, key_of(number++, key), value, sizeof value, NULL), "set");
        rates[round] = (double)count * 1e9 / (double)(bench_now_ns() - begin_ns);
    }
    return bench_median(rates, ROUNDS);
}

struct load {
    struct grove_store *store;
    uint64_t number, done, end_ns;
    unsigned outstanding;
};

static void begin_one(struct load *load);

static void on_committed(int status, uint64_t version, void *context) {
    struct load *load = context;
    (void)version;
    must(status, "commit");
    load->done++;
    load->outstanding--;
    if (bench_now_ns() < load->end_ns)
        begin_one(load);
}

static void begin_one(struct load *load) {
    struct grove_store_transaction *transaction;
    char key[16];
    must(grove_store_begin(load->store, &transaction), "begin");
    must(grove_store_transaction_set(transaction, NULL, key, key_of(load->number++, key), value, sizeof value, 0),
         "set");
    must(grove_store_commit_start(transaction, on_committed, load), "commit");
    load->outstanding++;
}

static double many_writers(struct grove_session *session, struct grove_store *store) {
    double rates[ROUNDS];
    struct load load = {.store = store};
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns();
        load.end_ns = begin_ns + ROUND_NS;
        load.done = 0;
        while (load.outstanding < WRITERS)
            begin_one(&load);
        while (load.outstanding > 0)
            must(grove_session_dispatch(session, GROVE_SECOND), "dispatch");
        rates[round] = (double)load.done * 1e9 / (double)(bench_now_ns() - begin_ns);
    }
    return bench_median(rates, ROUNDS);
}

static double reads(struct grove_store *store) {
    double times[ROUNDS];
    char key[16];
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns();
        for (unsigned number = 0; number < READS_A_ROUND; number++) {
            struct grove_store_value found;
            must(grove_store_get(store, key, key_of(number, key), &found), "get");
            grove_store_value_release(&found);
        }
        times[round] = (double)(bench_now_ns() - begin_ns) / READS_A_ROUND;
    }
    return bench_median(times, ROUNDS);
}

static double calls(const char *endpoint) {
    double times[ROUNDS];
    struct grove_channel *channel;
    must(grove_connect(endpoint, &channel), "connect");
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns();
        for (unsigned number = 0; number < READS_A_ROUND; number++) {
            struct grove_answer answer;
            struct grove_call call = {
                .method = BENCH_ECHO, .data = value, .length_bytes = sizeof value, .timeout_ns = GROVE_SECOND};
            must(grove_call(channel, &call, &answer), "call");
            grove_answer_release(&answer);
        }
        times[round] = (double)(bench_now_ns() - begin_ns) / READS_A_ROUND;
    }
    grove_channel_close(channel);
    return bench_median(times, ROUNDS);
}

static double map_reads(struct grove_store *store) {
    double times[ROUNDS];
    char key[16], found[VALUE_BYTES];
    struct grove_store_map *map;
    must(grove_store_map_open(store, &map), "map");
    for (unsigned round = 0; round < ROUNDS; round++) {
        size_t bytes = key_of(round, key);
        uint64_t begin_ns = bench_now_ns();
        for (unsigned number = 0; number < 10 * READS_A_ROUND; number++) {
            size_t found_bytes = sizeof found;
            key[bytes - 1] = (char)('0' + number % 10); /* another key each time, at no cost of making one */
            must(grove_store_map_get(map, key, bytes, found, &found_bytes, NULL), "read");
        }
        times[round] = (double)(bench_now_ns() - begin_ns) / (10 * READS_A_ROUND);
    }
    grove_store_map_close(map);
    return bench_median(times, ROUNDS);
}

int main(int argc, char **argv) {
    struct grove_session *session;
    struct grove_store *store;
    if (argc != 3)
        return 2;
    memset(value, 'v', sizeof value);
    must(grove_session_default(&session), "session");
    must(grove_store_open(argv[1], &store), "open");
    double one = one_writer(store), many = many_writers(session, store);
    double call_ns = calls(argv[2]), read_ns = reads(store), map_ns = map_reads(store);
    printf(
        "{\"one_writer\": %.0f, \"many_writers\": %.0f, \"call_ns\": %.0f, \"read_ns\": %.0f, \"map_read_ns\": %.1f}\n",
        one, many, call_ns, read_ns, map_ns);
    grove_store_close(store);
    return 0;
}
