/*
 * The raw limits: a plain ring, a plain futex ping-pong and plain spinning, with nothing but the bytes.
 *
 * The ring publishes and completes one by one, as a channel does, and each side looks at the other's position only when
 * what it knew is used up, as a channel does. It cannot wake anybody: a ring whose reader may sleep needs its publishing
 * store to be seen before it looks whether the reader sleeps, a fence for each message and each completion. That limit
 * is measured as well, as one_way_waking_per_s.
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

static uint64_t sleeper; /* nobody sleeps here, but a ring that could wake has to look */

/* Make a position visible; with `wakes`, in the way that a ring must whose other side may be asleep. */
static inline void publish(uint64_t *place, uint64_t position, bool wakes) {
    if (!wakes) {
        __atomic_store_n(place, position, __ATOMIC_RELEASE);
        return;
    }
    __atomic_store_n(place, position, __ATOMIC_SEQ_CST);
    if (__atomic_load_n(&sleeper, __ATOMIC_SEQ_CST) != 0)
        bench_futex_wake(&table->turn);
}

static inline void produce(unsigned operations, bool wakes) {
    uint64_t message[MESSAGE_BYTES / 8u] = {1}, known_read = 0;
    for (uint64_t i = 0; i < operations; i++) {
        while (i - known_read == SLOTS) {
            known_read = __atomic_load_n(&ring->read, __ATOMIC_ACQUIRE);
            if (i - known_read == SLOTS)
                bench_pause();
        }
        message[0] = i;
        memcpy(ring->slot[i % SLOTS], message, sizeof message);
        publish(&ring->written, i + 1u, wakes);
    }
    while (__atomic_load_n(&ring->read, __ATOMIC_ACQUIRE) != operations)
        bench_pause();
}

static inline void consume(unsigned operations, bool wakes) {
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
        publish(&ring->read, i + 1u, wakes);
    }
    seen += sum;
}

static void one_way(int side, unsigned operations) {
    if (side == 0)
        produce(operations, false);
    else
        consume(operations, false);
}

static void one_way_waking(int side, unsigned operations) {
    if (side == 0)
        produce(operations, true);
    else
        consume(operations, true);
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

static void ping_pong(int side, unsigned operations, bool is_spinning) {
    uint64_t bytes[MESSAGE_BYTES / 8u] = {0};
    for (unsigned i = 0; i < operations; i++) {
        if (side == 0) {
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

static void round_trip_asleep(int side, unsigned operations) {
    ping_pong(side, operations, false);
}

static void round_trip_spinning(int side, unsigned operations) {
    ping_pong(side, operations, true);
}

const struct contest raw_contests[] = {
    {"one_way_per_s", "raw", true, 100000, prepare, one_way},
    {"round_trip_same_ns", "raw", false, 2000, prepare, round_trip_asleep},
    {"round_trip_across_ns", "raw", true, 5000, prepare, round_trip_spinning},
    {"round_trip_1m_ns", "raw", true, 5000, prepare,
     round_trip_spinning}, /* by reference: the bytes stay where they are */
    {"one_way_waking_per_s", "raw", true, 100000, prepare, one_way_waking},
};
const unsigned raw_contest_count = sizeof raw_contests / sizeof raw_contests[0];
