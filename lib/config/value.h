/*
 * Values of configuration: the texts that people write, checked by a schema, and the form in which programs read them.
 */
#ifndef GROVE_CONFIG_VALUE_H
#define GROVE_CONFIG_VALUE_H

#include "lib/config/schema.h"

/* The written form: texts that each end with a zero byte, one for a single value, any number for a list. */
struct config_text {
    const char *items;
    size_t bytes; /* with all zero bytes */
};

/* Longest written form, and longest value as programs read it. */
#define CONFIG_TEXT_BYTES_MAX 4096u
#define CONFIG_VALUE_BYTES_MAX (9u * CONFIG_TEXT_BYTES_MAX)

uint32_t config_text_count(const struct config_text *text);
/* The item behind this one; NULL to begin. NULL at the end. */
const char *config_text_next(const struct config_text *text, const char *item);

/* A number of a type from its written form. GROVE_INVALID. */
int config_number_parse(uint16_t type, const char *text, union config_number *number);
/* "a whole number", "a time like 250ms"; constant. */
const char *config_type_phrase(uint16_t type);
/* "int"; constant. */
const char *config_type_name(uint16_t type);

/*
 * Is this a value that the key allows? GROVE_INVALID, with a sentence in `problem` (may be NULL) that says what is wrong
 * and what would be right. The value itself stands in it only if the key is no secret.
 */
int config_value_check(const struct config_schema *schema, const struct config_schema_key *key,
                       const struct config_text *text, char *problem, size_t problem_bytes);
/*
 * To the form that programs read (struct grove_config_value): *bytes in `data`, and the kind. Only what has passed
 * config_value_check. `data` has CONFIG_VALUE_BYTES_MAX bytes.
 */
void config_value_encode(const struct config_schema_key *key, const struct config_text *text, void *data, size_t *bytes,
                         uint32_t *kind);

#endif
