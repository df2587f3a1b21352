/* Unit tests of the PC clock's date, beside the C library's calendar. */
#include "kernel/machine/bare/time/cmos.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"

#include <stdbool.h>
#include <time.h>

static uint8_t put(unsigned number, bool is_binary) {
    return (uint8_t)(is_binary ? number : number / 10 << 4 | number % 10);
}

static struct cmos_date made(const struct tm *time, uint8_t state, bool has_century) {
    bool is_binary = (state & CMOS_STATE_BINARY) != 0;
    unsigned hour = (unsigned)time->tm_hour, year = (unsigned)time->tm_year + 1900;
    uint8_t raw_hour = put(hour, is_binary);
    if ((state & CMOS_STATE_24_HOURS) == 0) {
        raw_hour = put(hour % 12 == 0 ? 12 : hour % 12, is_binary);
        raw_hour |= hour >= 12 ? CMOS_HOUR_AFTERNOON : 0;
    }
    return (struct cmos_date){.second = put((unsigned)time->tm_sec, is_binary),
                              .minute = put((unsigned)time->tm_min, is_binary),
                              .hour = raw_hour,
                              .day = put((unsigned)time->tm_mday, is_binary),
                              .month = put((unsigned)time->tm_mon + 1, is_binary),
                              .year = put(year % 100, is_binary),
                              .century = has_century ? put(year / 100, is_binary) : 0,
                              .state_b = state};
}

static void all_ways_to_say_a_date_are_read(void **state) {
    static const uint8_t states[] = {0, CMOS_STATE_BINARY, CMOS_STATE_24_HOURS,
                                     CMOS_STATE_BINARY | CMOS_STATE_24_HOURS};
    (void)state;
    /* A step of some days and odd seconds comes by every month, hour and leap year. */
    for (time_t at = 0; at < (time_t)300 * 366 * 86400; at += 277777) {
        struct tm time;
        assert_non_null(gmtime_r(&at, &time));
        for (unsigned i = 0; i < ITEMS(states); i++) {
            bool is_in_window = time.tm_year < 170; /* 2070 */
            struct cmos_date date = made(&time, states[i], !is_in_window || at % 2 == 0);
            int64_t seconds = -1;
            assert_int_equal(cmos_read_date(&date, &seconds), 0);
            assert_int_equal(seconds, at);
        }
    }
}

static void what_is_no_date_is_refused(void **state) {
    (void)state;
    const struct tm time = {.tm_year = 123, .tm_mon = 1, .tm_mday = 28, .tm_hour = 11};
    const struct cmos_date right = made(&time, CMOS_STATE_24_HOURS, true);
    int64_t seconds = 7;
    struct cmos_date wrong[9];
    for (unsigned i = 0; i < ITEMS(wrong); i++)
        wrong[i] = right;
    wrong[0].second = 0x60;
    wrong[1].minute = 0x0a;
    wrong[2].hour = 0x24;
    wrong[3].day = 0x29; /* of February 2023 */
    wrong[4].month = 0x13;
    wrong[5].month = 0;
    wrong[6].day = 0;
    wrong[7].century = 0x18;
    wrong[8] = (struct cmos_date){.second = 0xff,
                                  .minute = 0xff,
                                  .hour = 0xff,
                                  .day = 0xff,
                                  .month = 0xff,
                                  .year = 0xff,
                                  .century = 0xff,
                                  .state_b = 0xff}; /* no clock at all */
    for (unsigned i = 0; i < ITEMS(wrong); i++)
        assert_int_equal(cmos_read_date(&wrong[i], &seconds), GROVE_INVALID);
    assert_int_equal(seconds, 7);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_ways_to_say_a_date_are_read),
        cmocka_unit_test(what_is_no_date_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
