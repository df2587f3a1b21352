/* What a hook answered, which is anybody's bytes; and the patterns by which hooks are chosen. */
#ifndef SERVERS_HOOKS_ANSWER_H
#define SERVERS_HOOKS_ANSWER_H

#include "grove/hooks.h"

struct hook_said {
    enum grove_hook_result result;
    const char *data; /* new bytes or a reason, in the answer; NULL with CONTINUE */
    size_t length_bytes;
};
/* NULL and *said, or a constant sentence that says why this answer counts for nothing. `total_bytes`: of what it was asked about. */
const char *answer_judge(uint32_t point, uint64_t total_bytes, const char *data, size_t bytes, struct hook_said *said);

/* In place: control characters and bytes that are no UTF-8 become '?', so that whoever shows the text is not deceived. */
void answer_clean(char *text);

/* Tokens between dots; "*" is any one, a last ">" one or more. */
bool pattern_is_valid(const char *pattern);
/* The key of the store follows a space in `subject`, and is not looked at. */
bool pattern_matches(const char *pattern, const char *subject);

#endif
