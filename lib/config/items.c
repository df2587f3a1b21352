/* What a value holds. Its bytes came through shared memory: each read is checked against their number. */
#include "lib/config/client.h"

#include <string.h>

#include "lib/session/error.h"

#define TYPE_MASK 0xffu
#define COUNT_BYTES 8u

struct grove_config_value config_value_of(uint32_t kind, const void *data, size_t bytes) {
    uint64_t count = 1;
    if ((kind & GROVE_CONFIG_LIST) != 0) {
        count = 0;
        if (bytes >= COUNT_BYTES)
            memcpy(&count, data, COUNT_BYTES);
        if (count > bytes)
            count = bytes; /* each item has a byte at least */
    }
    return (struct grove_config_value){.kind = kind, .count = (uint32_t)count, .data = data, .bytes = bytes};
}

/* Where the items begin. */
static size_t head_of(const struct grove_config_value *value) {
    return (value->kind & GROVE_CONFIG_LIST) != 0 ? COUNT_BYTES : 0;
}

static int number_at(const struct grove_config_value *value, uint32_t type, uint32_t index, void *number) {
    size_t place = head_of(value) + 8 * (size_t)index;
    if ((value->kind & TYPE_MASK) != type)
        return error_set(GROVE_INVALID, "the value has another type");
    if (index >= value->count)
        return error_set(GROVE_NOT_FOUND, "the value has %u items", value->count);
    if (value->bytes < 8 || place > value->bytes - 8)
        return error_set(GROVE_CORRUPT, "the value is shorter than its items");
    memcpy(number, (const char *)value->data + place, 8);
    return 0;
}

int grove_config_item_int(const struct grove_config_value *value, uint32_t index, int64_t *item) {
    return number_at(value, GROVE_CONFIG_INT, index, item);
}

int grove_config_item_float(const struct grove_config_value *value, uint32_t index, double *item) {
    return number_at(value, GROVE_CONFIG_FLOAT, index, item);
}

int grove_config_item_bool(const struct grove_config_value *value, uint32_t index, bool *item) {
    int64_t number = 0;
    int status = number_at(value, GROVE_CONFIG_BOOL, index, &number);
    if (status == 0)
        *item = number != 0;
    return status;
}

int grove_config_item_duration(const struct grove_config_value *value, uint32_t index, uint64_t *item_ns) {
    return number_at(value, GROVE_CONFIG_DURATION, index, item_ns);
}

int grove_config_item_size(const struct grove_config_value *value, uint32_t index, uint64_t *item_bytes) {
    return number_at(value, GROVE_CONFIG_SIZE, index, item_bytes);
}

int grove_config_item_text(const struct grove_config_value *value, uint32_t index, const char **item) {
    uint32_t type = value->kind & TYPE_MASK;
    if (type != GROVE_CONFIG_STRING && type != GROVE_CONFIG_ADDRESS)
        return error_set(GROVE_INVALID, "the value is no text");
    if (index >= value->count)
        return error_set(GROVE_NOT_FOUND, "the value has %u items", value->count);
    size_t place = head_of(value);
    const char *text = value->data;
    for (uint32_t at = 0; place < value->bytes; at++) {
        const char *end = memchr(text + place, '\0', value->bytes - place);
        if (end == NULL)
            break;
        if (at == index) {
            *item = text + place;
            return 0;
        }
        place = (size_t)(end - text) + 1;
    }
    return error_set(GROVE_CORRUPT, "the value is shorter than its items");
}
