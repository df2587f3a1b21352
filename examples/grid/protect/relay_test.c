/* The overcurrent relay: at once, after the delay, not after a dip, and with the delay by the readings' time. */
#include "examples/grid/protect/relay.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define MS UINT64_C(1000000)
static const struct config_feeder feeder = {.instantaneous_a = 900, .overcurrent_a = 400, .overcurrent_ns = 200 * MS};

static void at_once(void **state) {
    (void)state;
    struct relay relay = {0};
    assert_int_equal(relay_check(&relay, &feeder, 900, 1), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, 900.5, 1), CAUSE_INSTANTANEOUS);
}

static void after_the_delay(void **state) {
    (void)state;
    struct relay relay = {0};
    for (uint64_t at = 1000; at < 1200; at += 20)
        assert_int_equal(relay_check(&relay, &feeder, 500, at * MS), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, 500, 1200 * MS), CAUSE_OVERCURRENT);
}

static void a_dip_begins_anew(void **state) {
    (void)state;
    struct relay relay = {0};
    assert_int_equal(relay_check(&relay, &feeder, 500, 1000 * MS), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, 399, 1100 * MS), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, 500, 1200 * MS), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, 500, 1399 * MS), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, 500, 1400 * MS), CAUSE_OVERCURRENT);
}

static void off_and_nonsense(void **state) {
    (void)state;
    struct relay relay = {0};
    static const struct config_feeder off = {0};
    assert_int_equal(relay_check(&relay, &off, 1e9, 1), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, __builtin_nan(""), 1), CAUSE_NONE);
    /* A reading from before the first one above: a repeated delivery, and no reason to trip. */
    assert_int_equal(relay_check(&relay, &feeder, 500, 1000 * MS), CAUSE_NONE);
    assert_int_equal(relay_check(&relay, &feeder, 500, 500 * MS), CAUSE_NONE);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(at_once), cmocka_unit_test(after_the_delay),
                                       cmocka_unit_test(a_dip_begins_anew), cmocka_unit_test(off_and_nonsense)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
