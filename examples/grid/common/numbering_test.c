/* Repetitions, gaps and a change of epoch, in every order in which they can come. */
#include "examples/grid/common/numbering.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void gaps_and_repetitions(void **state) {
    (void)state;
    struct numbering numbering = {0};
    for (uint64_t i = 1; i <= 3; i++)
        assert_true(numbering_take(&numbering, 5, i));
    assert_false(numbering_take(&numbering, 5, 2));
    assert_true(numbering_take(&numbering, 5, 6));
    assert_int_equal(numbering.taken, 4);
    assert_int_equal(numbering.repeated, 1);
    assert_int_equal(numbering.missing, 2);
}

static void a_new_epoch(void **state) {
    (void)state;
    struct numbering numbering = {0};
    assert_true(numbering_take(&numbering, 9, 1));
    assert_true(numbering_take(&numbering, 9, 2));
    /* The new epoch may be a smaller number than the old one. */
    assert_true(numbering_take(&numbering, 3, 1));
    assert_true(numbering_is_repeated(&numbering, 9, 2));
    assert_false(numbering_take(&numbering, 9, 1));
    assert_false(numbering_take(&numbering, 3, 1));
    assert_true(numbering_take(&numbering, 3, 2));
    assert_int_equal(numbering.missing, 0);
    assert_int_equal(numbering.repeated, 2);
}

/* A log is read again from its beginning: all of it is known, however many epochs it has. */
static void many_epochs_again(void **state) {
    (void)state;
    struct numbering numbering = {0};
    struct numbering_past past = {0};
    for (uint64_t epoch = 100; epoch > 70; epoch--)
        for (uint64_t i = 1; i <= epoch % 4 + 1; i++) {
            numbering_remember(&past, &numbering, epoch);
            assert_true(numbering_take(&numbering, epoch, i));
        }
    for (uint64_t epoch = 100; epoch > 70; epoch--) {
        assert_true(numbering_is_repeated(&numbering, epoch, epoch % 4 + 1) ||
                    numbering_is_past(&past, epoch, epoch % 4 + 1));
        assert_false(numbering_is_past(&past, epoch, epoch % 4 + 2));
    }
    assert_false(numbering_is_past(&past, 70, 1));
    assert_int_equal(numbering.missing, 0);
}

static void a_first_number_above_one(void **state) {
    (void)state;
    struct numbering numbering = {0};
    assert_true(numbering_take(&numbering, 1, 4));
    assert_int_equal(numbering.missing, 3);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(gaps_and_repetitions), cmocka_unit_test(a_new_epoch),
                                       cmocka_unit_test(many_epochs_again), cmocka_unit_test(a_first_number_above_one)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
