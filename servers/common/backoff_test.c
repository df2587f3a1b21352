/* The ladder of delays: each rule of backoff.h, by itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "servers/common/backoff.h"

#define MS UINT64_C(1000000)
#define SECOND UINT64_C(1000000000)

static const struct grove_restart policy = {
    .policy = GROVE_RESTART_ON_FAILURE,
    .factor_percent = 200,
    .first_delay_ns = 0,
    .base_delay_ns = 10 * MS,
    .delay_cap_ns = 35 * MS,
    .give_up_count = 6,
    .give_up_window_ns = SECOND,
};

static uint64_t next(struct backoff *backoff, const struct grove_restart *rules, uint64_t now_ns) {
    uint64_t delay_ns = UINT64_MAX;
    assert_true(backoff_next(backoff, rules, now_ns, &delay_ns));
    return delay_ns;
}

static void first_is_immediate_then_it_doubles_up_to_the_cap(void **state) {
    (void)state;
    struct backoff backoff = {0};
    assert_int_equal(next(&backoff, &policy, SECOND), 0);
    assert_int_equal(next(&backoff, &policy, SECOND + 1), 10 * MS);
    assert_in_range(next(&backoff, &policy, SECOND + 2), 20 * MS, 20 * MS + 5);
    assert_int_equal(next(&backoff, &policy, SECOND + 3), 35 * MS);
    assert_int_equal(next(&backoff, &policy, SECOND + 4), 35 * MS);
}

static void gives_up_after_the_count_inside_the_window(void **state) {
    (void)state;
    struct backoff backoff = {0};
    for (uint64_t turn = 0; turn < 6; turn++)
        next(&backoff, &policy, SECOND + turn);
    uint64_t delay_ns = 77;
    assert_false(backoff_next(&backoff, &policy, SECOND + 7, &delay_ns));
    assert_int_equal(delay_ns, 77);
    assert_int_equal(backoff.total, 6);
    assert_true(backoff_next(&backoff, &policy, 3 * SECOND, &delay_ns));
}

static void zero_count_never_gives_up(void **state) {
    (void)state;
    struct grove_restart rules = policy;
    rules.give_up_count = 0;
    struct backoff backoff = {0};
    for (uint64_t turn = 0; turn < 1000; turn++)
        next(&backoff, &rules, SECOND + turn);
    assert_int_equal(backoff.total, 1000);
}

static void quiet_time_heals_step_by_step(void **state) {
    (void)state;
    struct backoff backoff = {0};
    for (uint64_t turn = 0; turn < 4; turn++)
        next(&backoff, &policy, SECOND);
    assert_int_equal(backoff.level, 4);
    assert_int_equal(next(&backoff, &policy, SECOND + 70 * MS), 20 * MS + 1);
    assert_int_equal(next(&backoff, &policy, 10 * SECOND), 0);
}

static void forgiving_starts_over_but_keeps_the_number(void **state) {
    (void)state;
    struct backoff backoff = {0};
    for (uint64_t turn = 0; turn < 6; turn++)
        next(&backoff, &policy, SECOND);
    backoff_forgive(&backoff);
    assert_int_equal(next(&backoff, &policy, SECOND), 0);
    assert_int_equal(backoff.total, 7);
}

static void nonsense_in_the_policy_does_not_loop_hot(void **state) {
    (void)state;
    struct grove_restart rules = {.policy = GROVE_RESTART_ALWAYS};
    struct backoff backoff = {0};
    assert_int_equal(next(&backoff, &rules, SECOND), 0);
    assert_true(next(&backoff, &rules, SECOND) >= 100 * MS);
    backoff.level = UINT32_MAX;
    assert_true(next(&backoff, &rules, SECOND) <= 30 * SECOND);
}

static void bounds_hold_whatever_the_policy_says(void **state) {
    (void)state;
    const struct backoff_bounds none = {0}, bounds = {.least_ns = 15 * MS, .most_ns = 25 * MS, .goes_on = true};
    const struct backoff_bounds crossed = {.least_ns = 50 * MS, .most_ns = 5 * MS};
    struct grove_restart same = backoff_bound(&policy, &none), bound = backoff_bound(&policy, &bounds);
    assert_memory_equal(&same, &policy, sizeof same);
    struct backoff backoff = {0};
    assert_int_equal(next(&backoff, &bound, SECOND), 15 * MS);
    assert_int_equal(next(&backoff, &bound, SECOND + 1), 15 * MS);
    for (unsigned turn = 0; turn < 20; turn++) /* and it is not given up */
        assert_true(next(&backoff, &bound, SECOND + 2 + turn) <= 25 * MS);
    bound = backoff_bound(&policy, &crossed);
    backoff = (struct backoff){0};
    assert_int_equal(next(&backoff, &bound, SECOND), 5 * MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_is_immediate_then_it_doubles_up_to_the_cap),
        cmocka_unit_test(gives_up_after_the_count_inside_the_window),
        cmocka_unit_test(zero_count_never_gives_up),
        cmocka_unit_test(quiet_time_heals_step_by_step),
        cmocka_unit_test(forgiving_starts_over_but_keeps_the_number),
        cmocka_unit_test(bounds_hold_whatever_the_policy_says),
        cmocka_unit_test(nonsense_in_the_policy_does_not_loop_hot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
