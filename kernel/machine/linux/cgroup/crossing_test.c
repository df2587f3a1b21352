/* One warning for each crossing, and not too many crossings. */
#include "kernel/machine/linux/cgroup/crossing.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static void test_a_level_is_told_when_it_is_reached(void **state) {
    (void)state;
    struct crossing crossing = {0};
    assert_false(crossing_level(&crossing, 1 * SECOND, 899, 1000));
    assert_true(crossing_level(&crossing, 2 * SECOND, 900, 1000));
    assert_true(crossing.is_over);
}

static void test_swaying_around_the_mark_is_told_once(void **state) {
    (void)state;
    struct crossing crossing = {0};
    unsigned told = 0;
    for (unsigned i = 0; i < 1000; i++)
        told += crossing_level(&crossing, (i + 1) * SECOND, i % 2 == 0 ? 1000 : 800, 1000);
    assert_int_equal(told, 1);
}

static void test_below_eight_tenths_it_can_be_reached_again(void **state) {
    (void)state;
    struct crossing crossing = {0};
    assert_true(crossing_level(&crossing, 1 * SECOND, 950, 1000));
    assert_false(crossing_level(&crossing, 3 * SECOND, 799, 1000));
    assert_false(crossing.is_over);
    assert_true(crossing_level(&crossing, 4 * SECOND, 950, 1000));
}

/* However fast it rises and falls: what comes too soon is told when it is looked at later, if it is still so. */
static void test_the_rate_is_bounded(void **state) {
    (void)state;
    struct crossing crossing = {0};
    unsigned told = 0;
    for (unsigned i = 0; i < 10000; i++)
        told += crossing_level(&crossing, SECOND + i * SECOND / 1000, i % 2 == 0 ? 1000 : 0, 1000);
    assert_int_equal(told, 10);
    crossing = (struct crossing){0};
    assert_true(crossing_level(&crossing, 1 * SECOND, 1000, 1000));
    assert_false(crossing_level(&crossing, 1 * SECOND + 1, 0, 1000));
    assert_false(crossing_level(&crossing, 1 * SECOND + 2, 1000, 1000));
    assert_true(crossing_level(&crossing, 2 * SECOND, 1000, 1000));
}

static void test_events_that_follow_each_other_are_one_crossing(void **state) {
    (void)state;
    struct crossing crossing = {0};
    unsigned told = 0;
    for (unsigned i = 0; i < 1000; i++)
        told += crossing_event(&crossing, (i + 1) * CROSSING_CALM_NS / 2);
    assert_int_equal(told, 1);
    assert_true(crossing_event(&crossing, crossing.event_ns + CROSSING_CALM_NS));
}

static void test_an_end_is_told_unless_it_was_announced(void **state) {
    (void)state;
    struct crossing crossing = {0};
    assert_true(crossing_end(&crossing, 1 * SECOND));
    assert_false(crossing_end(&crossing, 2 * SECOND));
    crossing = (struct crossing){0};
    assert_true(crossing_level(&crossing, 1 * SECOND, 1000, 1000));
    assert_false(crossing_level(&crossing, 4 * SECOND, 0, 1000)); /* what was ended uses nothing any more */
    assert_false(crossing_end(&crossing, 4 * SECOND));
    assert_true(crossing_end(&crossing, 1 * SECOND + CROSSING_CALM_NS));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_level_is_told_when_it_is_reached),
        cmocka_unit_test(test_swaying_around_the_mark_is_told_once),
        cmocka_unit_test(test_below_eight_tenths_it_can_be_reached_again),
        cmocka_unit_test(test_the_rate_is_bounded),
        cmocka_unit_test(test_events_that_follow_each_other_are_one_crossing),
        cmocka_unit_test(test_an_end_is_told_unless_it_was_announced),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
