/*
 * A spec's text section is the last and its spans count from the section's start, so a new table of arguments fits in
 * before it and new words behind it, and nothing else of the copy changes:
 *
 *     | header, tables | new arguments[] | text of the original | new words |
 */
#include "servers/common/spec_probe.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"

#define WORDS_MAX 32u

struct words {
    const char *start[WORDS_MAX];
    uint32_t length_bytes[WORDS_MAX];
    uint32_t count;
};

static int split(const char *command, struct words *words) {
    words->count = 0;
    for (const char *next = command + strspn(command, " "); *next != '\0'; next += strspn(next, " ")) {
        if (words->count == WORDS_MAX)
            return GROVE_TOO_LARGE;
        words->start[words->count] = next;
        words->length_bytes[words->count] = (uint32_t)strcspn(next, " ");
        next += words->length_bytes[words->count++];
    }
    return words->count > 0 && words->start[0][0] == '/' ? 0 : GROVE_INVALID;
}

static struct grove_span add_word(char *text, uint32_t *used_bytes, const char *word, uint32_t length_bytes) {
    struct grove_span span = {*used_bytes, length_bytes};
    memcpy(text + *used_bytes, word, length_bytes);
    text[*used_bytes + length_bytes] = '\0';
    *used_bytes += length_bytes + 1;
    return span;
}

/* What a probe is not: a server, a task that is restarted, something with a log. */
static void strip(struct grove_spec *probe) {
    probe->provides.count = probe->requires.count = probe->methods.count = 0;
    probe->flags &= ~(uint32_t)(GROVE_SPEC_NATIVE | GROVE_SPEC_NOTIFY_SOCKET | GROVE_SPEC_LISTEN_FDS |
                                GROVE_SPEC_ON_DEMAND | GROVE_SPEC_ESSENTIAL);
    probe->stream_in = probe->stream_out = probe->stream_error = GROVE_STREAM_NULL;
    probe->readiness = (struct grove_probe){.kind = GROVE_READY_EXIT, .timeout_ns = probe->readiness.timeout_ns};
    probe->health = (struct grove_probe){.kind = GROVE_HEALTH_NONE};
    probe->restart = (struct grove_restart){.policy = GROVE_RESTART_NEVER};
}

static int make(const struct grove_spec *spec, const char *suffix, const struct words *words,
                struct grove_spec **beside) {
    size_t words_bytes = 0;
    for (uint32_t index = 0; index < words->count; index++)
        words_bytes += words->length_bytes[index] + 1;
    char name[2 * GROVE_NAME_MAX];
    int name_bytes = snprintf(name, sizeof name, "%s%s", grove_spec_text(spec, spec->name), suffix);
    if (name_bytes < 0 || name_bytes > (int)GROVE_NAME_MAX)
        return GROVE_INVALID;
    uint32_t arguments_offset_bytes = (spec->text_offset_bytes + 7u) & ~7u;
    uint32_t text_offset_bytes = arguments_offset_bytes + words->count * (uint32_t)sizeof(struct grove_span);
    size_t most_bytes = (size_t)text_offset_bytes + spec->text_bytes + words_bytes + sizeof name;
    if (most_bytes > GROVE_SPEC_BYTES_MAX)
        return GROVE_TOO_LARGE;
    char *blob = calloc(1, most_bytes);
    if (blob == NULL)
        return GROVE_NO_MEMORY;
    struct grove_spec *made = (struct grove_spec *)(void *)blob;
    char *text = blob + text_offset_bytes;
    uint32_t used_bytes = spec->text_bytes;
    memcpy(blob, spec, spec->text_offset_bytes);
    memcpy(text, (const char *)spec + spec->text_offset_bytes, spec->text_bytes);
    struct grove_span *arguments = (struct grove_span *)(void *)(blob + arguments_offset_bytes);
    for (uint32_t index = 0; index < words->count; index++)
        arguments[index] = add_word(text, &used_bytes, words->start[index], words->length_bytes[index]);
    made->executable = arguments[0];
    made->name = add_word(text, &used_bytes, name, (uint32_t)name_bytes);
    made->arguments = (struct grove_table){arguments_offset_bytes, words->count};
    made->text_offset_bytes = text_offset_bytes;
    made->text_bytes = used_bytes;
    made->total_bytes = text_offset_bytes + used_bytes;
    strip(made);
    int status = grove_spec_check(made, made->total_bytes, NULL);
    if (status < 0) {
        free(blob);
        return status;
    }
    *beside = made;
    return 0;
}

int spec_probe(const struct grove_spec *spec, const char *command, struct grove_spec **probe) {
    struct words words;
    int status = split(command, &words);
    return status < 0 ? status : make(spec, SPEC_PROBE_SUFFIX, &words, probe);
}

int spec_beside(const struct grove_spec *spec, const char *suffix, const char *list, unsigned count,
                struct grove_spec **beside) {
    struct words words = {.count = count};
    if (count == 0 || count > WORDS_MAX)
        return count == 0 ? GROVE_INVALID : GROVE_TOO_LARGE;
    for (unsigned index = 0; index < count; index++) {
        words.start[index] = list;
        words.length_bytes[index] = (uint32_t)strlen(list);
        list += words.length_bytes[index] + 1;
    }
    return words.start[0][0] == '/' ? make(spec, suffix, &words, beside) : GROVE_INVALID;
}
