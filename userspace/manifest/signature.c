/*
 * Checking the signature of a method: fields NAME:TYPE with blanks between; a field without a fixed size comes last.
 */
#include "userspace/manifest/signature.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

static const struct {
    const char *name;
    bool is_open; /* as long as the rest of the message */
} types[] = {
    {"u8", false},  {"u16", false}, {"u32", false}, {"u64", false},  {"i8", false},  {"i16", false},  {"i32", false},
    {"i64", false}, {"f32", false}, {"f64", false}, {"bool", false}, {"text", true}, {"bytes", true},
};

static const char *check_field(const char *field, size_t length, bool *is_open) {
    const char *colon = memchr(field, ':', length);
    if (!colon || colon == field)
        return "a field is written NAME:TYPE, like feeder:u32";
    size_t type_bytes = length - (size_t)(colon + 1 - field);
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strlen(types[i].name) == type_bytes && !memcmp(types[i].name, colon + 1, type_bytes)) {
            *is_open = types[i].is_open;
            return NULL;
        }
    return "the types are u8 u16 u32 u64 i8 i16 i32 i64 f32 f64 bool text bytes";
}

const char *signature_check(const char *text) {
    bool is_open = false;
    for (const char *at = text + strspn(text, " "); *at;) {
        size_t length = strcspn(at, " ");
        if (is_open)
            return "a field of type text or bytes must be the last one";
        const char *problem = check_field(at, length, &is_open);
        if (problem)
            return problem;
        at += length + strspn(at + length, " ");
    }
    return NULL;
}
