/*
 * Values as people write them: versions here, all others by lib/text.
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

int value_duration(const char *text, uint64_t *duration_ns) {
    return text_duration_parse(text, duration_ns);
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
