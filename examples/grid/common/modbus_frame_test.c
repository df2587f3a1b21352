/* Frames: the bytes of the specification's examples, and answers that lie. */
#include "examples/grid/common/modbus_frame.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static const struct modbus_request read_two = {
    .transaction = 0x0102, .unit = 9, .table = TABLE_INPUT, .address = 8, .count = 2};
static const unsigned char answer_two[] = {1, 2, 0, 0, 0, 7, 9, 4, 4, 0x12, 0x34, 0xff, 0xfe};

static void requests(void **state) {
    (void)state;
    static const unsigned char expected[] = {1, 2, 0, 0, 0, 6, 9, 4, 0, 8, 0, 2};
    static const unsigned char trip[] = {0, 1, 0, 0, 0, 6, 1, 5, 0, 3, 0xff, 0};
    unsigned char frame[MODBUS_FRAME_BYTES_MAX];
    assert_int_equal(modbus_frame_write(&read_two, frame), sizeof expected);
    assert_memory_equal(frame, expected, sizeof expected);
    struct modbus_request write = {.transaction = 1, .unit = 1, .is_write = true, .value = true, .address = 3};
    assert_int_equal(modbus_frame_write(&write, frame), sizeof trip);
    assert_memory_equal(frame, trip, sizeof trip);
}

static void answers(void **state) {
    (void)state;
    struct modbus_answer answer;
    assert_int_equal(modbus_frame_read(answer_two, sizeof answer_two, &read_two, &answer), 0);
    assert_int_equal(answer.count, 2);
    assert_int_equal(answer.words[0], 0x1234);
    assert_int_equal(answer.words[1], 0xfffe);
    struct modbus_request bits = {.unit = 1, .table = TABLE_COIL, .count = 10};
    static const unsigned char coils[] = {0, 0, 0, 0, 0, 5, 1, 1, 2, 0x05, 0x02};
    assert_int_equal(modbus_frame_read(coils, sizeof coils, &bits, &answer), 0);
    assert_int_equal(answer.words[0] + 10 * answer.words[1] + 100 * answer.words[2] + 1000 * answer.words[9], 1101);
    static const unsigned char refused[] = {1, 2, 0, 0, 0, 3, 9, 0x84, 2};
    assert_int_equal(modbus_frame_read(refused, sizeof refused, &read_two, &answer), 0);
    assert_int_equal(answer.exception, 2);
}

/* Each byte of the answer turned wrong: what decides (header, function, length) must be noticed, data is data. */
static void lies_are_noticed(void **state) {
    (void)state;
    struct modbus_answer answer;
    for (size_t at = 0; at < sizeof answer_two; at++) {
        unsigned char frame[sizeof answer_two];
        memcpy(frame, answer_two, sizeof frame);
        frame[at] ^= 0x11;
        int status = modbus_frame_read(frame, sizeof frame, &read_two, &answer);
        if (at < 2)
            assert_int_equal(status, GROVE_STALE_HANDLE);
        else if (at >= 6 && at <= 8)
            assert_int_equal(status, GROVE_CORRUPT);
    }
    for (size_t length = 0; length < sizeof answer_two; length++)
        assert_int_equal(modbus_frame_read(answer_two, length, &read_two, &answer), GROVE_CORRUPT);
    struct modbus_request write = {.transaction = 0x0102, .unit = 9, .is_write = true, .value = true, .address = 3};
    static const unsigned char other[] = {1, 2, 0, 0, 0, 6, 9, 5, 0, 4, 0xff, 0};
    assert_int_equal(modbus_frame_read(other, sizeof other, &write, &answer), GROVE_CORRUPT);
}

static void lengths(void **state) {
    (void)state;
    size_t length = 0;
    for (size_t got = 0; got < sizeof answer_two; got++)
        assert_int_equal(modbus_frame_length(answer_two, got, &length), GROVE_AGAIN);
    assert_int_equal(modbus_frame_length(answer_two, sizeof answer_two, &length), 0);
    assert_int_equal(length, sizeof answer_two);
    static const unsigned char no_modbus[] = {1, 2, 0, 9, 0, 7, 9}, too_long[] = {1, 2, 0, 0, 1, 7, 9},
                               too_short[] = {1, 2, 0, 0, 0, 1, 9};
    assert_int_equal(modbus_frame_length(no_modbus, 7, &length), GROVE_CORRUPT);
    assert_int_equal(modbus_frame_length(too_long, 7, &length), GROVE_CORRUPT);
    assert_int_equal(modbus_frame_length(too_short, 7, &length), GROVE_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(requests), cmocka_unit_test(answers),
                                       cmocka_unit_test(lies_are_noticed), cmocka_unit_test(lengths)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
