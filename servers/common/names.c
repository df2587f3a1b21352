/*
 * Names and patterns. Pure.
 */
#include "servers/common/names.h"

#include <string.h>

void text_set(char *field, unsigned field_bytes, const char *text) {
    size_t length = strnlen(text, field_bytes - 1);
    memcpy(field, text, length);
    memset(field + length, 0, field_bytes - length);
}

bool text_is_terminated(const char *field, unsigned field_bytes) {
    return memchr(field, 0, field_bytes) != NULL;
}

void name_set(struct grove_name *name, const char *text) {
    text_set(name->text, sizeof name->text, text);
}

static bool is_token_character(char character) {
    return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
           (character >= '0' && character <= '9') || character == '_' || character == '-';
}

bool service_name_is_valid(const struct grove_name *name) {
    if (!text_is_terminated(name->text, sizeof name->text))
        return false;
    bool token_is_empty = true;
    for (const char *next = name->text; *next != '\0'; next++) {
        if (*next == '.' && token_is_empty)
            return false;
        if (*next != '.' && !is_token_character(*next))
            return false;
        token_is_empty = *next == '.';
    }
    return !token_is_empty;
}

bool name_matches(const char *pattern, const char *text) {
    const char *star = NULL, *resume = NULL;
    while (*text != '\0') {
        if (*pattern == '*') {
            star = pattern++;
            resume = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star + 1;
            text = ++resume;
        } else {
            return false;
        }
    }
    while (*pattern == '*')
        pattern++;
    return *pattern == '\0';
}
