/* JSON objects as text: see json_text.h. Writes nothing behind the buffer, whatever the values are. */
#include "servers/common/json_text.h"

#include "grove/abi/status.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define END_BYTES 2u /* "}" and the zero byte */
#define REPLACEMENT "\xef\xbf\xbd"

static void put(struct json_text *json, const char *bytes, size_t count) {
    if (json->is_too_long || count > json->size_bytes - END_BYTES - json->length_bytes) {
        json->is_too_long = true;
        return;
    }
    memcpy(json->text + json->length_bytes, bytes, count);
    json->length_bytes += count;
}

static void put_text(struct json_text *json, const char *text) {
    put(json, text, strlen(text));
}

/* ---- strings ---- */

static bool is_continuation(uint8_t byte) {
    return (byte & 0xc0) == 0x80;
}

/*
 * Bytes of the valid sequence that begins here, 0 if there is none: the table of well-formed byte sequences of the Unicode
 * standard, without overlong forms, surrogates and what lies above U+10FFFF.
 */
static size_t sequence_bytes(const uint8_t *at, size_t left) {
    uint8_t first = at[0];
    if (first < 0x80)
        return 1;
    if (left >= 2 && first >= 0xc2 && first <= 0xdf && is_continuation(at[1]))
        return 2;
    if (left >= 3 && first >= 0xe0 && first <= 0xef && is_continuation(at[1]) && is_continuation(at[2]))
        return (first == 0xe0 && at[1] < 0xa0) || (first == 0xed && at[1] > 0x9f) ? 0 : 3;
    if (left >= 4 && first >= 0xf0 && first <= 0xf4 && is_continuation(at[1]) && is_continuation(at[2]) &&
        is_continuation(at[3]))
        return (first == 0xf0 && at[1] < 0x90) || (first == 0xf4 && at[1] > 0x8f) ? 0 : 4;
    return 0;
}

static void put_control(struct json_text *json, uint8_t byte) {
    static const char named[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};
    char escaped[8];
    if (byte < sizeof named && named[byte] != '\0')
        snprintf(escaped, sizeof escaped, "\\%c", named[byte]);
    else
        snprintf(escaped, sizeof escaped, "\\u%04x", byte);
    put_text(json, escaped);
}

static void put_string(struct json_text *json, const char *value, size_t length_bytes) {
    const uint8_t *bytes = (const uint8_t *)value;
    put(json, "\"", 1);
    for (size_t at = 0; at < length_bytes && !json->is_too_long;) {
        size_t count = sequence_bytes(bytes + at, length_bytes - at);
        if (count == 0)
            put_text(json, REPLACEMENT);
        else if (bytes[at] < 0x20)
            put_control(json, bytes[at]);
        else if (bytes[at] == '"' || bytes[at] == '\\')
            put(json, bytes[at] == '"' ? "\\\"" : "\\\\", 2);
        else
            put(json, value + at, count);
        at += count > 0 ? count : 1;
    }
    put(json, "\"", 1);
}

/* ---- fields ---- */

static void put_name(struct json_text *json, const char *name) {
    if (json->length_bytes > 1)
        put(json, ",", 1);
    put_string(json, name, strlen(name));
    put(json, ":", 1);
}

void json_text_begin(struct json_text *json, char *text, size_t size_bytes) {
    *json = (struct json_text){.text = text, .size_bytes = size_bytes, .is_too_long = size_bytes <= END_BYTES};
    put(json, "{", 1);
}

void json_text_bytes(struct json_text *json, const char *name, const char *value, size_t length_bytes) {
    put_name(json, name);
    put_string(json, value, length_bytes);
}

void json_text_string(struct json_text *json, const char *name, const char *value) {
    put_name(json, name);
    if (value != NULL)
        put_string(json, value, strlen(value));
    else
        put_text(json, "null");
}

void json_text_u64(struct json_text *json, const char *name, uint64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%llu", (unsigned long long)value);
    put_name(json, name);
    put_text(json, digits);
}

void json_text_i64(struct json_text *json, const char *name, int64_t value) {
    char digits[24];
    snprintf(digits, sizeof digits, "%lld", (long long)value);
    put_name(json, name);
    put_text(json, digits);
}

void json_text_bool(struct json_text *json, const char *name, bool value) {
    put_name(json, name);
    put_text(json, value ? "true" : "false");
}

void json_text_double(struct json_text *json, const char *name, double value) {
    char digits[32] = "null";
    for (int precision = 15; precision <= 17 && isfinite(value); precision++) {
        snprintf(digits, sizeof digits, "%.*g", precision, value);
        if (strtod(digits, NULL) == value)
            break;
    }
    put_name(json, name);
    put_text(json, digits);
}

int json_text_end(struct json_text *json, size_t *length_bytes) {
    if (json->is_too_long) {
        if (json->size_bytes > 0)
            json->text[0] = '\0';
        return GROVE_TOO_LARGE;
    }
    json->text[json->length_bytes++] = '}';
    json->text[json->length_bytes] = '\0';
    *length_bytes = json->length_bytes;
    return GROVE_OK;
}
