/* Settings: what they take from a configuration they give back, and what does not fit together is named. */
#include "examples/grid/protect/settings.h"

#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct grid_config plant;

static int prepare(void **state) {
    (void)state;
    plant = (struct grid_config){.deadline_ns = 20000000, .feeder_count = 2, .stage_count = 2};
    plant.feeder[0] = (struct config_feeder){.number = 3, .instantaneous_a = 900, .overcurrent_a = 400};
    plant.feeder[1] = (struct config_feeder){.number = 7, .overcurrent_a = 500, .overcurrent_ns = 60000000};
    plant.stage[0] = (struct config_stage){.below_hz = 49, .delay_ns = 60000000, .feeders = 1};
    plant.stage[1] = (struct config_stage){.below_hz = 48.5, .feeders = 2};
    return 0;
}

static void what_is_taken_is_applied(void **state) {
    (void)state;
    struct settings settings;
    struct grid_config other = plant;
    settings_take(&settings, &plant);
    memset(other.stage, 0, sizeof other.stage);
    other.stage_count = 0;
    other.deadline_ns = 1;
    other.feeder[0].instantaneous_a = other.feeder[1].overcurrent_a = 1;
    other.feeder[1].overcurrent_ns = 1;
    settings_apply(&settings, &other);
    assert_memory_equal(&other, &plant, sizeof plant);
    assert_int_equal(settings.change, 0);
}

static void what_fits_passes(void **state) {
    (void)state;
    struct settings settings;
    struct problem problem = {""};
    settings_take(&settings, &plant);
    assert_int_equal(settings_check(&settings, &plant, &problem), 0);
    settings.feeder[1].instantaneous_a = 0; /* off: nothing to lie below */
    settings.stage_count = 0;
    assert_int_equal(settings_check(&settings, &plant, &problem), 0);
}

static void overcurrent_lies_below_instantaneous(void **state) {
    (void)state;
    struct settings settings;
    struct problem problem = {""};
    settings_take(&settings, &plant);
    settings.feeder[1].instantaneous_a = 500;
    assert_int_equal(settings_check(&settings, &plant, &problem), GROVE_INVALID);
    assert_string_equal(problem.sentence, "feeder.7.overcurrent, 500 A, must lie below feeder.7.instantaneous, 500 A");
}

static void stages_go_down(void **state) {
    (void)state;
    struct settings settings;
    struct problem problem = {""};
    settings_take(&settings, &plant);
    settings.stage[1].below_hz = 49;
    assert_int_equal(settings_check(&settings, &plant, &problem), GROVE_INVALID);
    assert_string_equal(problem.sentence, "stages go down: stage.2.below, 49 Hz, must lie below stage.1.below, 49 Hz");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(what_is_taken_is_applied, prepare),
        cmocka_unit_test_setup(what_fits_passes, prepare),
        cmocka_unit_test_setup(overcurrent_lies_below_instantaneous, prepare),
        cmocka_unit_test_setup(stages_go_down, prepare),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
