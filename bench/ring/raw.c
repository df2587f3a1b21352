/*
 * The raw limits: a plain ring, a plain futex ping-pong and plain spinning, with nothing but the bytes.
 */
#include "bench/ring/bench.h"

#include <string.h>

#define MESSAGE_BYTES 64u
#define SLOTS 4096u

static struct {
    _Alignas(64) uint64_t written;
    _Alignas(64) uint64_t read;
    _Alignas(64) uint8_t slot[SLOTS][MESSAGE_BYTES];
} * ring;

static struct {
    _Alignas(64) uint32_t turn;
    _Alignas(64) uint64_t question[MESSAGE_BYTES / 8u];
    _Alignas(64) uint64_t answer[MESSAGE_BYTES / 8u];
} * table;

static uint64_t seen; /* so that reading is not optimised away */

static void prepare(void) {
    if (ring == 0)
        ring = bench_shared(sizeof *ring);
    if (table == 0)
        table = bench_shared(sizeof *table);
    ring->written = ring->read = 0;
    table->turn = 0;
}

static void produce(unsigned operations) {
    uint64_t message[MESSAGE_BYTES / 8u] = {1}, known_read = 0;
    for (uint64_t i = 0; i < operations; i++) {
        while (i - known_read == SLOTS) {
            known_read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
            if (i - known_read == SLOTS)
                bench_pause();
        }
        message[0] = i;
        memcpy(ring->slot[i % SLOTS], message, sizeof message);
        __atomic_store_n(&ring->written, i + 1u, __ATOMIC_RELEASE);
    }
    while (__atomic_load_n(&ring->read, __ATOMIC_ACQUIRE) != operations)
        bench_pause();
}

static void consume(unsigned operations) {
    uint64_t known_written = 0, sum = 0;
    for (uint64_t i = 0; i < operations; i++) {
        while (i == known_written) {
            known_written = __atomic_load_n(&ring->written, __ATOMIC_ACQUIRE);
            if (i == known_written)
                bench_pause();
        }
        uint64_t message[MESSAGE_BYTES / 8u];
        memcpy(message, ring->slot[i % SLOTS], sizeof message);
        sum += message[0] + message[7];
        __atomic_store_n(&ring->read, i + 1u, __ATOMIC_RELEASE);
    }
    seen += sum;
}

static void one_way(int thread, unsigned operations) {
    if (thread == 0)
        produce(operations);
    else
        consume(operations);
}

/* Wait until it is the turn of `mine`: asleep, or spinning. */
static void wait_turn(uint32_t mine, bool is_spinning) {
    uint32_t turn;
    while ((turn = __atomic_load_n(&table->turn, __ATOMIC_ACQUIRE)) != mine) {
        if (is_spinning)
            bench_pause();
        else
            bench_futex_wait(&table->turn, turn);
    }
}

static void give_turn(uint32_t other, bool is_spinning) {
    __atomic_store_n(&table->turn, other, __ATOMIC_RELEASE);
    if (!is_spinning)
        bench_futex_wake(&table->turn);
}

static void ping_pong(int thread, unsigned operations, bool is_spinning) {
    uint64_t bytes[MESSAGE_BYTES / 8u] = {0};
    for (unsigned i = 0; i < operations; i++) {
        if (thread == 0) {
            memcpy(table->question, bytes, sizeof bytes);
            give_turn(2u * i + 1u, is_spinning);
            wait_turn(2u * i + 2u, is_spinning);
            memcpy(bytes, table->answer, sizeof bytes);
        } else {
            wait_turn(2u * i + 1u, is_spinning);
            memcpy(bytes, table->question, sizeof bytes);
            memcpy(table->answer, bytes, sizeof bytes);
            give_turn(2u * i + 2u, is_spinning);
        }
    }
    seen += bytes[0];
}

static void round_trip_asleep(int thread, unsigned operations) {
    ping_pong(thread, operations, false);
}

static void round_trip_spinning(int thread, unsigned operations) {
    ping_pong(thread, operations, true);
}

const struct contest raw_contests[] = {
    {"one_way_per_s", "raw", true, 100000, prepare, one_way},
    {"round_trip_same_ns", "raw", false, 2000, prepare, round_trip_asleep},
    {"round_trip_across_ns", "raw", true, 5000, prepare, round_trip_spinning},
};
const unsigned raw_contest_count = sizeof raw_contests / sizeof raw_contests[0];
