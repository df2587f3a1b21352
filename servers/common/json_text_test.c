/* What the emitter writes is JSON to a parser that somebody else wrote, whatever the values are, and never too much. */
#include "servers/common/json_text.h"

#include "grove/abi/status.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <jansson.h>

static char text[4096];
static struct json_text json;

static const char *end(void) {
    size_t length_bytes = 0;
    assert_int_equal(json_text_end(&json, &length_bytes), 0);
    assert_int_equal(length_bytes, strlen(text));
    return text;
}

static void begin(void) {
    json_text_begin(&json, text, sizeof text);
}

static void every_kind_of_value_is_written(void **state) {
    (void)state;
    begin();
    assert_string_equal(end(), "{}");
    begin();
    json_text_string(&json, "service", "grid.alarm");
    json_text_string(&json, "reason", NULL);
    json_text_bytes(&json, "part", "abc", 2);
    json_text_u64(&json, "most", UINT64_MAX);
    json_text_i64(&json, "least", INT64_MIN);
    json_text_bool(&json, "yes", true);
    json_text_bool(&json, "no", false);
    json_text_double(&json, "tenth", 0.1);
    json_text_double(&json, "whole", -3);
    json_text_double(&json, "none", NAN);
    json_text_double(&json, "endless", INFINITY);
    assert_string_equal(end(),
                        "{\"service\":\"grid.alarm\",\"reason\":null,\"part\":\"ab\",\"most\":18446744073709551615,"
                        "\"least\":-9223372036854775808,\"yes\":true,\"no\":false,\"tenth\":0.1,\"whole\":-3,"
                        "\"none\":null,\"endless\":null}");
}

static void strings_are_escaped(void **state) {
    (void)state;
    begin();
    json_text_bytes(&json, "a\"b", "\"\\/\b\f\n\r\t\0\x1f\x7f", 11);
    assert_string_equal(end(), "{\"a\\\"b\":\"\\\"\\\\/\\b\\f\\n\\r\\t\\u0000\\u001f\x7f\"}");
}

/* What is written for one string alone. */
static void assert_string(const char *value, const char *expected) {
    char wanted[256];
    begin();
    json_text_string(&json, "s", value);
    snprintf(wanted, sizeof wanted, "{\"s\":\"%s\"}", expected);
    assert_string_equal(end(), wanted);
}

#define BAD "\xef\xbf\xbd"

static void only_valid_utf8_is_written(void **state) {
    (void)state;
    assert_string("\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\xb3", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x8c\xb3");
    assert_string("\xff", BAD);
    assert_string("a\x80z", "a" BAD "z");
    assert_string("\xc0\x80", BAD BAD); /* overlong */
    assert_string("\xe0\x9f\xbf", BAD BAD BAD);
    assert_string("\xed\xa0\x80", BAD BAD BAD); /* a surrogate */
    assert_string("\xf0\x8f\xbf\xbf", BAD BAD BAD BAD);
    assert_string("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* above U+10FFFF */
    assert_string("\xf4\x8f\xbf\xbf", "\xf4\x8f\xbf\xbf");
    assert_string("\xe2\x82", BAD BAD); /* cut off */
    assert_string("\xe2\"", BAD "\\\"");
}

/* Each size that is too small is refused, with nothing written outside of it. */
static void what_does_not_fit_is_refused(void **state) {
    (void)state;
    char all[64], guarded[80];
    size_t length_bytes = 0, untouched = 4711;
    json_text_begin(&json, all, sizeof all);
    json_text_string(&json, "name", "\x01 \xc3\xa4 \xff");
    json_text_u64(&json, "n", 12345);
    assert_int_equal(json_text_end(&json, &length_bytes), 0);
    for (size_t size = 1; size <= length_bytes + 1; size++) {
        memset(guarded, '#', sizeof guarded);
        json_text_begin(&json, guarded, size);
        json_text_string(&json, "name", "\x01 \xc3\xa4 \xff");
        json_text_u64(&json, "n", 12345);
        if (size <= length_bytes) {
            assert_int_equal(json_text_end(&json, &untouched), GROVE_TOO_LARGE);
            assert_int_equal(untouched, 4711);
            assert_string_equal(guarded, "");
        } else {
            assert_int_equal(json_text_end(&json, &untouched), 0);
            assert_string_equal(guarded, all);
        }
        for (size_t at = size; at < sizeof guarded; at++)
            assert_int_equal(guarded[at], '#');
    }
}

static void random_values_come_back_from_a_parser(void **state) {
    (void)state;
    for (int round = 0; round < 2000; round++) {
        char bytes[64];
        size_t count = (size_t)rand() % sizeof bytes;
        int64_t number = (int64_t)((uint64_t)rand() << 33 ^ (uint64_t)rand());
        double share = ldexp((double)rand() / RAND_MAX - 0.5, rand() % 200 - 100);
        for (size_t i = 0; i < count; i++)
            bytes[i] = (char)rand();
        begin();
        json_text_bytes(&json, "bytes", bytes, count);
        json_text_i64(&json, "number", number);
        json_text_double(&json, "share", share);
        json_t *parsed = json_loads(end(), JSON_ALLOW_NUL, NULL);
        if (parsed == NULL)
            fail_msg("no JSON: %s", text);
        assert_true(json_integer_value(json_object_get(parsed, "number")) == number);
        assert_true(json_number_value(json_object_get(parsed, "share")) == share);
        assert_true(json_string_length(json_object_get(parsed, "bytes")) >= count);
        json_decref(parsed);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_of_value_is_written),
        cmocka_unit_test(strings_are_escaped),
        cmocka_unit_test(only_valid_utf8_is_written),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(random_values_come_back_from_a_parser),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
