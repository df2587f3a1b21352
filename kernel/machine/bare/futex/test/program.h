/*
 * A program on virtual processors whose memory is a few words, for the unit tests of this folder: each has its own.
 */
#ifndef GROVE_BARE_FUTEX_TEST_PROGRAM_H
#define GROVE_BARE_FUTEX_TEST_PROGRAM_H

#include "kernel/machine/bare/futex/futex.h"

#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/sched/test/simulator.h"

#include <string.h>

#define WORDS 64u

static struct simulator simulator;
static struct futex_table table;
static struct futex_thread futexes[SIM_THREADS];
static uint32_t words[WORDS]; /* the memory of the program, from address 0 on */
static bool is_away; /* the page is not in memory */

static const struct grove_schedule fair = {.class = GROVE_SCHEDULE_FAIR};
static const struct grove_schedule middle = {.class = GROVE_SCHEDULE_FIXED, .priority = 50};
static const struct grove_schedule high = {.class = GROVE_SCHEDULE_FIXED, .priority = 90};

static int check_address(uint64_t address) {
    if (address % 4 != 0 || address / 4 >= WORDS)
        return GROVE_INVALID;
    return is_away ? GROVE_WRONG_STATE : 0;
}

static int identify(struct futex_space *space, uint64_t address, struct futex_key *key) {
    *key = (struct futex_key){.object = (uint64_t)(uintptr_t)space, .offset = address};
    return check_address(address) == GROVE_INVALID ? GROVE_INVALID : 0;
}

static int load(struct futex_space *space, uint64_t address, uint32_t *value) {
    (void)space;
    int status = check_address(address);
    if (status == 0)
        *value = words[address / 4];
    return status;
}

static int exchange(struct futex_space *space, uint64_t address, uint32_t *expected, uint32_t wanted) {
    uint32_t value = 0;
    int status = load(space, address, &value);
    if (status == 0 && value == *expected)
        words[address / 4] = wanted;
    if (status == 0)
        *expected = value;
    return status;
}

static int touch(struct futex_space *space, uint64_t address) {
    (void)space;
    is_away = false;
    return check_address(address);
}

static int load_long(struct futex_space *space, uint64_t address, uint64_t *value) {
    (void)space;
    if (address % 8 != 0 || address / 4 + 1 >= WORDS)
        return GROVE_INVALID;
    memcpy(value, &words[address / 4], sizeof(*value));
    return 0;
}

static struct futex_thread *find(struct futex_space *space, uint32_t number) {
    (void)space;
    bool is_there =
        number >= 1 && number <= simulator.count && simulator.threads[number - 1].thread.state != SCHED_ENDED;
    return is_there ? &futexes[number - 1] : NULL;
}

static const struct futex_memory memory = {
    .identify = identify, .load = load, .exchange = exchange, .touch = touch, .load_long = load_long, .find = find};
static struct futex_space space = {.memory = &memory};

static void open_machine(uint32_t processors, uint64_t seed) {
    sim_open(&simulator, processors, seed);
    futex_init(&table, &simulator.scheduler);
    memset(words, 0, sizeof(words));
    is_away = false;
}

static struct futex_thread *futex_of(const struct sim_thread *thread) {
    return &futexes[thread - simulator.threads];
}

static inline struct sim_thread *start(const struct grove_schedule *schedule,
                                       void (*next)(struct simulator *machine, struct sim_thread *thread)) {
    struct sim_thread *thread = sim_start(&simulator, schedule, ALL_PROCESSORS, NULL, next);
    futex_thread_init(futex_of(thread), &thread->thread, simulator.count);
    return thread;
}

/* A thread that is the current one of the only processor, as it has just been started with the highest priority. */
static inline struct futex_thread *start_now(int32_t priority) {
    struct grove_schedule schedule = {.class = GROVE_SCHEDULE_FIXED, .priority = priority};
    struct sim_thread *thread = start(&schedule, sim_hog);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sim_current(&simulator), thread);
    return futex_of(thread);
}

#endif
