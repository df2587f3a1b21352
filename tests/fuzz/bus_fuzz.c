/*
 * Fuzz target: what clients send to the bus. The first byte says what the rest is: a publication, with what is lent behind its
 * first half or not; a poll; or a pattern and a subject. What is taken for good keeps to every limit and lies within what
 * was sent; the service, the library and the search tree agree on subjects and on what matches.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/bus/bus.h"
#include "servers/bus/poll_message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

static bool lies_within(const uint8_t *part, size_t part_bytes, const uint8_t *whole, size_t whole_bytes) {
    return part >= whole && part_bytes <= whole_bytes && (size_t)(part - whole) <= whole_bytes - part_bytes;
}

/* `known`: as in incoming_decode; with one or without, the same is taken. */
static void try_publication(const uint8_t *data, size_t size_bytes, bool is_lent, const struct subject *known) {
    struct incoming incoming;
    const char *reason = NULL;
    struct incoming_bytes bytes = {.data = data, .length_bytes = is_lent ? size_bytes / 2 : size_bytes};
    bytes.slice = is_lent ? data + bytes.length_bytes : NULL;
    bytes.slice_bytes = is_lent ? size_bytes - bytes.length_bytes : 0;
    int status = incoming_decode(&bytes, known, &incoming, &reason);
    if (status < 0) {
        expect(reason != NULL && reason[0] != '\0');
        return;
    }
    expect(grove_subject_check(incoming.subject) == 0 && strlen(incoming.subject) == incoming.subject_bytes);
    expect(incoming.reply_to[0] == '\0' || grove_subject_check(incoming.reply_to) == 0);
    expect((uint64_t)incoming.headers_bytes + incoming.data_bytes <= GROVE_BUS_DATA_MAX);
    expect(lies_within(incoming.headers, incoming.headers_bytes, data, size_bytes));
    expect(lies_within(incoming.data, incoming.data_bytes, data, size_bytes));
    expect(incoming.hash == subject_hash(incoming.subject, incoming.subject_bytes));
}

static void try_poll(const uint8_t *data, size_t size_bytes) {
    struct poll_message message;
    struct grove_bus_poll head;
    struct grove_bus_acknowledgement told;
    struct grove_bus_place place;
    char sentence[GROVE_BUS_ERROR_MAX + 1];
    if (poll_message_open(data, size_bytes, &message, &head) < 0)
        return;
    expect(head.acknowledgements <= GROVE_BUS_POLL_ENTRIES_MAX && head.places <= GROVE_BUS_POLL_ENTRIES_MAX);
    for (uint32_t i = 0; i < head.acknowledgements; i++) {
        if (poll_message_acknowledgement(&message, &told, sentence) < 0)
            return;
        expect(told.sentence_bytes <= GROVE_BUS_ERROR_MAX && sentence[told.sentence_bytes] == '\0');
    }
    for (uint32_t i = 0; i < head.places && poll_message_place(&message, &place) == 0; i++)
        expect(lies_within(message.at, message.left_bytes, data, size_bytes));
}

static void count(void *value, void *context) {
    (void)value;
    ++*(unsigned *)context;
}

/* A pattern, a zero byte, a subject. */
static void try_pattern(const uint8_t *data, size_t size_bytes) {
    char pattern[600] = "", subject[600] = "";
    const uint8_t *end = memchr(data, '\0', size_bytes);
    size_t pattern_bytes = end != NULL ? (size_t)(end - data) : size_bytes;
    size_t subject_bytes = end != NULL ? size_bytes - pattern_bytes - 1 : 0;
    struct trie trie;
    unsigned found = 0;
    int value = 0;
    if (pattern_bytes >= sizeof pattern || subject_bytes >= sizeof subject)
        return;
    memcpy(pattern, data, pattern_bytes);
    if (subject_bytes > 0)
        memcpy(subject, end + 1, subject_bytes);
    if (strlen(subject) != subject_bytes)
        return; /* text ends where its zero byte is */
    expect((grove_pattern_check(pattern) == 0) == pattern_is_valid(pattern, pattern_bytes));
    expect((grove_subject_check(subject) == 0) == subject_is_valid(subject, subject_bytes));
    if (!pattern_is_valid(pattern, pattern_bytes) || !subject_is_valid(subject, subject_bytes))
        return;
    expect(trie_init(&trie, 64) == 0);
    if (trie_add(&trie, pattern, &value) == 0) {
        trie_match(&trie, subject, count, &found);
        expect(found == (grove_pattern_matches(pattern, subject) ? 1u : 0u));
        trie_remove(&trie, pattern, &value);
    }
    trie_deinit(&trie);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct saved_subject saved = {.length_bytes = 6, .text = "flow.a"};
    struct subject known = {.saved = &saved};
    if (size_bytes == 0)
        return 0;
    switch (data[0] % 4) {
    case 0:
    case 1:
        known.hash = subject_hash(saved.text, saved.length_bytes);
        try_publication(data + 1, size_bytes - 1, data[0] % 4 == 1, NULL);
        try_publication(data + 1, size_bytes - 1, data[0] % 4 == 1, &known);
        break;
    case 2:
        try_poll(data + 1, size_bytes - 1);
        break;
    default:
        try_pattern(data + 1, size_bytes - 1);
    }
    return 0;
}
