/* A schema built by hand, for the unit tests of those who read one. */
#ifndef GROVE_CONFIG_SCHEMA_EXAMPLE_H
#define GROVE_CONFIG_SCHEMA_EXAMPLE_H

#include <stdlib.h>
#include <string.h>

#include "lib/config/value.h"

struct schema_example_key {
    const char *name;
    uint16_t type, flags;
    const char *standing, *choices, *pattern; /* choices with spaces between */
    double least, most;
};

static inline struct grove_span schema_example_text(struct config_schema *schema, const char *text, size_t bytes) {
    char *end = (char *)schema + schema->text_offset_bytes + schema->text_bytes;
    struct grove_span span = {schema->text_bytes, (uint32_t)bytes};
    memcpy(end, text, bytes);
    end[bytes] = '\0';
    schema->text_bytes += (uint32_t)bytes + 1;
    return span;
}

static inline uint64_t schema_example_number(uint16_t type, double value) {
    union config_number number = {.amount = 0};
    if (type == GROVE_CONFIG_FLOAT)
        number.real = value;
    else
        number.whole = (int64_t)value;
    return number.amount;
}

/* malloc'ed; *bytes is its size. */
static inline struct config_schema *schema_example(uint32_t *bytes) {
    static const struct schema_example_key keys[] = {
        {"count", GROVE_CONFIG_INT, CONFIG_KEY_STANDING, "4", "", "", 0, 0},
        {"host", GROVE_CONFIG_STRING, 0, "", "", "[a-z]+-[0-9]+", 0, 0},
        {"limit", GROVE_CONFIG_FLOAT, CONFIG_KEY_STANDING | CONFIG_KEY_LEAST | CONFIG_KEY_MOST, "49", "", "", 45, 55},
        {"mode", GROVE_CONFIG_STRING, CONFIG_KEY_REQUIRED, "", "fast slow", "", 0, 0},
        {"period", GROVE_CONFIG_DURATION, CONFIG_KEY_LEAST | CONFIG_KEY_RESTART, "", "", "", 1e7, 0},
        {"steps", GROVE_CONFIG_INT, CONFIG_KEY_LIST, "", "", "", 0, 0},
        {"token", GROVE_CONFIG_STRING, CONFIG_KEY_SECRET | CONFIG_KEY_LEAST, "", "", "", 8, 0},
        {"where", GROVE_CONFIG_ADDRESS, 0, "", "", "", 0, 0},
    };
    const uint32_t count = sizeof keys / sizeof keys[0];
    struct config_schema *schema = calloc(1, 8192);
    struct config_schema_key *made = (struct config_schema_key *)(void *)(schema + 1);
    *schema = (struct config_schema){.version = CONFIG_SCHEMA_VERSION,
                                     .key_count = count,
                                     .text_offset_bytes = (uint32_t)(sizeof *schema + count * sizeof *made)};
    struct grove_span empty = schema_example_text(schema, "", 0);
    for (uint32_t index = 0; index < count; index++) {
        const struct schema_example_key *key = &keys[index];
        made[index] =
            (struct config_schema_key){.name = schema_example_text(schema, key->name, strlen(key->name)),
                                       .pattern = schema_example_text(schema, key->pattern, strlen(key->pattern)),
                                       .help = empty,
                                       .standing = empty,
                                       .choices = empty,
                                       .type = key->type,
                                       .flags = key->flags,
                                       .least = schema_example_number(key->type, key->least),
                                       .most = schema_example_number(key->type, key->most)};
        if (key->flags & CONFIG_KEY_LEAST && (key->type == GROVE_CONFIG_STRING))
            made[index].least = (uint64_t)key->least;
        if ((key->flags & CONFIG_KEY_STANDING) != 0) {
            made[index].standing = schema_example_text(schema, key->standing, strlen(key->standing) + 1);
            made[index].standing_count = 1;
        }
        if (key->choices[0] != '\0') {
            char list[64];
            size_t length = strlen(key->choices) + 1;
            memcpy(list, key->choices, length);
            made[index].choice_count = 1;
            for (size_t at = 0; at + 1 < length; at++)
                if (list[at] == ' ') {
                    list[at] = '\0';
                    made[index].choice_count++;
                }
            made[index].choices = schema_example_text(schema, list, length);
        }
    }
    *bytes = schema->text_offset_bytes + schema->text_bytes;
    return schema;
}

#endif
