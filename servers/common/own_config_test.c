/* Tests of servers/common/own_config.c: values into their places, and into a file and out of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include <string.h>

#include "servers/common/own_config.h"

static uint64_t count = 7, wait_ns = 8, room_bytes = 9;
static double factor = 1.0;
static bool is_on = true;

static const struct own_key keys[] = {
    {"count", GROVE_CONFIG_INT, {.amount = &count}},      {"wait", GROVE_CONFIG_DURATION, {.amount = &wait_ns}},
    {"room", GROVE_CONFIG_SIZE, {.amount = &room_bytes}}, {"factor", GROVE_CONFIG_FLOAT, {.real = &factor}},
    {"on", GROVE_CONFIG_BOOL, {.is_set = &is_on}},
};

#define KEYS ((unsigned)(sizeof keys / sizeof keys[0]))

static bool take(const char *key, uint32_t kind, const void *data) {
    const struct grove_config_value value = {.kind = kind, .count = 1, .data = data, .bytes = 8};
    const struct grove_config_change change = {.key = key, .after = data != NULL ? &value : NULL};
    return own_config_take(keys, KEYS, &change);
}

static void values_go_to_their_places(void **state) {
    const int64_t whole = 12;
    const uint64_t amount = 3000, on = 0;
    const double real = 2.5;
    (void)state;
    assert_true(take("count", GROVE_CONFIG_INT, &whole));
    assert_false(take("count", GROVE_CONFIG_INT, &whole)); /* it is so already */
    assert_true(take("wait", GROVE_CONFIG_DURATION, &amount));
    assert_true(take("room", GROVE_CONFIG_SIZE, &amount));
    assert_true(take("factor", GROVE_CONFIG_FLOAT, &real));
    assert_true(take("on", GROVE_CONFIG_BOOL, &on));
    assert_int_equal(count, 12);
    assert_int_equal(wait_ns, 3000);
    assert_int_equal(room_bytes, 3000);
    assert_true(factor > 2.4 && factor < 2.6);
    assert_false(is_on);
}

static void what_does_not_fit_changes_nothing(void **state) {
    const int64_t below = -1;
    const uint64_t amount = 5;
    (void)state;
    count = 7;
    wait_ns = 8;
    assert_false(take("count", GROVE_CONFIG_INT, &below));
    assert_false(take("count", GROVE_CONFIG_SIZE, &amount));
    assert_false(take("wait", GROVE_CONFIG_INT, &amount));
    assert_false(take("count", GROVE_CONFIG_INT, NULL));
    assert_false(take("other", GROVE_CONFIG_INT, &amount));
    assert_int_equal(count, 7);
    assert_int_equal(wait_ns, 8);
}

static void a_file_brings_back_what_held(void **state) {
    uint64_t file[512], later[512];
    (void)state;
    count = 70;
    factor = 3.5;
    is_on = false;
    size_t length = own_config_encode(keys, KEYS, file);
    count = 7;
    factor = 1.0;
    is_on = true;
    assert_true(own_config_decode(keys, KEYS, file, length));
    assert_int_equal(count, 70);
    assert_true(factor > 3.4 && factor < 3.6);
    assert_false(is_on);
    /* One of another version of the service: keys that it has not, and one that has another type now. */
    static const struct own_key others[] = {{"count", GROVE_CONFIG_SIZE, {.amount = &room_bytes}},
                                            {"wait", GROVE_CONFIG_DURATION, {.amount = &wait_ns}}};
    room_bytes = 1;
    wait_ns = 44;
    length = own_config_encode(others, 2, later);
    wait_ns = 8;
    assert_true(own_config_decode(keys, KEYS, later, length));
    assert_int_equal(count, 70);
    assert_int_equal(wait_ns, 44);
}

static void a_damaged_file_changes_nothing(void **state) {
    uint64_t file[512];
    (void)state;
    count = 70;
    size_t length = own_config_encode(keys, KEYS, file);
    count = 7;
    for (size_t cut = 0; cut < length; cut++)
        assert_false(own_config_decode(keys, KEYS, file, cut));
    for (size_t at = 0; at < length; at++) {
        ((unsigned char *)file)[at] ^= 0x10;
        assert_false(own_config_decode(keys, KEYS, file, length));
        ((unsigned char *)file)[at] ^= 0x10;
    }
    assert_int_equal(count, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_go_to_their_places),
        cmocka_unit_test(what_does_not_fit_changes_nothing),
        cmocka_unit_test(a_file_brings_back_what_held),
        cmocka_unit_test(a_damaged_file_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
