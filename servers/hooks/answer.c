/* See answer.h. Pure functions over bytes that anybody may have written. */
#include "servers/hooks/answer.h"

#include <string.h>

/* ---- answers ---- */

static bool takes_change(uint32_t point) {
    return point == GROVE_HOOK_BEFORE_PUBLISH || point == GROVE_HOOK_BEFORE_DELIVER ||
           point == GROVE_HOOK_BEFORE_WRITE || point == GROVE_HOOK_AFTER_READ;
}

static bool takes_veto(uint32_t point) {
    return point % 2 == 0; /* the points before */
}

const char *answer_judge(uint32_t point, uint64_t total_bytes, const char *data, size_t bytes, struct hook_said *said) {
    struct grove_hooks_result head;
    *said = (struct hook_said){.result = GROVE_HOOK_CONTINUE};
    if (bytes == 0)
        return NULL; /* continue, said shortly */
    if (bytes < sizeof head)
        return "answered with too little";
    memcpy(&head, data, sizeof head);
    if (head.version != GROVE_HOOKS_VERSION)
        return "answered in another version";
    if (head.result == GROVE_HOOK_CONTINUE)
        return NULL;
    if (!(head.result == GROVE_HOOK_VETO && takes_veto(point)) &&
        !(head.result == GROVE_HOOK_CHANGE && takes_change(point)))
        return "answered with what has no meaning at this point";
    bytes -= sizeof head;
    if (head.result == GROVE_HOOK_CHANGE && (bytes > GROVE_HOOK_DATA_MAX || total_bytes > GROVE_HOOK_DATA_MAX))
        return "changed what is too large to be changed";
    *said = (struct hook_said){
        .result = (enum grove_hook_result)head.result, .data = data + sizeof head, .length_bytes = bytes};
    return NULL;
}

/* Bytes of the character that begins here; 0: it is none (RFC 3629; surrogates and overlong forms are none). */
static size_t character_bytes(const unsigned char *at) {
    static const struct {
        unsigned char mask, lead, length;
    } forms[] = {{0xe0, 0xc0, 2}, {0xf0, 0xe0, 3}, {0xf8, 0xf0, 4}};
    if (at[0] < 0x80)
        return at[0] >= ' ' && at[0] != 0x7f;
    for (size_t form = 0; form < sizeof forms / sizeof forms[0]; form++) {
        size_t more = 1;
        if ((at[0] & forms[form].mask) != forms[form].lead)
            continue;
        while (more < forms[form].length && (at[more] & 0xc0) == 0x80)
            more++;
        bool is_overlong = at[0] < 0xc2 || (at[0] == 0xe0 && at[1] < 0xa0) || (at[0] == 0xf0 && at[1] < 0x90);
        bool is_none = (at[0] == 0xed && at[1] >= 0xa0) || at[0] > 0xf4 || (at[0] == 0xf4 && at[1] >= 0x90);
        return more == forms[form].length && !is_overlong && !is_none ? more : 0;
    }
    return 0;
}

void answer_clean(char *text) {
    for (char *at = text; *at != '\0';) {
        size_t bytes = character_bytes((const unsigned char *)at);
        if (bytes == 0)
            *at = '?';
        at += bytes == 0 ? 1 : bytes;
    }
}

/* ---- patterns ---- */

bool pattern_is_valid(const char *pattern) {
    size_t length = strlen(pattern);
    if (length == 0 || pattern[0] == '.' || pattern[length - 1] == '.' || strstr(pattern, "..") != NULL)
        return false;
    for (const char *at = pattern; *at != '\0'; at++) {
        bool is_alone = (at == pattern || at[-1] == '.') && (at[1] == '.' || at[1] == '\0');
        if ((unsigned char)*at <= ' ' || *at == 0x7f || ((*at == '*' || *at == '>') && !is_alone) ||
            (*at == '>' && at[1] != '\0'))
            return false;
    }
    return true;
}

bool pattern_matches(const char *pattern, const char *subject) {
    while (*subject != '\0' && *subject != ' ') {
        size_t length = strcspn(subject, ". "), wanted = strcspn(pattern, ".");
        if (wanted == 1 && pattern[0] == '>')
            return true;
        if (!(wanted == 1 && pattern[0] == '*') && (wanted != length || memcmp(pattern, subject, length) != 0))
            return false;
        subject += length + (subject[length] == '.');
        pattern += wanted + (pattern[wanted] == '.');
    }
    return *pattern == '\0';
}
