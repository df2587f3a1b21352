/*
 * One flat JSON object (RFC 8259) into a buffer of fixed size: what system events carry.
 *
 *     char text[512];
 *     struct json_text json;
 *     json_text_begin(&json, text, sizeof text);
 *     json_text_string(&json, "service", "grid.alarm");
 *     json_text_u64(&json, "restarts", 3);
 *     int status = json_text_end(&json, &length_bytes);
 *
 * The steps need no checks: what does not fit is remembered and told by json_text_end. Field names are the caller's own and
 * different from each other; values are anybody's, and escaped.
 */
#ifndef SERVERS_JSON_TEXT_H
#define SERVERS_JSON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct json_text {
    char *text;
    size_t size_bytes, length_bytes; /* length_bytes + 2 <= size_bytes: the closing brace and the zero byte fit */
    bool is_too_long;
};

void json_text_begin(struct json_text *json, char *text, size_t size_bytes);
/* Escaped; each byte that is no part of valid UTF-8 becomes U+FFFD. NULL becomes null. */
void json_text_string(struct json_text *json, const char *name, const char *value);
/* The same for bytes without a terminator; a zero byte among them is escaped like any other. */
void json_text_bytes(struct json_text *json, const char *name, const char *value, size_t length_bytes);
void json_text_u64(struct json_text *json, const char *name, uint64_t value);
void json_text_i64(struct json_text *json, const char *name, int64_t value);
void json_text_bool(struct json_text *json, const char *name, bool value);
/* As many digits as bring the same number back; JSON has no infinity and no NaN: they become null. */
void json_text_double(struct json_text *json, const char *name, double value);
/*
 * Close the object. 0, and its length without the zero byte that follows it; GROVE_TOO_LARGE: it did not fit, the text is
 * empty, and *length_bytes is untouched.
 */
int json_text_end(struct json_text *json, size_t *length_bytes);

#endif
