/* See system_event.h. One thread, one buffer. */
#include "servers/common/system_event.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "grove/abi/status.h"

#define JSON_BYTES 2048u
#define SUBJECT_BYTES 256u

struct text {
    char bytes[JSON_BYTES];
    size_t length;
    bool is_cut;
};

static void put(struct text *text, const char *bytes, size_t length) {
    if (length > sizeof text->bytes - text->length)
        text->is_cut = true;
    else
        memcpy(text->bytes + text->length, bytes, length), text->length += length;
}

static void put_string(struct text *text, const char *string) {
    put(text, "\"", 1);
    for (; *string != '\0'; string++) {
        char escaped[8];
        bool is_plain = (unsigned char)*string >= 0x20 && *string != '"' && *string != '\\';
        int length = is_plain ? snprintf(escaped, sizeof escaped, "%c", *string)
                              : snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)(unsigned char)*string);
        put(text, escaped, (size_t)length);
    }
    put(text, "\"", 1);
}

static int emit_event(const char *subject, const char *json, size_t length) {
    (void)subject, (void)json, (void)length;
    return GROVE_NOT_FOUND;
}

int system_event(const char *subject, const char *service, const struct system_event_field *fields) {
    static struct text text;
    char full[SUBJECT_BYTES], number[24];
    text.length = 0;
    text.is_cut = false;
    put(&text, "{", 1);
    if (service[0] != '\0') {
        put_string(&text, "service");
        put(&text, ":", 1);
        put_string(&text, service);
    }
    for (; fields->name != NULL; fields++) {
        if (text.length > 1)
            put(&text, ",", 1);
        put_string(&text, fields->name);
        put(&text, ":", 1);
        if (fields->text != NULL)
            put_string(&text, fields->text);
        else
            put(&text, number, (size_t)snprintf(number, sizeof number, "%llu", (unsigned long long)fields->number));
    }
    put(&text, "}", 1);
    (void)snprintf(full, sizeof full, "%s%s%s", subject, service[0] == '\0' ? "" : ".", service);
    return text.is_cut ? GROVE_TOO_LARGE : emit_event(full, text.bytes, text.length);
}
