/* The date of the PC's clock: see cmos.h. */
#include "kernel/machine/bare/time/cmos.h"

#include "grove/abi/status.h"

#include <stdbool.h>

#define FIRST_YEAR 1970u
#define HOURS_OF_HALF 12u
#define SECONDS_PER_DAY 86400

/* False: a digit is none. */
static bool read_number(uint8_t raw, bool is_binary, unsigned *number) {
    if (!is_binary && ((raw & 0x0f) > 9 || raw >> 4 > 9))
        return false;
    *number = is_binary ? raw : (raw >> 4) * 10u + (raw & 0x0f);
    return true;
}

static bool is_leap(unsigned year) {
    return year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
}

static unsigned days_of_month(unsigned month, unsigned year) {
    static const uint8_t days[12] = {31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[month - 1] + (month == 2 && is_leap(year) ? 1u : 0u);
}

/* Leap years before `year`, from year 1 on. */
static unsigned leap_years_before(unsigned year) {
    return (year - 1) / 4 - (year - 1) / 100 + (year - 1) / 400;
}

static unsigned days_before(unsigned day, unsigned month, unsigned year) {
    unsigned days = (year - FIRST_YEAR) * 365 + leap_years_before(year) - leap_years_before(FIRST_YEAR);
    for (unsigned before = 1; before < month; before++)
        days += days_of_month(before, year);
    return days + day - 1;
}

/* From 0 to 23. Of 12 hours the twelfth comes first. */
static bool read_hour(const struct cmos_date *date, bool is_binary, unsigned *hour) {
    bool is_12 = (date->state_b & CMOS_STATE_24_HOURS) == 0;
    bool is_afternoon = is_12 && (date->hour & CMOS_HOUR_AFTERNOON) != 0;
    uint8_t raw = (uint8_t)(is_afternoon ? date->hour & ~CMOS_HOUR_AFTERNOON : date->hour);
    if (!read_number(raw, is_binary, hour))
        return false;
    if (!is_12)
        return *hour < 2 * HOURS_OF_HALF;
    if (*hour == 0 || *hour > HOURS_OF_HALF)
        return false;
    *hour = *hour % HOURS_OF_HALF + (is_afternoon ? HOURS_OF_HALF : 0);
    return true;
}

static bool read_year(const struct cmos_date *date, bool is_binary, unsigned *year) {
    unsigned century = 0;
    if (!read_number(date->year, is_binary, year) || *year > 99 || !read_number(date->century, is_binary, &century))
        return false;
    if (century == 0)
        century = *year < FIRST_YEAR % 100 ? 20 : 19;
    *year += century * 100;
    return *year >= FIRST_YEAR && *year <= 9999;
}

int cmos_read_date(const struct cmos_date *date, int64_t *seconds) {
    bool is_binary = (date->state_b & CMOS_STATE_BINARY) != 0;
    unsigned second, minute, hour, day, month, year;
    if (!read_number(date->second, is_binary, &second) || !read_number(date->minute, is_binary, &minute) ||
        !read_hour(date, is_binary, &hour) || !read_number(date->day, is_binary, &day) ||
        !read_number(date->month, is_binary, &month) || !read_year(date, is_binary, &year))
        return GROVE_INVALID;
    if (second > 59 || minute > 59 || month < 1 || month > 12 || day < 1 || day > days_of_month(month, year))
        return GROVE_INVALID;
    *seconds = (int64_t)days_before(day, month, year) * SECONDS_PER_DAY + (int64_t)hour * 3600 + (int64_t)minute * 60 +
               (int64_t)second;
    return 0;
}
