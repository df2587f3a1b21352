/*
 * Values as people write them: durations and versions here, sizes and shares by lib/text.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/text/text.h"
#include "userspace/manifest/manifest.h"

int value_size(const char *text, uint64_t *bytes) {
    return text_size_parse(text, bytes);
}

int value_share(const char *text, uint64_t *ppm) {
    return text_share_parse(text, ppm);
}

int value_number(const char *text, uint64_t *number) {
    return text_number_parse(text, number);
}

const char *value_nearest(const char *text, const char *const *names) {
    return text_nearest(text, names);
}

static const struct {
    const char *name;
    uint64_t unit_ns;
} duration_units[] = {
    {"", 1000000000},    {"s", 1000000000},     {"ms", 1000000},       {"us", 1000},           {"ns", 1},
    {"m", 60000000000u}, {"min", 60000000000u}, {"h", 3600000000000u}, {"d", 86400000000000u},
};

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

int value_duration(const char *text, uint64_t *duration_ns) {
    static const char digits[] = "0123456789";
    size_t whole = strspn(text, digits), count = whole;
    if (!whole)
        return GROVE_INVALID;
    if (text[whole] == '.') {
        size_t fraction = strspn(text + whole + 1, digits);
        if (!fraction || fraction > 9)
            return GROVE_INVALID;
        count = whole + 1 + fraction;
    }
    for (size_t i = 0; i < sizeof(duration_units) / sizeof(duration_units[0]); i++)
        if (!strcmp(duration_units[i].name, text + count))
            return scale_duration(text, whole, count, duration_units[i].unit_ns, duration_ns) ? 0 : GROVE_INVALID;
    return GROVE_INVALID;
}

int value_version(const char *text, struct grove_version *version) {
    uint16_t parts[3] = {0};
    for (unsigned i = 0; i < 3; i++) {
        uint32_t number = 0;
        if (*text < '0' || *text > '9')
            return GROVE_INVALID;
        for (; *text >= '0' && *text <= '9'; text++) {
            number = number * 10 + (uint32_t)(*text - '0');
            if (number > UINT16_MAX)
                return GROVE_INVALID;
        }
        parts[i] = (uint16_t)number;
        if (!*text)
            break;
        if (*text != '.' || i == 2)
            return GROVE_INVALID;
        text++;
    }
    *version = (struct grove_version){.major = parts[0], .minor = parts[1], .patch = parts[2]};
    return 0;
}
