/*
 * Sizes, shares and plain numbers, written and read.
 *
 * Everything is exact: a text either is a number of the unit or it is refused, and what is formatted parses back to the
 * same number.
 */
#include "lib/text/text.h"

#include <stdio.h>
#include <string.h>

/* Decimal digits at *text, moved past. False if there is none or the number does not fit. */
static bool read_digits(const char **text, uint64_t *number) {
    const char *at = *text;
    uint64_t value = 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        unsigned digit = (unsigned)(*at - '0');
        if (value > (UINT64_MAX - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    if (at == *text)
        return false;
    *text = at;
    *number = value;
    return true;
}

int text_number_parse(const char *text, uint64_t *number) {
    uint64_t value;
    if (!read_digits(&text, &value) || *text)
        return GROVE_INVALID;
    *number = value;
    return 0;
}

static const char size_units[] = "KMGT";

int text_size_parse(const char *text, uint64_t *bytes) {
    uint64_t value;
    if (!read_digits(&text, &value))
        return GROVE_INVALID;
    if (*text) {
        const char *unit = strchr(size_units, *text);
        if (!unit || text[1])
            return GROVE_INVALID;
        unsigned shift = 10 * (unsigned)(unit - size_units + 1);
        if (value > UINT64_MAX >> shift)
            return GROVE_INVALID;
        value <<= shift;
    }
    *bytes = value;
    return 0;
}

size_t text_size_format(uint64_t bytes, char *text, size_t size_bytes) {
    unsigned unit = 0;
    while (bytes && bytes % 1024 == 0 && unit < sizeof(size_units) - 1) {
        bytes /= 1024;
        unit++;
    }
    char letter[2] = {unit ? size_units[unit - 1] : '\0', '\0'};
    return (size_t)snprintf(text, size_bytes, "%llu%s", (unsigned long long)bytes, letter);
}

#define PPM_PER_PERCENT 10000u

int text_share_parse(const char *text, uint64_t *ppm) {
    uint64_t value;
    if (!read_digits(&text, &value) || value > UINT64_MAX / PPM_PER_PERCENT - 1)
        return GROVE_INVALID;
    value *= PPM_PER_PERCENT;
    if (*text == '.') {
        const char *digit = text + 1;
        unsigned weight = PPM_PER_PERCENT;
        for (; *digit >= '0' && *digit <= '9' && weight > 1; digit++) {
            weight /= 10;
            value += (uint64_t)(*digit - '0') * weight;
        }
        if (digit == text + 1)
            return GROVE_INVALID;
        text = digit;
    }
    if (strcmp(text, "%") != 0)
        return GROVE_INVALID;
    *ppm = value;
    return 0;
}

size_t text_share_format(uint64_t ppm, char *text, size_t size_bytes) {
    unsigned long long whole = ppm / PPM_PER_PERCENT;
    unsigned fraction = (unsigned)(ppm % PPM_PER_PERCENT);
    if (!fraction)
        return (size_t)snprintf(text, size_bytes, "%llu%%", whole);
    int digits = 4;
    while (fraction % 10 == 0) {
        fraction /= 10;
        digits--;
    }
    return (size_t)snprintf(text, size_bytes, "%llu.%0*u%%", whole, digits, fraction);
}

/* ---- durations ---- */

static const struct {
    const char *name;
    uint64_t unit_ns;
} duration_units[] = {
    {"", 1000000000},    {"s", 1000000000},     {"ms", 1000000},       {"us", 1000},           {"ns", 1},
    {"m", 60000000000u}, {"min", 60000000000u}, {"h", 3600000000000u}, {"d", 86400000000000u},
};
#define DURATION_UNITS (sizeof duration_units / sizeof duration_units[0])

/* "1.5s" is exact: a fraction has at most nine digits, each worth a tenth of the one before. */
static bool scale_duration(const char *digits, size_t whole_digits, size_t digit_count, uint64_t unit_ns,
                           uint64_t *duration_ns) {
    uint64_t total = 0;
    for (size_t i = 0; i < whole_digits; i++) {
        uint64_t digit = (uint64_t)(digits[i] - '0');
        if (total > (INT64_MAX - digit) / 10)
            return false;
        total = total * 10 + digit;
    }
    if (total > INT64_MAX / unit_ns)
        return false;
    total *= unit_ns;
    for (size_t i = whole_digits + 1; i < digit_count; i++) {
        unit_ns /= 10;
        total += (uint64_t)(digits[i] - '0') * unit_ns;
    }
    *duration_ns = total;
    return total <= INT64_MAX;
}

int text_duration_parse(const char *text, uint64_t *duration_ns) {
    static const char digits[] = "0123456789";
    size_t whole = strspn(text, digits), count = whole;
    uint64_t parsed_ns;
    if (!whole)
        return GROVE_INVALID;
    if (text[whole] == '.') {
        size_t fraction = strspn(text + whole + 1, digits);
        if (!fraction || fraction > 9)
            return GROVE_INVALID;
        count = whole + 1 + fraction;
    }
    for (size_t i = 0; i < DURATION_UNITS; i++) {
        if (strcmp(duration_units[i].name, text + count) != 0)
            continue;
        if (!scale_duration(text, whole, count, duration_units[i].unit_ns, &parsed_ns))
            return GROVE_INVALID;
        *duration_ns = parsed_ns;
        return 0;
    }
    return GROVE_INVALID;
}

size_t text_duration_format(uint64_t duration_ns, char *text, size_t size_bytes) {
    static const char *const order[] = {"d", "h", "m", "s", "ms", "us", "ns"};
    for (size_t i = 0; i < sizeof order / sizeof order[0]; i++)
        for (size_t unit = 0; unit < DURATION_UNITS; unit++)
            if (!strcmp(duration_units[unit].name, order[i]) && duration_ns % duration_units[unit].unit_ns == 0 &&
                (duration_ns != 0 || !strcmp(order[i], "s")))
                return (size_t)snprintf(text, size_bytes, "%llu%s",
                                        (unsigned long long)(duration_ns / duration_units[unit].unit_ns), order[i]);
    return (size_t)snprintf(text, size_bytes, "%lluns", (unsigned long long)duration_ns);
}
