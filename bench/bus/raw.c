/*
 * The raw limit: a ring in shared memory with one writer, read in place by all, with nothing but the bytes. Positions only
 * grow. Nobody sleeps: a reader that has read everything lets the others run.
 */
#include "bench/bus/fanout.h"

#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/mman.h>

#define SLOTS 8192u

static struct {
    _Alignas(64) _Atomic uint64_t written;
    _Alignas(64) uint8_t slot[SLOTS][EVENT_BYTES];
} * ring;

static volatile uint64_t seen; /* so that reading is not optimised away */

static void *dial_raw(const char *address) {
    (void)address;
    ring = mmap(NULL, sizeof *ring, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return ring;
}

static void read_raw(const char *address, unsigned reader, _Atomic uint64_t *count, _Atomic bool *is_ready) {
    uint64_t position = 0;
    uint8_t event[EVENT_BYTES];
    (void)address;
    (void)reader;
    *is_ready = true;
    for (;;) {
        uint64_t written = atomic_load_explicit(&ring->written, memory_order_acquire);
        for (; position < written; position++) {
            memcpy(event, ring->slot[position % SLOTS], EVENT_BYTES);
            seen += event[0];
        }
        atomic_store_explicit(count, position, memory_order_release);
        if (ring->written == position)
            sched_yield();
    }
}

static void publish_raw(void *publisher, unsigned events) {
    (void)publisher;
    for (unsigned i = 0; i < events; i++) {
        memset(ring->slot[ring->written % SLOTS], (int)i, EVENT_BYTES);
        atomic_store_explicit(&ring->written, ring->written + 1, memory_order_release);
    }
}

const struct fanout fanout_raw = {
    .name = "raw", .dials_first = true, .read = read_raw, .dial = dial_raw, .publish = publish_raw};
