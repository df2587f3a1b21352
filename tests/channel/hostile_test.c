/*
 * A hostile peer: a thread that writes garbage, random and well aimed, into everything it can write, all the while an
 * honest end works with it. Built with the address and undefined-behaviour sanitizers by `make test`.
 *
 * What it shows: nothing but errors comes out, no pointer leaves the segments, and every operation ends (the test does).
 * Aimed garbage matters: pure noise is refused at the first position and never reaches slices and take-over.
 */
#include "tests/channel/victim.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROUNDS 20000u
#define STEPS 60u

struct attacker {
    struct grove_channel_layout layout;
    uint8_t *segment;
    uint64_t seed;
    bool is_over;
};

static uint64_t next_random(void *context) {
    uint64_t *seed = context; /* xorshift64*, Vigna 2016 */
    *seed ^= *seed >> 12;
    *seed ^= *seed << 25;
    *seed ^= *seed >> 27;
    return *seed * UINT64_C(2685821657736338717) >> 16;
}

static uint64_t choose(struct attacker *attacker, uint64_t count) {
    return next_random(&attacker->seed) % count;
}

/* Racing stores on purpose: as words, so that only the victim's reading is tested and not this compiler's mood. */
static void put(void *place, uint64_t value) {
    __atomic_store_n((uint64_t *)place, value, __ATOMIC_RELAXED);
}

static uint64_t nasty_value(struct attacker *attacker) {
    uint64_t lane = attacker->layout.lane_bytes[0];
    const uint64_t values[] = {0,
                               1,
                               15,
                               16,
                               32,
                               lane - 16u,
                               lane,
                               lane + 16u,
                               UINT32_MAX,
                               UINT64_MAX,
                               UINT64_MAX - 15u,
                               choose(attacker, 2u * lane) & ~UINT64_C(15),
                               next_random(&attacker->seed)};
    return values[choose(attacker, sizeof values / sizeof values[0])];
}

static void scribble(struct attacker *attacker) {
    uint64_t words = choose(attacker, 2) == 0 ? sizeof(struct grove_control) / 8u : attacker->layout.total_bytes / 8u;
    put(attacker->segment + choose(attacker, words) * 8u, nasty_value(attacker));
}

/* A record that looks right, at the write position, with slices that may not be. */
static void plant(struct attacker *attacker) {
    struct grove_control *control = (void *)attacker->segment;
    unsigned lane = (unsigned)choose(attacker, GROVE_LANES);
    uint64_t write = __atomic_load_n(&control->out[lane].write_position, __ATOMIC_RELAXED) & ~UINT64_C(15);
    uint64_t lane_bytes = attacker->layout.lane_bytes[lane], to_end = lane_bytes - (write & (lane_bytes - 1u));
    uint32_t slices = (uint32_t)choose(attacker, 3);
    struct grove_record record = {.size_bytes = 32u + 96u,
                                  .length_bytes = 96,
                                  .number = choose(attacker, 8),
                                  .kind = (uint8_t)(1u + choose(attacker, 6)),
                                  .flags = slices != 0 ? GROVE_RECORD_SLICES : 0,
                                  .slices = (uint16_t)slices};
    if (to_end < record.size_bytes)
        record = (struct grove_record){.size_bytes = (uint32_t)to_end, .kind = GROVE_RECORD_PAD};
    uint64_t words[16] = {0};
    memcpy(words, &record, sizeof record);
    for (unsigned i = 0; i < 6u; i++)
        words[4u + i] =
            choose(attacker, 3) == 0 ? nasty_value(attacker) : choose(attacker, 2) * GROVE_ARENA_GRANULE + 1u;
    uint8_t *lane_base = attacker->segment + attacker->layout.lane_offset_bytes[lane] + (write & (lane_bytes - 1u));
    for (uint64_t i = 0; i < 16u && (i + 1u) * 8u <= to_end; i++)
        put(lane_base + i * 8u, words[i]);
    put(&control->out[lane].write_position, write + record.size_bytes);
}

/* Go along with what the victim has sent, so that it goes on. */
static void follow(struct attacker *attacker, const uint8_t *victim) {
    const struct grove_control *theirs = (const void *)victim;
    struct grove_control *control = (void *)attacker->segment;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        put(&control->in[lane].read_position, __atomic_load_n(&theirs->out[lane].write_position, __ATOMIC_RELAXED));
}

static void start_over(struct attacker *attacker) {
    for (uint64_t i = 0; i < sizeof(struct grove_control) / 8u; i++)
        put(attacker->segment + i * 8u, 0);
}

static void attack(struct attacker *attacker, const uint8_t *victim) {
    switch (choose(attacker, 8)) {
    case 0:
        scribble(attacker);
        break;
    case 1:
        start_over(attacker);
        break;
    case 2:
    case 3:
        follow(attacker, victim);
        break;
    default:
        plant(attacker);
    }
}

static struct victim victim;

static void *attack_all_the_time(void *context) {
    struct attacker *attacker = context;
    while (!__atomic_load_n(&attacker->is_over, __ATOMIC_RELAXED))
        attack(attacker, victim.own);
    return NULL;
}

/* One attack between any two operations: the same every time, so that a failure can be found again. */
static uint64_t choose_under_attack(void *context) {
    struct attacker *attacker = context;
    if (choose(attacker, 12) == 0)
        attack(attacker, victim.own);
    return next_random(&attacker->seed);
}

int main(void) {
    struct attacker attacker = {.layout = small_layout(), .seed = 88172645463325252u};
    attacker.segment = aligned_alloc(GROVE_SEGMENT_PAGE, attacker.layout.total_bytes);
    if (attacker.segment == NULL)
        return 1;
    memset(attacker.segment, 0, attacker.layout.total_bytes);

    victim_create(&victim, attacker.segment, choose_under_attack, &attacker);
    for (unsigned round = 0; round < ROUNDS; round++) {
        start_over(&attacker);
        victim_run(&victim, STEPS, false);
        victim_run(&victim, STEPS, true);
    }
    uint64_t in_turn = victim.corrupted;

    uint64_t seed = 7;
    pthread_t thread;
    victim.choose = next_random;
    victim.context = &seed;
    if (pthread_create(&thread, NULL, attack_all_the_time, &attacker) != 0)
        return 1;
    for (unsigned round = 0; round < ROUNDS; round++)
        victim_run(&victim, STEPS, round % 2u == 1u);
    __atomic_store_n(&attacker.is_over, true, __ATOMIC_RELAXED);
    pthread_join(thread, NULL);

    printf("found corrupt %lu times in turn, %lu times at once\n", (unsigned long)in_turn,
           (unsigned long)(victim.corrupted - in_turn));
    victim_destroy(&victim);
    free(attacker.segment);
    return in_turn == 0; /* an attack that is never noticed is none */
}
