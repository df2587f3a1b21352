/* The breaker, every way through its drawing. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "servers/health/breaker.h"

#define INTERVAL GROVE_SECOND
#define FAILURES 5u

static const struct breaker_rules rules = {.failures = FAILURES, .span_max_ns = 300 * GROVE_SECOND};

static struct breaker opened(uint64_t now_ns) {
    struct breaker breaker = {0};
    for (unsigned failure = 0; failure < FAILURES; failure++) {
        assert_int_equal(breaker.state, GROVE_BREAKER_CLOSED);
        assert_true(breaker_allows(&breaker, now_ns));
        assert_int_equal(breaker_result(&breaker, &rules, false, INTERVAL, now_ns), failure == FAILURES - 1);
    }
    assert_int_equal(breaker.state, GROVE_BREAKER_OPEN);
    return breaker;
}

static void five_failures_in_a_row_open_it(void **state) {
    (void)state;
    struct breaker breaker = {0};
    for (unsigned round = 0; round < 10; round++) {
        for (unsigned failure = 0; failure < FAILURES - 1; failure++)
            (void)breaker_result(&breaker, &rules, false, INTERVAL, 5);
        assert_false(breaker_result(&breaker, &rules, true, INTERVAL, 5));
        assert_int_equal(breaker.state, GROVE_BREAKER_CLOSED);
    }
    (void)opened(5);
}

static void open_it_lets_one_through_when_its_span_is_over(void **state) {
    (void)state;
    struct breaker breaker = opened(1000);
    assert_int_equal(breaker.until_ns, 1000 + BREAKER_SPAN_INTERVALS * INTERVAL);
    assert_false(breaker_allows(&breaker, breaker.until_ns - 1));
    assert_int_equal(breaker_due_ns(&breaker, 7), breaker.until_ns);
    assert_true(breaker_allows(&breaker, breaker.until_ns));
    assert_int_equal(breaker.state, GROVE_BREAKER_HALF_OPEN);
    assert_true(breaker_result(&breaker, &rules, true, INTERVAL, 9));
    assert_int_equal(breaker.state, GROVE_BREAKER_CLOSED);
    assert_int_equal(breaker.failures, 0);
    assert_int_equal(breaker_due_ns(&breaker, 7), 7);
}

static void it_is_open_for_longer_each_time_up_to_a_cap(void **state) {
    (void)state;
    struct breaker breaker = opened(0);
    uint64_t span_ns = breaker.span_ns;
    for (unsigned round = 0; round < 40; round++) {
        uint64_t now_ns = breaker.until_ns;
        assert_true(breaker_allows(&breaker, now_ns));
        assert_false(breaker_result(&breaker, &rules, false, INTERVAL, now_ns));
        assert_int_equal(breaker.state, GROVE_BREAKER_OPEN);
        assert_true(breaker.span_ns == 2 * span_ns || breaker.span_ns == rules.span_max_ns);
        span_ns = breaker.span_ns;
        assert_int_equal(breaker.until_ns, now_ns + span_ns);
    }
    assert_int_equal(span_ns, rules.span_max_ns);
}

static void hope_lets_one_through_at_once(void **state) {
    (void)state;
    struct breaker breaker = opened(1000), closed = {0};
    breaker_hope(&breaker);
    assert_true(breaker_allows(&breaker, 1001));
    assert_int_equal(breaker.state, GROVE_BREAKER_HALF_OPEN);
    breaker_hope(&closed);
    assert_int_equal(closed.state, GROVE_BREAKER_CLOSED);
}

static void other_rules_hold_from_then_on(void **state) {
    (void)state;
    struct breaker breaker = opened(0);
    const struct breaker_rules patient = {.failures = 50, .span_max_ns = 5 * GROVE_SECOND};
    assert_true(breaker_allows(&breaker, breaker.until_ns));
    assert_false(breaker_result(&breaker, &patient, false, INTERVAL, 0));
    assert_int_equal(breaker.span_ns, 5 * GROVE_SECOND);
    breaker = (struct breaker){0};
    for (unsigned failure = 0; failure < 49; failure++)
        assert_false(breaker_result(&breaker, &patient, false, INTERVAL, 0));
    assert_true(breaker_result(&breaker, &patient, false, INTERVAL, 0));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(five_failures_in_a_row_open_it),
        cmocka_unit_test(open_it_lets_one_through_when_its_span_is_over),
        cmocka_unit_test(it_is_open_for_longer_each_time_up_to_a_cap),
        cmocka_unit_test(hope_lets_one_through_at_once),
        cmocka_unit_test(other_rules_hold_from_then_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
