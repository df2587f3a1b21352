/*
 * What hooks, and those that ask them, say to each other. The first byte chooses: what a hook answered, as the service of hooks
 * judges it (at the point of the second byte); what became of a question, as who asked reads it; a question, as a hook reads
 * it; a pattern and a subject. Whatever is taken must lie in the message, and be allowed at its point.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/hooks/wire.h"
#include "servers/hooks/answer.h"

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

static bool lies_in(const char *part, size_t part_bytes, const char *whole, size_t bytes) {
    return part_bytes == 0 || (part >= whole && part_bytes <= bytes && (size_t)(part - whole) <= bytes - part_bytes);
}

static void judge(const char *data, size_t bytes) {
    struct hook_said said;
    if (bytes == 0)
        return;
    uint32_t point = (unsigned char)data[0] % GROVE_HOOK_POINTS;
    if (answer_judge(point, bytes, data + 1, bytes - 1, &said) != NULL)
        return;
    expect(lies_in(said.data, said.length_bytes, data + 1, bytes - 1));
    expect(said.result != GROVE_HOOK_VETO || point % 2 == 0);
    expect(said.result != GROVE_HOOK_CHANGE || said.length_bytes <= GROVE_HOOK_DATA_MAX);
}

static void outcome(const char *data, size_t bytes) {
    char reason[GROVE_HOOK_REASON_MAX + 1];
    struct grove_hook_outcome read;
    hook_outcome_read(data, bytes, reason, &read);
    expect(read.result <= GROVE_HOOK_VETO);
    expect(lies_in(read.data, read.length_bytes, data, bytes));
    if (read.result == GROVE_HOOK_VETO) {
        answer_clean(reason);
        for (const char *at = reason; *at != '\0'; at++)
            expect((unsigned char)*at >= ' ' && *at != 0x7f);
    }
}

static void question(const char *data, size_t bytes) {
    struct grove_hooks_run run;
    struct grove_hook_call call;
    if (hook_call_read(data, bytes, &run, &call) < 0)
        return;
    expect(lies_in(call.data, call.length_bytes, data, bytes));
    expect(strlen(call.subject) <= GROVE_HOOK_SUBJECT_MAX && strlen(call.who) <= GROVE_NAME_MAX);
    expect(call.is_cut == (call.total_bytes > call.length_bytes));
}

static void pattern(const char *data, size_t bytes) {
    size_t length = strnlen(data, bytes);
    char *text = calloc(1, bytes + 2);
    if (text == NULL)
        return;
    memcpy(text, data, bytes);
    const char *subject = length < bytes ? text + length + 1 : text + length;
    bool matches = pattern_is_valid(text) && pattern_matches(text, subject);
    expect(!matches || *subject != '\0');
    if (pattern_is_valid(text) && strpbrk(text, "*>") == NULL)
        expect(pattern_matches(text, text));
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static void (*const readers[])(const char *, size_t) = {judge, outcome, question, pattern};
    if (size == 0)
        return 0;
    char *copy = malloc(size); /* of exactly this size, so that a read beyond it is seen */
    if (copy == NULL)
        return 0;
    memcpy(copy, data + 1, size - 1);
    readers[data[0] % 4](copy, size - 1);
    free(copy);
    return 0;
}
