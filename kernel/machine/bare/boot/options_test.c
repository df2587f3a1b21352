/* The kernel's command line. */
#include "kernel/machine/bare/boot/options.h"

#include "kernel/core/test/unit.h"

static void the_last_word_of_a_name_counts(void **state) {
    (void)state;
    char value[8] = "before";
    assert_true(options_text("run=/a  x run=/b runs=/c", "run", value, sizeof(value)));
    assert_string_equal(value, "/b");
    assert_true(options_have("a b=1 c", "b"));
    assert_true(options_have("a b", "b"));
    assert_false(options_have("ab b1 =b", "b"));
    assert_false(options_have("", "b"));
}

static void what_does_not_fit_or_is_none_changes_nothing(void **state) {
    (void)state;
    char value[4] = "old";
    uint64_t number = 9;
    assert_false(options_text("run=/abc", "run", value, sizeof(value)));
    assert_false(options_text("run", "run", value, sizeof(value)));
    assert_string_equal(value, "old");
    assert_false(options_number("n=0x", "n", &number));
    assert_false(options_number("n=12a", "n", &number));
    assert_false(options_number("n=", "n", &number));
    assert_false(options_number("n=18446744073709551616", "n", &number));
    assert_int_equal(number, 9);
}

static void numbers_have_two_bases(void **state) {
    (void)state;
    uint64_t number = 0;
    assert_true(options_number("debug-exit=0xf4", "debug-exit", &number));
    assert_int_equal(number, 0xf4);
    assert_true(options_number("n=18446744073709551615", "n", &number));
    assert_true(number == UINT64_MAX);
}

static void the_rest_is_for_the_program(void **state) {
    (void)state;
    char value[8] = "old";
    assert_string_equal(options_rest("run=/a --  echo run=/b"), "echo run=/b");
    assert_string_equal(options_rest("run=/a --x"), "");
    assert_string_equal(options_rest("--"), "");
    assert_true(options_text("run=/a -- run=/b", "run", value, sizeof(value)));
    assert_string_equal(value, "/a");
    assert_false(options_have("a -- b", "b"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_last_word_of_a_name_counts),
        cmocka_unit_test(what_does_not_fit_or_is_none_changes_nothing),
        cmocka_unit_test(numbers_have_two_bases),
        cmocka_unit_test(the_rest_is_for_the_program),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
