/* How much may pass, and when. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/machine/linux/traffic/bucket.h"

#define SECOND UINT64_C(1000000000)

static void it_holds_a_tenth_of_a_second(void **state) {
    struct bucket bucket = {0};
    (void)state;
    assert_int_equal(bucket_size(1000000), 100000);
    assert_int_equal(bucket_size(1), BUCKET_LEAST_BYTES);
    assert_int_equal(bucket_take(&bucket, 1000000, 5 * SECOND, 1 << 30), 100000); /* an old one is full */
    assert_int_equal(bucket_take(&bucket, 1000000, 5 * SECOND, 1), 0);
    assert_int_equal(bucket_take(&bucket, 1000000, 5 * SECOND + SECOND / 100, 1 << 30), 10000);
    assert_int_equal(bucket_take(&bucket, 1000000, 500 * SECOND, 7), 7);
}

/* Whoever takes whatever there is, however often, gets the rate and one bucket. */
static void in_any_time_no_more_than_the_rate_and_a_bucket_pass(void **state) {
    static const uint64_t rates[] = {1, 1000, 65536, 10000000, UINT64_C(10000000000)};
    static const uint64_t steps[] = {1, 999, 1000000, 70000000};
    (void)state;
    for (unsigned i = 0; i < sizeof rates / sizeof *rates; i++)
        for (unsigned j = 0; j < sizeof steps / sizeof *steps; j++) {
            struct bucket bucket = {0};
            uint64_t begin = 7 * SECOND, now = begin, sum = 0;
            for (unsigned turn = 0; turn < 2000; turn++, now += steps[j])
                sum += bucket_take(&bucket, rates[i], now, turn % 3 == 0 ? 1 : UINT64_MAX);
            double most = (double)rates[i] * (double)(now - begin) / (double)SECOND + (double)bucket_size(rates[i]);
            assert_true((double)sum <= most + 1);
        }
}

static void what_did_not_pass_may_pass_later(void **state) {
    struct bucket bucket = {0};
    (void)state;
    assert_int_equal(bucket_take(&bucket, 1000000, SECOND * 2, 60000), 60000);
    bucket_give(&bucket, 1000000, 50000);
    assert_int_equal(bucket_take(&bucket, 1000000, SECOND * 2, 1 << 30), 90000);
    bucket_give(&bucket, 1000000, UINT64_MAX);
    assert_int_equal(bucket_take(&bucket, 1000000, SECOND * 2, 1 << 30), 100000);
}

static void an_empty_one_says_when_to_look(void **state) {
    struct bucket bucket = {0};
    (void)state;
    (void)bucket_take(&bucket, 1000000, 2 * SECOND, 1 << 30);
    uint64_t wait = bucket_wait_ns(&bucket, 1000000, 2 * SECOND);
    assert_true(wait > SECOND / 50 && wait < SECOND / 30); /* a quarter of a tenth */
    assert_int_equal(bucket_wait_ns(&bucket, 1000000, 2 * SECOND + wait + 1000), 0);
    assert_true(bucket_wait_ns(&(struct bucket){.filled_ns = SECOND}, 0, SECOND) <= SECOND);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_holds_a_tenth_of_a_second),
        cmocka_unit_test(in_any_time_no_more_than_the_rate_and_a_bucket_pass),
        cmocka_unit_test(what_did_not_pass_may_pass_later),
        cmocka_unit_test(an_empty_one_says_when_to_look),
    };
    return cmocka_run_group_tests_name("bucket", tests, NULL, NULL);
}
