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
