/* Words to bytes and back, by a signature; and what is said to who gets it wrong. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grove/abi/status.h"
#include "userspace/grove/commands/call_arguments.h"

static unsigned char message[256];
static size_t used;
static char problem[CALL_PROBLEM_BYTES];

static int encode(const char *signature, const char *const *words, unsigned count) {
    problem[0] = '\0';
    return call_encode(signature, words, count, message, sizeof message, &used, problem, sizeof problem);
}
#define ENCODE(signature, ...) \
    encode(signature, (const char *const[]){__VA_ARGS__}, sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void numbers_are_packed_little_endian(void **state) {
    (void)state;
    assert_int_equal(ENCODE("a:u16 b:i32 c:u8 d:text", "0x1234", "b=-2", "7", "hi"), 0);
    static const unsigned char expected[] = {0x34, 0x12, 0xfe, 0xff, 0xff, 0xff, 7, 'h', 'i'};
    assert_int_equal(used, sizeof expected);
    assert_memory_equal(message, expected, sizeof expected);
}

static void what_was_encoded_decodes(void **state) {
    (void)state;
    json_t *object;
    assert_int_equal(ENCODE("v:f64 f:f32 n:i8 ok:bool b:bytes", "49.8", "-1.5", "-128", "true", "00ff"), 0);
    assert_int_equal(call_decode("v:f64 f:f32 n:i8 ok:bool b:bytes", message, used, &object, problem, sizeof problem),
                     0);
    assert_true(json_real_value(json_object_get(object, "v")) == 49.8);
    assert_true(json_real_value(json_object_get(object, "f")) == -1.5);
    assert_int_equal(json_integer_value(json_object_get(object, "n")), -128);
    assert_true(json_is_true(json_object_get(object, "ok")));
    assert_string_equal(json_string_value(json_object_get(object, "b")), "00ff");
    json_decref(object);
}

static void wrong_words_are_explained(void **state) {
    (void)state;
    assert_int_equal(ENCODE("a:u8", "256"), GROVE_INVALID);
    assert_non_null(strstr(problem, "larger than 255"));
    assert_int_equal(ENCODE("a:u8", "-1"), GROVE_INVALID);
    assert_non_null(strstr(problem, "from 0 to 255"));
    assert_int_equal(ENCODE("a:i8", "128"), GROVE_INVALID);
    assert_non_null(strstr(problem, "-128 to 127"));
    assert_int_equal(ENCODE("a:u64", "18446744073709551616"), GROVE_INVALID);
    assert_int_equal(ENCODE("a:bool", "yes"), GROVE_INVALID);
    assert_non_null(strstr(problem, "true or false"));
    assert_int_equal(ENCODE("a:u8 b:u8", "1"), GROVE_INVALID);
    assert_non_null(strstr(problem, "b:u8 is missing"));
    assert_int_equal(ENCODE("a:u8", "1", "2"), GROVE_INVALID);
    assert_non_null(strstr(problem, "one argument too many"));
    assert_int_equal(ENCODE("a:u8 b:u8", "b=1", "2"), GROVE_INVALID);
    assert_non_null(strstr(problem, "where a:u8 belongs"));
    assert_int_equal(ENCODE("a:bytes", "0g"), GROVE_INVALID);
}

static void hostile_signatures_and_replies_are_refused(void **state) {
    (void)state;
    json_t *object = NULL;
    assert_int_equal(ENCODE("a", "1"), GROVE_INVALID);
    assert_int_equal(ENCODE("a:u7", "1"), GROVE_INVALID);
    assert_int_equal(ENCODE("a:text b:u8", "1", "2"), GROVE_INVALID);
    assert_int_equal(call_decode("a:u32", "abc", 3, &object, problem, sizeof problem), GROVE_INVALID);
    assert_non_null(strstr(problem, "ends before a:u32"));
    assert_int_equal(call_decode("a:u8", "abc", 3, &object, problem, sizeof problem), GROVE_INVALID);
    assert_non_null(strstr(problem, "2 bytes more"));
    assert_null(object);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_packed_little_endian),
        cmocka_unit_test(what_was_encoded_decodes),
        cmocka_unit_test(wrong_words_are_explained),
        cmocka_unit_test(hostile_signatures_and_replies_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
