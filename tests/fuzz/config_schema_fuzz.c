/*
 * Fuzz target: the schema of a configuration, then a value. What config_schema_check lets through must be readable by every
 * accessor, and any text can be checked against any key of it; what is allowed can be encoded.
 *
 * Input: two bytes with the length of the schema, the schema, the text of a value.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/value.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void try_key(const struct config_schema *schema, const struct config_schema_key *key,
                    const struct config_text *text) {
    static uint8_t encoded[CONFIG_VALUE_BYTES_MAX];
    char problem[320];
    size_t bytes = 0;
    uint32_t kind;
    const char *name = config_schema_text(schema, key->name);
    if (config_schema_find(schema, name) != key)
        abort();
    if (config_value_check(schema, key, text, problem, sizeof problem) < 0)
        return;
    config_value_encode(key, text, encoded, &bytes, &kind);
    if (bytes > sizeof encoded || (kind & 0xff) != key->type)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (size_bytes < 2)
        return 0;
    size_t schema_bytes = (size_t)(data[0] | data[1] << 8);
    if (schema_bytes > size_bytes - 2)
        schema_bytes = size_bytes - 2;
    size_t text_bytes = size_bytes - 2 - schema_bytes;
    struct config_schema *schema = malloc(schema_bytes + 1); /* just as long as it says, for the sanitizer */
    char *items = malloc(text_bytes + 1);
    memcpy(schema, data + 2, schema_bytes);
    memcpy(items, data + 2 + schema_bytes, text_bytes);
    items[text_bytes] = '\0';
    struct config_text text = {items, text_bytes + 1};
    if (config_schema_check(schema, (uint32_t)schema_bytes, NULL) == 0)
        for (uint32_t index = 0; index < schema->key_count; index++)
            try_key(schema, &config_schema_keys(schema)[index], &text);
    free(schema);
    free(items);
    return 0;
}
