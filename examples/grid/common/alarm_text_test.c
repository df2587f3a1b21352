/* Alarm events as text: what is written is read again, and nothing else is read. */
#include "examples/grid/common/alarm_text.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct alarm_event example = {.epoch = 4711,
                                           .sequence = 3,
                                           .wall_ns = 1700000000000000000u,
                                           .kind = ALARM_TRIP,
                                           .feeder = 4,
                                           .cause = CAUSE_INSTANTANEOUS,
                                           .value = 1512.5};

static void what_is_written_is_read(void **state) {
    (void)state;
    char text[ALARM_TEXT_BYTES];
    for (unsigned kind = 1; kind < ALARM_KIND_END; kind++)
        for (unsigned cause = 0; cause < CAUSE_COUNT; cause++)
            for (unsigned is_over = 0; is_over < 2; is_over++) {
                struct alarm_event event = example, found;
                event.kind = (uint16_t)kind;
                event.cause = (uint16_t)cause;
                event.is_over = (uint16_t)is_over;
                size_t length = alarm_text_write(&event, text);
                assert_int_equal(alarm_text_read(text, length, &found), 0);
                assert_memory_equal(&event, &found, sizeof event);
            }
}

static void people_and_programs_read_it(void **state) {
    (void)state;
    char text[ALARM_TEXT_BYTES];
    size_t length = alarm_text_write(&example, text);
    assert_string_equal(text, "{\"version\":1,\"epoch\":4711,\"sequence\":3,\"wall_ns\":1700000000000000000,"
                              "\"kind\":\"trip\",\"feeder\":4,\"cause\":\"short circuit\",\"state\":\"raised\","
                              "\"value\":1512.5}");
    assert_int_equal(length, strlen(text));
}

/* JSON has no word for what is no number. */
static void a_value_that_is_no_number_is_zero(void **state) {
    (void)state;
    char text[ALARM_TEXT_BYTES];
    struct alarm_event event = example, found;
    event.value = (double)__builtin_nan("");
    size_t length = alarm_text_write(&event, text);
    assert_int_equal(alarm_text_read(text, length, &found), 0);
    assert_true(found.value == 0);
}

static void the_largest_numbers_fit(void **state) {
    (void)state;
    char text[ALARM_TEXT_BYTES];
    struct alarm_event event = {.epoch = UINT64_MAX,
                                .sequence = UINT64_MAX,
                                .wall_ns = UINT64_MAX,
                                .kind = ALARM_NO_CONFIRMATION,
                                .feeder = UINT16_MAX,
                                .cause = CAUSE_INSTANTANEOUS,
                                .value = -1.23456789e-300},
                       found;
    size_t length = alarm_text_write(&event, text);
    assert_true(length > 0);
    assert_int_equal(alarm_text_read(text, length, &found), 0);
    assert_memory_equal(&event, &found, sizeof event);
}

static void what_is_cut_or_changed_is_refused(void **state) {
    (void)state;
    char text[ALARM_TEXT_BYTES], longer[2 * ALARM_TEXT_BYTES];
    struct alarm_event found;
    size_t length = alarm_text_write(&example, text);
    for (size_t cut = 0; cut < length; cut++)
        assert_int_equal(alarm_text_read(text, cut, &found), GROVE_INVALID);
    memset(longer, ' ', sizeof longer);
    memcpy(longer, text, length);
    assert_int_equal(alarm_text_read(longer, length + 1, &found), GROVE_INVALID);
    assert_int_equal(alarm_text_read(longer, sizeof longer, &found), GROVE_INVALID);
    static const char *const wrong[][2] = {
        {"trip", "trap"}, {"raised", "razed!"}, {"short", "shirt"}, {":3,", ":0,"}, {"version\":1", "version\":2"}};
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        alarm_text_write(&example, text);
        char *place = strstr(text, wrong[i][0]);
        assert_non_null(place);
        memcpy(place, wrong[i][1], strlen(wrong[i][1]));
        assert_int_equal(alarm_text_read(text, length, &found), GROVE_INVALID);
    }
}

/* A feeder of 65540 is not feeder 4, and what was written by others in their way is not guessed at. */
static void a_number_is_read_only_as_it_is_written(void **state) {
    (void)state;
    static const char form[] =
        "{\"version\":1,\"epoch\":%s,\"sequence\":%s,\"wall_ns\":5,\"kind\":\"trip\",\"feeder\":%s,"
        "\"cause\":\"short circuit\",\"state\":\"raised\",\"value\":%s}";
    static const char *const numbers[][4] = {
        {"+7", "3", "4", "1.5"},    {" 7", "3", "4", "1.5"},
        {"-7", "3", "4", "1.5"},    {"7", "18446744073709551616", "4", "1.5"},
        {"7", "3", "65540", "1.5"}, {"7", "3", "04", "1.5"},
        {"7", "3", "4", "1.50"},    {"7", "3", "4", "0x1.8p0"},
        {"7", "3", "4", "inf"},     {"7", "3", "4", "1.5,\"value\":2"},
    };
    char text[ALARM_TEXT_BYTES];
    struct alarm_event found;
    int length = snprintf(text, sizeof text, form, "7", "3", "4", "1.5");
    assert_int_equal(alarm_text_read(text, (size_t)length, &found), 0);
    for (unsigned i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        length = snprintf(text, sizeof text, form, numbers[i][0], numbers[i][1], numbers[i][2], numbers[i][3]);
        if (alarm_text_read(text, (size_t)length, &found) != GROVE_INVALID)
            fail_msg("\"%s\" was read", text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_written_is_read),           cmocka_unit_test(people_and_programs_read_it),
        cmocka_unit_test(a_value_that_is_no_number_is_zero), cmocka_unit_test(the_largest_numbers_fit),
        cmocka_unit_test(what_is_cut_or_changed_is_refused), cmocka_unit_test(a_number_is_read_only_as_it_is_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
