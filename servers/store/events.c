/*
 * Events of the store: one flat JSON object each (servers/common/json_text.h).
 */
#include "servers/store/events.h"

#include <stdio.h>
#include <string.h>

#include "grove/bus.h"
#include "servers/common/json_text.h"

#define JSON_BYTES 2048u
#define SUBJECT_BYTES 128u

/*
 * A key as tokens of a subject: slashes and dots separate them, and what no subject may hold is "_". So a pattern is a watch on
 * a prefix; the key as it is stands in the event.
 */
static size_t put_tokens(char *subject, size_t at, const uint8_t *key, uint8_t key_bytes) {
    unsigned tokens = 1;
    for (size_t index = 0; index < at; index++)
        tokens += subject[index] == '.';
    for (unsigned index = 0; index < key_bytes && at < GROVE_SUBJECT_MAX; index++) {
        uint8_t byte = key[index];
        bool separates = (byte == '/' || byte == '.') && subject[at - 1] != '.' && index + 1u < key_bytes &&
                         tokens < GROVE_SUBJECT_TOKENS && at + 1 < GROVE_SUBJECT_MAX;
        bool is_plain = byte > ' ' && byte < 0x7f && strchr("./*>", byte) == NULL;
        tokens += separates;
        subject[at++] = separates ? '.' : is_plain ? (char)byte : '_';
    }
    return at;
}

void event_changed(const char *name, const uint8_t *key, uint8_t key_bytes, uint64_t revision, bool is_deleted) {
    char text[JSON_BYTES], subject[GROVE_SUBJECT_MAX + 1];
    struct json_text json;
    size_t length;
    int at = snprintf(subject, sizeof subject, "storage.changed.%s.", name);
    subject[put_tokens(subject, (size_t)at, key, key_bytes)] = '\0';
    json_text_begin(&json, text, sizeof text);
    json_text_string(&json, "namespace", name);
    json_text_bytes(&json, "key", (const char *)key, key_bytes);
    json_text_u64(&json, "revision", revision);
    json_text_bool(&json, "deleted", is_deleted);
    if (json_text_end(&json, &length) == 0)
        (void)grove_bus_emit(subject, text, length);
}

void event_shared(const struct catalog_share *share, const char *by) {
    static const char *const rights[] = {"none", "read", "write", "both"};
    char text[JSON_BYTES], subject[SUBJECT_BYTES], prefix[256] = "";
    struct json_text json;
    size_t length;
    if (share->prefix_bytes > 0)
        memcpy(prefix, share->prefix, share->prefix_bytes);
    json_text_begin(&json, text, sizeof text);
    json_text_string(&json, "service", share->name);
    json_text_string(&json, "with", share->with);
    json_text_string(&json, "rights", rights[share->rights & 3]);
    json_text_string(&json, "prefix", prefix);
    json_text_string(&json, "by", by);
    (void)snprintf(subject, sizeof subject, "storage.data.shared.%s", share->name);
    if (json_text_end(&json, &length) == 0)
        (void)grove_bus_emit(subject, text, length); /* no bus: nobody listens */
}
