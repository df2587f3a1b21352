/* Subjects and patterns: what grove/bus.h says they are. */
#include "lib/bus/bus.h"

#include <string.h>

static const char *problem_of(const char *text, bool may_be_pattern) {
    unsigned tokens = 0;
    size_t start = 0, length_bytes = text != NULL ? strlen(text) : 0;
    if (length_bytes == 0)
        return "it is empty";
    if (length_bytes > GROVE_SUBJECT_MAX)
        return "it is longer than 255 bytes";
    for (size_t at = 0; at <= length_bytes; at++) {
        unsigned char byte = (unsigned char)text[at];
        if (at < length_bytes && byte != '.') {
            bool is_alone = at == start && (text[at + 1] == '.' || text[at + 1] == '\0');
            if (byte <= ' ' || byte == 0x7f)
                return "it holds a space or a control character";
            if ((byte == '*' || byte == '>') && !may_be_pattern)
                return "\"*\" and \">\" stand in patterns only";
            if ((byte == '*' || byte == '>') && !is_alone)
                return "\"*\" and \">\" stand alone between dots";
            if (byte == '>' && text[at + 1] != '\0')
                return "\">\" stands at the end only";
            continue;
        }
        if (at == start)
            return "it has an empty token";
        if (++tokens > GROVE_SUBJECT_TOKENS)
            return "it has more than 32 tokens";
        start = at + 1;
    }
    return NULL;
}

int grove_subject_check(const char *subject) {
    const char *problem = problem_of(subject, false);
    return problem == NULL
               ? 0
               : error_set(GROVE_INVALID, "\"%.100s\" is no subject: %s", subject != NULL ? subject : "", problem);
}

int grove_pattern_check(const char *pattern) {
    const char *problem = problem_of(pattern, true);
    return problem == NULL
               ? 0
               : error_set(GROVE_INVALID, "\"%.100s\" is no pattern: %s", pattern != NULL ? pattern : "", problem);
}

int subject_length(const char *subject, uint16_t *length_bytes) {
    int status = grove_subject_check(subject);
    if (status == 0)
        *length_bytes = (uint16_t)strlen(subject);
    return status;
}

bool grove_pattern_matches(const char *pattern, const char *subject) {
    for (;;) {
        size_t p = strcspn(pattern, "."), s = strcspn(subject, ".");
        if (p == 1 && pattern[0] == '>')
            return s > 0;
        if (!(p == 1 && pattern[0] == '*') && (p != s || memcmp(pattern, subject, p) != 0))
            return false;
        if (pattern[p] == '\0' || subject[s] == '\0')
            return pattern[p] == subject[s];
        pattern += p + 1;
        subject += s + 1;
    }
}

static const char *next_token(const char *at) {
    at += strcspn(at, ".");
    return *at == '.' ? at + 1 : NULL;
}

static bool is_token(const char *at, char wildcard) {
    return at[0] == wildcard && strcspn(at, ".") == 1;
}

/* Token by token; a last ">" stands for one or more, of which there is at least one here. */
bool grove_patterns_overlap(const char *left, const char *right) {
    while (left != NULL && right != NULL) {
        if (is_token(left, '>') || is_token(right, '>'))
            return true;
        size_t bytes = strcspn(left, ".");
        bool is_same = bytes == strcspn(right, ".") && memcmp(left, right, bytes) == 0;
        if (!is_same && !is_token(left, '*') && !is_token(right, '*'))
            return false;
        left = next_token(left);
        right = next_token(right);
    }
    return left == NULL && right == NULL;
}
