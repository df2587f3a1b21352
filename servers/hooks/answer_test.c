/* What hooks may answer at which point, how their words are shown, and the patterns by which they are chosen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/hooks/answer.h"

static const char *judge(uint32_t point, uint32_t result, size_t rest, struct hook_said *said) {
    static char answer[sizeof(struct grove_hooks_result) + GROVE_HOOK_DATA_MAX + 1];
    struct grove_hooks_result head = {.version = GROVE_HOOKS_VERSION, .result = result};
    memcpy(answer, &head, sizeof head);
    return answer_judge(point, 10, answer, sizeof head + rest, said);
}

static void each_point_takes_its_results(void **state) {
    (void)state;
    for (uint32_t point = 0; point < GROVE_HOOK_POINTS; point++) {
        bool is_before = point % 2 == 0;
        bool is_changeable = point == GROVE_HOOK_BEFORE_PUBLISH || point == GROVE_HOOK_BEFORE_DELIVER ||
                             point == GROVE_HOOK_BEFORE_WRITE || point == GROVE_HOOK_AFTER_READ;
        struct hook_said said;
        assert_null(judge(point, GROVE_HOOK_CONTINUE, 3, &said));
        assert_int_equal(said.result, GROVE_HOOK_CONTINUE);
        assert_int_equal(judge(point, GROVE_HOOK_VETO, 3, &said) == NULL, is_before);
        assert_int_equal(said.result, is_before ? GROVE_HOOK_VETO : GROVE_HOOK_CONTINUE);
        assert_int_equal(judge(point, GROVE_HOOK_CHANGE, 3, &said) == NULL, is_changeable);
        assert_int_equal(said.length_bytes, is_changeable ? 3 : 0);
        assert_non_null(judge(point, 3, 0, &said));
    }
}

static void what_is_malformed_counts_for_nothing(void **state) {
    (void)state;
    struct hook_said said;
    struct grove_hooks_result other = {.version = GROVE_HOOKS_VERSION + 1, .result = GROVE_HOOK_VETO};
    assert_null(answer_judge(0, 0, "", 0, &said));
    assert_non_null(answer_judge(0, 0, "no", 2, &said));
    assert_non_null(answer_judge(0, 0, (const char *)&other, sizeof other, &said));
    assert_null(judge(GROVE_HOOK_BEFORE_WRITE, GROVE_HOOK_CHANGE, GROVE_HOOK_DATA_MAX, &said));
    assert_non_null(judge(GROVE_HOOK_BEFORE_WRITE, GROVE_HOOK_CHANGE, GROVE_HOOK_DATA_MAX + 1, &said));
    other = (struct grove_hooks_result){.version = GROVE_HOOKS_VERSION, .result = GROVE_HOOK_CHANGE};
    assert_non_null(answer_judge(GROVE_HOOK_BEFORE_WRITE, GROVE_HOOK_DATA_MAX + 1, (const char *)&other, sizeof other,
                                 &said)); /* it saw only a part of the data */
}

static void words_are_shown_without_what_deceives(void **state) {
    (void)state;
    static const char *const texts[][2] = {
        {"plain", "plain"},
        {"f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x8c\xb2", "f\xc3\xbcr \xe2\x82\xac \xf0\x9f\x8c\xb2"},
        {"a\x1b[2Jb\nc\x7f", "a?[2Jb?c?"},
        {"cut \xe2\x82", "cut ??"},
        {"\xc0\xaf\xff\xed\xa0\x80\xf4\x90\x80\x80", "??????????"},
    };
    for (size_t index = 0; index < sizeof texts / sizeof texts[0]; index++) {
        char text[64];
        (void)snprintf(text, sizeof text, "%s", texts[index][0]);
        answer_clean(text);
        assert_string_equal(text, texts[index][1]);
    }
}

static void patterns_match_by_token(void **state) {
    (void)state;
    static const struct {
        const char *pattern, *subject;
        bool matches;
    } cases[] = {{">", "a.b", true},
                 {"a.>", "a.b.c", true},
                 {"a.>", "a", false},
                 {"a.*", "a.b", true},
                 {"a.*", "a.b.c", false},
                 {"*.b", "a.b", true},
                 {"a.b", "a.b", true},
                 {"a.b", "a.bc", false},
                 {"a.b", "a", false},
                 {"a", "a.b", false},
                 {"plant", "plant key.of.store", true},
                 {"a.*", "a.b with.key", true}};
    for (size_t index = 0; index < sizeof cases / sizeof cases[0]; index++)
        assert_int_equal(pattern_matches(cases[index].pattern, cases[index].subject), cases[index].matches);
    static const char *const wrong[] = {"", ".a", "a.", "a..b", "a*", "*a", ">.a", "a.>b", "a b", "a\n"};
    for (size_t index = 0; index < sizeof wrong / sizeof wrong[0]; index++)
        assert_false(pattern_is_valid(wrong[index]));
    assert_true(pattern_is_valid("a.*.>"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_point_takes_its_results),
        cmocka_unit_test(what_is_malformed_counts_for_nothing),
        cmocka_unit_test(words_are_shown_without_what_deceives),
        cmocka_unit_test(patterns_match_by_token),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
