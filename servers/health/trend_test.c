/* Lines through points: exact ones, ones with outliers, ones that only sway. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#include "servers/health/trend.h"

#define COUNT TREND_POINTS_MAX

static uint32_t chance; /* the same numbers each time */

static double noise(double amplitude) {
    chance = chance * 1664525u + 1013904223u;
    return amplitude * ((double)(chance >> 8) / (1 << 23) - 1);
}

static void line(struct trend_point points[COUNT], double slope, double amplitude) {
    for (unsigned i = 0; i < COUNT; i++)
        points[i] = (struct trend_point){i, 100 + slope * i + noise(amplitude)};
}

static void assert_near(double found, double wanted, double tolerance) {
    if (found < wanted - tolerance || found > wanted + tolerance)
        fail_msg("%g is not within %g of %g", found, tolerance, wanted);
}

static void a_line_is_found_exactly(void **state) {
    (void)state;
    struct trend_point points[COUNT];
    struct trend trend;
    line(points, 2.5, 0);
    assert_true(trend_fit(points, COUNT, &trend));
    assert_near(trend.slope, 2.5, 1e-9);
    assert_near(trend.first, 100, 1e-6);
    assert_near(trend.level, 100 + 2.5 * (COUNT - 1), 1e-6);
    assert_true(trend.is_rising);
}

static void outliers_do_not_move_it(void **state) {
    (void)state;
    struct trend_point points[COUNT];
    struct trend trend;
    line(points, 1, 0.5);
    for (unsigned i = 0; i < COUNT; i += 5)
        points[i].y = i % 2 == 0 ? 1e9 : -1e9; /* one in five is nonsense */
    assert_true(trend_fit(points, COUNT, &trend));
    assert_near(trend.slope, 1, 0.1);
}

/* Over many series without a trend hardly one may count as rising: at three deviations 1 in 740. */
static void what_sways_is_not_a_trend(void **state) {
    (void)state;
    struct trend_point points[COUNT];
    struct trend trend;
    unsigned rising = 0;
    for (unsigned round = 0; round < 500; round++) {
        line(points, 0, 10);
        assert_true(trend_fit(points, COUNT, &trend));
        rising += trend.is_rising;
    }
    assert_true(rising <= 4);
    line(points, -3, 1);
    assert_true(trend_fit(points, COUNT, &trend));
    assert_false(trend.is_rising); /* it falls */
    line(points, 0, 0);
    assert_true(trend_fit(points, COUNT, &trend));
    assert_false(trend.is_rising); /* all equal */
}

static void steps_count_as_rising_and_ties_are_allowed_for(void **state) {
    (void)state;
    struct trend_point points[COUNT];
    struct trend trend;
    for (unsigned i = 0; i < COUNT; i++) {
        unsigned page = i / 8; /* memory comes in pages */
        points[i] = (struct trend_point){i, page};
    }
    assert_true(trend_fit(points, COUNT, &trend));
    assert_true(trend.is_rising);
    assert_near(trend.slope, 0.125, 0.02);
}

static void too_little_says_nothing(void **state) {
    (void)state;
    struct trend_point points[COUNT + 1] = {0};
    struct trend trend;
    assert_false(trend_fit(points, 0, &trend));
    assert_false(trend_fit(points, TREND_POINTS_MIN - 1, &trend));
    assert_false(trend_fit(points, COUNT + 1, &trend));
    assert_false(trend_fit(points, COUNT, &trend)); /* all at one x */
}

static void medians(void **state) {
    (void)state;
    assert_near(trend_median((double[]){3}, 1), 3, 0);
    assert_near(trend_median((double[]){3, 1, 2}, 3), 2, 0);
    assert_near(trend_median((double[]){4, 1, 3, 2}, 4), 2, 0);
    assert_near(trend_median((double[]){5, 5, 5, 5, 5}, 5), 5, 0);
    assert_near(trend_median(NULL, 0), 0, 0);
    for (unsigned count = 1; count < 200; count++) {
        double values[200];
        for (unsigned i = 0; i < count; i++)
            values[i] = (double)((i * 7919u) % count); /* a permutation, or one with repetitions */
        double median = trend_median(values, count);
        unsigned below = 0, above = 0;
        for (unsigned i = 0; i < count; i++) {
            below += values[i] < median;
            above += values[i] > median;
        }
        assert_true(below <= count / 2 && above <= count / 2);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_line_is_found_exactly),   cmocka_unit_test(outliers_do_not_move_it),
        cmocka_unit_test(what_sways_is_not_a_trend), cmocka_unit_test(steps_count_as_rising_and_ties_are_allowed_for),
        cmocka_unit_test(too_little_says_nothing),   cmocka_unit_test(medians),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
