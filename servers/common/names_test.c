/* Names from outside: what is taken and what is not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "servers/common/names.h"

static bool valid(const char *text) {
    struct grove_name name;
    name_set(&name, text);
    return service_name_is_valid(&name);
}

static void names_are_tokens_between_single_dots(void **state) {
    (void)state;
    assert_true(valid("a"));
    assert_true(valid("grid.historian"));
    assert_true(valid("A_b-9.x.y"));
    assert_false(valid(""));
    assert_false(valid("."));
    assert_false(valid(".a"));
    assert_false(valid("a."));
    assert_false(valid("a..b"));
    assert_false(valid("a/b"));
    assert_false(valid("a b"));
    struct grove_name unterminated;
    memset(&unterminated, 'a', sizeof unterminated);
    assert_false(service_name_is_valid(&unterminated));
}

static void long_texts_are_cut_and_terminated(void **state) {
    (void)state;
    char text[100];
    memset(text, 'x', sizeof text);
    text[99] = '\0';
    struct grove_name name;
    name_set(&name, text);
    assert_int_equal(strlen(name.text), GROVE_NAME_MAX);
}

static void patterns_match_like_a_shell(void **state) {
    (void)state;
    assert_true(name_matches("*", ""));
    assert_true(name_matches("grid.*", "grid.alarm"));
    assert_true(name_matches("*a*a*", "banana"));
    assert_true(name_matches("gr?d", "grid"));
    assert_false(name_matches("grid.*", "grip.alarm"));
    assert_false(name_matches("gr?d", "grd"));
    assert_false(name_matches("", "a"));
    assert_true(name_matches("", ""));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names_are_tokens_between_single_dots),
        cmocka_unit_test(long_texts_are_cut_and_terminated),
        cmocka_unit_test(patterns_match_like_a_shell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
