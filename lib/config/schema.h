/*
 * The schema of a service's configuration: section GROVE_SECTION_CONFIG of its spec.
 *
 *     +---------------------------+  0
 *     | struct config_schema      |
 *     +---------------------------+
 *     | struct config_schema_key  |  key_count of them, sorted by name, names unique
 *     +---------------------------+  text_offset_bytes
 *     | text                      |  every span lies inside it and is followed by a zero byte
 *     +---------------------------+
 *
 * Lists of texts (choices, a standing list) are one span in which each text ends with a zero byte. Little-endian as the
 * rest of the spec. Made by the manifest compiler, read by the configuration service; the kernel sees bytes.
 */
#ifndef GROVE_CONFIG_SCHEMA_H
#define GROVE_CONFIG_SCHEMA_H

#include <stdbool.h>

#include "grove/abi/spec.h"
#include "grove/config.h"

#define CONFIG_SCHEMA_VERSION 1u

struct config_schema {
    uint32_t version, key_count;
    uint32_t text_offset_bytes, text_bytes;
};

enum config_key_flags {
    CONFIG_KEY_LIST = 1u << 0, /* any number of values of the type */
    CONFIG_KEY_REQUIRED = 1u << 1, /* somebody must set it; it has no standing value */
    CONFIG_KEY_SECRET = 1u << 2, /* shown to its service alone */
    CONFIG_KEY_RESTART = 1u << 3, /* changes only with a restart of the service */
    CONFIG_KEY_STANDING = 1u << 4, /* `standing` counts when nobody sets it; else the key is absent then */
    CONFIG_KEY_LEAST = 1u << 5,
    CONFIG_KEY_MOST = 1u << 6,
    CONFIG_KEY_FLAGS_ALL = 0x7f,
};

/* A number by the key's type: INT and BOOL, DURATION (ns) and SIZE (bytes), FLOAT. */
union config_number {
    int64_t whole;
    uint64_t amount;
    double real;
};

struct config_schema_key {
    struct grove_span name, standing, choices, pattern, help;
    uint16_t type; /* enum grove_config_type */
    uint16_t flags; /* enum config_key_flags */
    uint32_t standing_count, choice_count;
    uint32_t reserved;
    uint64_t least, most; /* the bits of a union config_number */
};

/*
 * Check that a section is a schema: everything inside, enumerations in range, names sorted, patterns patterns, standing
 * values allowed by their own key. Sets *problem (may be NULL) to a constant sentence. GROVE_INVALID, GROVE_VERSION.
 * Afterwards the functions below cannot fail, as long as the bytes do not change.
 */
int config_schema_check(const void *section, uint32_t section_bytes, const char **problem);

const struct config_schema_key *config_schema_keys(const struct config_schema *schema);
/* NULL if there is no key of that name. */
const struct config_schema_key *config_schema_find(const struct config_schema *schema, const char *name);
const char *config_schema_text(const struct config_schema *schema, struct grove_span span);
/* The key's name that a misspelt one may mean, or NULL. */
const char *config_schema_nearest(const struct config_schema *schema, const char *name);
/* Tokens of letters, digits, "_" and "-" between single dots, at most GROVE_CONFIG_KEY_MAX bytes. */
bool config_key_is_valid(const char *name);

#endif
