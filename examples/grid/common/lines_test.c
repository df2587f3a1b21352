/* Lines, numbers, durations and options; every refusal names its line. */
#include "examples/grid/common/lines.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static int collect(const struct line *line, void *context, struct problem *problem) {
    (void)problem;
    char *all = context;
    for (unsigned i = 0; i < line->count; i++)
        snprintf(all + strlen(all), 256 - strlen(all), "%u:%s ", line->number, line->word[i]);
    return 0;
}

static void words_and_comments(void **state) {
    (void)state;
    static const char text[] = "a  b\t c\r\n# only a comment\n\n d # e\nf";
    char all[256] = "";
    struct problem problem = {""};
    assert_int_equal(lines_parse("file", text, strlen(text), collect, all, &problem), 0);
    assert_string_equal(all, "1:a 1:b 1:c 4:d 5:f ");
}

static void what_is_no_text_is_refused(void **state) {
    (void)state;
    char all[256] = "";
    struct problem problem = {""};
    assert_int_equal(lines_parse("file", "ok\nb\0d", 6, collect, all, &problem), GROVE_INVALID);
    assert_non_null(strstr(problem.sentence, "file:2: byte 0x00"));
    char wide[100];
    memset(wide, 'x', sizeof wide);
    assert_int_equal(lines_parse("file", wide, sizeof wide, collect, all, &problem), GROVE_INVALID);
    assert_non_null(strstr(problem.sentence, "longer than 63"));
    char many[2 * (LINES_WORDS_MAX + 1)];
    for (unsigned i = 0; i < sizeof many; i++)
        many[i] = i % 2 == 0 ? 'x' : ' ';
    assert_int_equal(lines_parse("file", many, sizeof many, collect, all, &problem), GROVE_INVALID);
}

static struct line line_of(const char *word) {
    struct line line = {.source = "f", .number = 7, .count = 1};
    snprintf(line.word[0], sizeof line.word[0], "%s", word);
    return line;
}

static void numbers(void **state) {
    (void)state;
    static const struct {
        const char *word;
        int status;
        double value;
    } cases[] = {{"12", 0, 12},
                 {"-1.5", 0, -1.5},
                 {"1e3", 0, 1000},
                 {"nan", GROVE_INVALID, 0},
                 {"inf", GROVE_INVALID, 0},
                 {"0x10", GROVE_INVALID, 0},
                 {"12a", GROVE_INVALID, 0},
                 {"5001", GROVE_INVALID, 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line line = line_of(cases[i].word);
        struct problem problem = {""};
        double value = 0;
        assert_int_equal(line_number(&line, 0, -10, 5000, &value, &problem), cases[i].status);
        assert_true(value == cases[i].value);
        assert_true(cases[i].status == 0 || strncmp(problem.sentence, "f:7: ", 5) == 0);
    }
}

static void durations(void **state) {
    (void)state;
    static const struct {
        const char *word;
        int status;
        uint64_t value;
    } cases[] = {{"20ms", 0, 20000000},     {"1.5s", 0, 1500000000},     {"250us", 0, 250000},
                 {"20", GROVE_INVALID, 0},  {"ms", GROVE_INVALID, 0},    {"20m", GROVE_INVALID, 0},
                 {"-1s", GROVE_INVALID, 0}, {"90000s", GROVE_INVALID, 0}};
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct line line = line_of(cases[i].word);
        struct problem problem = {""};
        uint64_t value = 0;
        assert_int_equal(line_duration(&line, 0, &value, &problem), cases[i].status);
        assert_int_equal(value, cases[i].value);
    }
}

struct thing {
    char name[LINES_WORD_BYTES_MAX + 1];
    uint64_t whole;
    bool flag;
};

static int read_thing(const struct line *line, void *context, struct problem *problem) {
    static const struct option_rule rules[] = {
        {"name", OPTION_TEXT, true, 0, 0, offsetof(struct thing, name)},
        {"whole", OPTION_WHOLE, false, 1, 9, offsetof(struct thing, whole)},
        {"flag", OPTION_FLAG, false, 0, 0, offsetof(struct thing, flag)},
    };
    return line_options(line, 0, rules, 3, context, problem);
}

static void options(void **state) {
    (void)state;
    static const struct {
        const char *text, *complaint;
    } wrong[] = {{"whole 3", "name is missing"}, {"name a name b", "given twice"},
                 {"name", "needs a value"},      {"name a whole 1.5", "whole number"},
                 {"name a whole 10", "1 to 9"},  {"name a colour red", "known are: name, whole, flag"}};
    struct thing thing = {.whole = 4};
    struct problem problem = {""};
    assert_int_equal(lines_parse("f", "flag name x", 11, read_thing, &thing, &problem), 0);
    assert_string_equal(thing.name, "x");
    assert_true(thing.flag && thing.whole == 4);
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        assert_int_equal(lines_parse("f", wrong[i].text, strlen(wrong[i].text), read_thing, &thing, &problem),
                         GROVE_INVALID);
        assert_non_null(strstr(problem.sentence, wrong[i].complaint));
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_and_comments),
        cmocka_unit_test(what_is_no_text_is_refused),
        cmocka_unit_test(numbers),
        cmocka_unit_test(durations),
        cmocka_unit_test(options),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
