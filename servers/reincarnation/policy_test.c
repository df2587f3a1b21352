/* The ladder of recovery: delays, steps, healing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "servers/reincarnation/policy.h"

static const struct grove_recovery_policy usual = {
    .first_delay_ns = 0,
    .delay_ns = 100,
    .delay_cap_ns = 350,
    .heal_ns = 1000,
    .factor_percent = 200,
    .restarts = 2,
    .step_count = 3,
    .steps = {GROVE_STEP_DEPENDENTS, GROVE_STEP_TREE, GROVE_STEP_GIVE_UP}};

static void expect(struct ladder *ladder, const struct grove_recovery_policy *policy, uint64_t now_ns, uint32_t step,
                   uint64_t delay_ns) {
    struct remedy remedy = policy_next(ladder, policy, now_ns);
    assert_int_equal(remedy.step, step);
    assert_in_range(remedy.delay_ns, delay_ns, delay_ns + delay_ns / 50);
    policy_count(ladder, &remedy, now_ns);
}

static void failures_climb_to_the_end(void **state) {
    (void)state;
    struct ladder ladder = {0};
    expect(&ladder, &usual, 10, GROVE_STEP_ITSELF, 0);
    expect(&ladder, &usual, 20, GROVE_STEP_ITSELF, 100);
    expect(&ladder, &usual, 30, GROVE_STEP_DEPENDENTS, 200);
    expect(&ladder, &usual, 40, GROVE_STEP_TREE, 350);
    expect(&ladder, &usual, 50, GROVE_STEP_GIVE_UP, 0);
    expect(&ladder, &usual, 60, GROVE_STEP_GIVE_UP, 0); /* the last is repeated */
    assert_int_equal(ladder.total, 6);
}

static void quiet_time_heals_step_by_step(void **state) {
    (void)state;
    struct ladder ladder = {0};
    for (unsigned i = 0; i < 4; i++)
        policy_count(&ladder, &(struct remedy){.level = i}, 100);
    assert_int_equal(policy_next(&ladder, &usual, 1099).level, 4);
    assert_int_equal(policy_next(&ladder, &usual, 1100).level, 3);
    assert_int_equal(policy_next(&ladder, &usual, 3100).level, 1);
    assert_int_equal(policy_next(&ladder, &usual, 1000000).level, 0);
    struct grove_recovery_policy never = usual;
    never.heal_ns = 0;
    assert_int_equal(policy_next(&ladder, &never, UINT64_MAX).level, 4);
    assert_int_equal(policy_next(&ladder, &usual, 50).level, 4); /* a clock before the last failure heals nothing */
}

static void odd_policies_neither_loop_nor_overflow(void **state) {
    (void)state;
    struct ladder high = {.level = UINT32_MAX, .last_ns = 5};
    struct grove_recovery_policy flat = {.factor_percent = 100, .delay_ns = 7, .delay_cap_ns = 9, .restarts = 1000};
    assert_int_equal(policy_next(&high, &flat, 5).delay_ns, 7);
    assert_int_equal(policy_next(&high, &flat, 5).step, GROVE_STEP_ITSELF); /* no steps: again and again */
    struct grove_recovery_policy steep = {.factor_percent = 10000, .delay_ns = 1, .delay_cap_ns = UINT64_MAX / 200};
    assert_int_equal(policy_next(&high, &steep, 5).delay_ns, steep.delay_cap_ns);
    struct remedy remedy = policy_next(&high, &steep, 5);
    policy_count(&high, &remedy, 6);
    assert_int_equal(high.level, UINT32_MAX);
    struct ladder none = {0};
    assert_int_equal(policy_next(&none, &(struct grove_recovery_policy){.factor_percent = 100}, 1).step,
                     GROVE_STEP_ITSELF);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(failures_climb_to_the_end),
        cmocka_unit_test(quiet_time_heals_step_by_step),
        cmocka_unit_test(odd_policies_neither_loop_nor_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
