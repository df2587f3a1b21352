/* Patterns of values: what matches, what does not, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

#include "lib/config/pattern.h"

static void test_matches(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *text;
        bool matches;
    } cases[] = {
        {"", "", true},
        {"", "a", false},
        {"abc", "abc", true},
        {"abc", "abcd", false},
        {"^abc$", "abc", true},
        {"a*", "", true},
        {"a*", "aaaa", true},
        {"a*b", "aaab", true},
        {"a+", "", false},
        {"a+b?", "aa", true},
        {"a|bc", "bc", true},
        {"a|bc|d", "d", true},
        {"a|bc|d", "ad", false},
        {"(a|b)*c", "ababc", true},
        {"(a|b)*c", "abdc", false},
        {"[a-z]+[0-9]{2,3}", "feeder12", true},
        {"[a-z]+[0-9]{2,3}", "feeder1234", false},
        {"(ab){2}", "abab", true},
        {"(ab){2}", "ab", false},
        {"(ab){1,}", "ababab", true},
        {"x{0,2}y", "y", true},
        {"x{0}y", "xy", false},
        {"[^/]+", "no slash", true},
        {"[^/]+", "a/b", false},
        {"[]a]+", "]a", true},
        {"\\d+\\.\\d+", "49.0", true},
        {"\\w+@\\w+", "a_1@b", true},
        {"[\\d.]+", "1.2.3", true},
        {".", "\xff", true},
        {"(a|)b", "b", true},
        {"((((a))))", "a", true},
        {"(a*)*b", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", false},
    };
    for (unsigned index = 0; index < sizeof cases / sizeof cases[0]; index++) {
        const char *fault = config_pattern_fault(cases[index].pattern);
        if (fault != NULL)
            fail_msg("%s: %s", cases[index].pattern, fault);
        if (config_pattern_matches(cases[index].pattern, cases[index].text) != cases[index].matches)
            fail_msg("%s against %s should be %d", cases[index].pattern, cases[index].text, cases[index].matches);
    }
}

static void test_faults(void **state) {
    (void)state;
    static const char *const bad[] = {"(",  ")",    "a)",     "(a",        "[a",     "[z-a]", "*a", "a|*",
                                      "a{", "a{2,", "a{3,2}", "a{1,9999}", "a{999}", "\\",    "[",  "(?:a)"};
    for (unsigned index = 0; index < sizeof bad / sizeof bad[0]; index++)
        if (config_pattern_fault(bad[index]) == NULL)
            fail_msg("%s was taken for a pattern", bad[index]);
    char deep[80];
    memset(deep, '(', sizeof deep - 1);
    deep[sizeof deep - 1] = '\0';
    assert_non_null(config_pattern_fault(deep));
    assert_non_null(config_pattern_fault("((a{255}){255}){255}"));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_matches), cmocka_unit_test(test_faults)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
