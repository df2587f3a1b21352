/* Load shedding: stages, delays, priorities, a broken measurement, fast falls, reset. */
#include "examples/grid/protect/shedding.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
#define FEEDERS 4u

static struct grid_config config_of_test(void) {
    struct grid_config config = {.feeder_count = FEEDERS, .stage_count = 3};
    for (unsigned i = 0; i < FEEDERS; i++)
        config.feeder[i] = (struct config_feeder){.number = i + 1, .priority = i};
    config.stage[0] = (struct config_stage){49.0, 60 * MS, 1};
    config.stage[1] = (struct config_stage){48.8, 60 * MS, 1};
    config.stage[2] = (struct config_stage){48.6, 60 * MS, 2};
    return config;
}

/* All feeders measure the same; returns what is shed meanwhile. */
static uint64_t measure(struct shedding *shedding, double frequency, uint64_t time_ns, bool is_open[GRID_FEEDERS_MAX]) {
    struct grid_config config = config_of_test();
    uint64_t shed = 0;
    for (unsigned i = 0; i < FEEDERS; i++) {
        uint64_t now = shedding_measure(shedding, &config, i, frequency, time_ns, is_open);
        for (unsigned feeder = 0; feeder < FEEDERS; feeder++)
            is_open[feeder] = is_open[feeder] || (now >> feeder & 1);
        shed |= now;
    }
    return shed;
}

static void stages_one_by_one(void **state) {
    (void)state;
    struct shedding shedding = {0};
    bool is_open[GRID_FEEDERS_MAX] = {false};
    assert_int_equal(measure(&shedding, 49.0, 100 * MS, is_open), 0);
    assert_int_equal(measure(&shedding, 48.9, 120 * MS, is_open), 0);
    assert_int_equal(measure(&shedding, 48.9, 160 * MS, is_open), 0);
    assert_int_equal(measure(&shedding, 48.9, 180 * MS, is_open), 1u << 3);
    assert_int_equal(measure(&shedding, 48.9, 400 * MS, is_open), 0);
    assert_int_equal(measure(&shedding, 48.7, 420 * MS, is_open), 0);
    assert_int_equal(measure(&shedding, 48.7, 480 * MS, is_open), 1u << 2);
    assert_int_equal(shedding.stages_done, 2);
    /* The last stage wants two; feeder 1 has priority 0 and is never shed. */
    measure(&shedding, 48.0, 500 * MS, is_open);
    assert_int_equal(measure(&shedding, 48.0, 560 * MS, is_open), 1u << 1);
    assert_int_equal(measure(&shedding, 47.0, 700 * MS, is_open), 0);
}

static void a_dip_does_not_count(void **state) {
    (void)state;
    struct shedding shedding = {0};
    bool is_open[GRID_FEEDERS_MAX] = {false};
    measure(&shedding, 48.9, 100 * MS, is_open);
    measure(&shedding, 49.1, 140 * MS, is_open);
    assert_int_equal(measure(&shedding, 48.9, 160 * MS, is_open), 0);
    assert_int_equal(measure(&shedding, 48.9, 200 * MS, is_open), 0);
    assert_int_equal(measure(&shedding, 48.9, 220 * MS, is_open), 1u << 3);
}

static void a_fast_fall_takes_several_stages(void **state) {
    (void)state;
    struct shedding shedding = {0};
    bool is_open[GRID_FEEDERS_MAX] = {false};
    measure(&shedding, 47, 100 * MS, is_open);
    assert_int_equal(measure(&shedding, 47, 160 * MS, is_open), 0xe);
    assert_int_equal(shedding.stages_done, 3);
}

static void one_broken_measurement_sheds_nobody(void **state) {
    (void)state;
    struct shedding shedding = {0};
    struct grid_config config = config_of_test();
    bool is_open[GRID_FEEDERS_MAX] = {false};
    for (uint64_t at = 100; at < 1000; at += 20)
        for (unsigned i = 0; i < FEEDERS; i++)
            assert_int_equal(shedding_measure(&shedding, &config, i, i == 1 ? 45 : 50, at * MS, is_open), 0);
    assert_int_equal(shedding_measure(&shedding, &config, 0, 0, 1000 * MS, is_open), 0);
    assert_true(shedding.frequency_hz == 50);
}

static void reset_arms_again(void **state) {
    (void)state;
    struct shedding shedding = {0};
    bool is_open[GRID_FEEDERS_MAX] = {false};
    measure(&shedding, 48.9, 100 * MS, is_open);
    measure(&shedding, 48.9, 160 * MS, is_open);
    assert_int_equal(shedding.stages_done, 1);
    shedding_reset(&shedding);
    memset(is_open, 0, sizeof is_open);
    measure(&shedding, 48.9, 200 * MS, is_open);
    assert_int_equal(measure(&shedding, 48.9, 260 * MS, is_open), 1u << 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(stages_one_by_one),
        cmocka_unit_test(a_dip_does_not_count),
        cmocka_unit_test(a_fast_fall_takes_several_stages),
        cmocka_unit_test(one_broken_measurement_sheds_nobody),
        cmocka_unit_test(reset_arms_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
