/* The median against a sorted list; the worst and the missed deadlines exactly. */
#include "examples/grid/common/statistics.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

static int by_value(const void *a, const void *b) {
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return left < right ? -1 : left > right;
}

static void median_of_many(void **state) {
    (void)state;
    enum { COUNT = 999 };
    struct statistics statistics = {0};
    uint64_t value[COUNT], random = 42;
    for (unsigned i = 0; i < COUNT; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        value[i] = random >> (24 + random % 30);
        statistics_add(&statistics, value[i], 1000000);
    }
    qsort(value, COUNT, sizeof value[0], by_value);
    uint64_t missed = 0;
    for (unsigned i = 0; i < COUNT; i++)
        missed += value[i] > 1000000;
    uint64_t middle = value[COUNT / 2], median = statistics_median_ns(&statistics);
    assert_true(median >= middle && (double)median <= (double)middle * 1.13 + 1);
    assert_int_equal(statistics.worst_ns, value[COUNT - 1]);
    assert_int_equal(statistics.missed, missed);
    assert_int_equal(statistics.count, COUNT);
}

static void edges(void **state) {
    (void)state;
    struct statistics none = {0}, one = {0}, huge = {0};
    assert_int_equal(statistics_median_ns(&none), 0);
    statistics_add(&one, 5, 5);
    assert_int_equal(statistics_median_ns(&one), 5);
    assert_int_equal(one.missed, 0);
    statistics_add(&huge, UINT64_MAX, 5);
    assert_int_equal(huge.worst_ns, UINT64_MAX);
    assert_int_equal(huge.missed, 1);
    assert_true(statistics_median_ns(&huge) > 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(median_of_many), cmocka_unit_test(edges)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
