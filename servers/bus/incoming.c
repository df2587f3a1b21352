/*
 * The bytes of a publication, checked. Everything in them is a publisher's, who may change them while they are read: what
 * decides anything is copied first and then looked at. Pure.
 */
#include "servers/bus/bus.h"

#include <string.h>

static bool byte_is_allowed(unsigned char byte) {
    return byte > ' ' && byte != 0x7f;
}

/* Tokens between dots; a wildcard stands alone, ">" at the end only. */
static bool tokens_are_valid(const char *text, size_t length_bytes, bool may_be_pattern) {
    unsigned tokens = 0;
    size_t start = 0;
    if (length_bytes == 0 || length_bytes > GROVE_SUBJECT_MAX)
        return false;
    for (size_t at = 0; at <= length_bytes; at++) {
        if (at < length_bytes && text[at] != '.') {
            bool is_wildcard = text[at] == '*' || text[at] == '>';
            bool is_alone = at == start && (at + 1 == length_bytes || text[at + 1] == '.');
            if (!byte_is_allowed((unsigned char)text[at]) || (is_wildcard && (!may_be_pattern || !is_alone)))
                return false;
            if (text[at] == '>' && at + 1 != length_bytes)
                return false;
            continue;
        }
        if (at == start || ++tokens > GROVE_SUBJECT_TOKENS)
            return false;
        start = at + 1;
    }
    return true;
}

bool subject_is_valid(const char *subject, size_t length_bytes) {
    return tokens_are_valid(subject, length_bytes, false);
}

bool pattern_is_valid(const char *pattern, size_t length_bytes) {
    return tokens_are_valid(pattern, length_bytes, true);
}

uint32_t subject_hash(const char *subject, size_t length_bytes) {
    uint64_t hash = UINT64_C(0x9e3779b97f4a7c15) ^ length_bytes, word = 0;
    while (length_bytes >= sizeof word) {
        memcpy(&word, subject, sizeof word);
        hash = (hash ^ word) * UINT64_C(0xff51afd7ed558ccd);
        hash ^= hash >> 32;
        subject += sizeof word;
        length_bytes -= sizeof word;
    }
    word = 0;
    memcpy(&word, subject, length_bytes);
    hash = (hash ^ word) * UINT64_C(0xc4ceb9fe1a85ec53);
    return (uint32_t)(hash ^ hash >> 32);
}

static bool begins_with_token(const char *subject, const char *token) {
    size_t bytes = strlen(token);
    return strncmp(subject, token, bytes) == 0 && (subject[bytes] == '.' || subject[bytes] == '\0');
}

bool subject_is_reserved(const char *subject) {
    static const char *const tokens[] = {"kernel", "capability",    "resource", "storage", "config",
                                         "health", "reincarnation", "hook",     "bus",     "log"};
    for (size_t i = 0; i < sizeof tokens / sizeof tokens[0]; i++)
        if (begins_with_token(subject, tokens[i]))
            return true;
    return false;
}

bool subject_is_inbox(const char *subject) {
    return begins_with_token(subject, "_INBOX");
}

static int copy_text(char *field, const uint8_t *from, uint16_t length_bytes) {
    copy_short(field, from, length_bytes);
    field[length_bytes] = '\0';
    return subject_is_valid(field, length_bytes) ? 0 : GROVE_INVALID;
}

/* Most publications are on the subject of the one before. */
static int copy_subject(struct incoming *incoming, const uint8_t *from, uint16_t length_bytes,
                        const struct subject *known) {
    copy_short(incoming->subject, from, length_bytes);
    incoming->subject[length_bytes] = '\0';
    if (known != NULL && known->saved->length_bytes == length_bytes &&
        memcmp(known->saved->text, incoming->subject, length_bytes) == 0) {
        incoming->hash = known->hash;
        return 0;
    }
    incoming->hash = subject_hash(incoming->subject, length_bytes);
    return subject_is_valid(incoming->subject, length_bytes) ? 0 : GROVE_INVALID;
}

static int find_data(const struct grove_bus_publication *head, const uint8_t *rest, size_t rest_bytes,
                     const void *slice, size_t slice_bytes, struct incoming *incoming) {
    bool is_in_slice = (head->flags & GROVE_BUS_IN_SLICE) != 0;
    const uint8_t *place = is_in_slice ? slice : rest;
    size_t room_bytes = is_in_slice ? slice_bytes : rest_bytes;
    if (place == NULL || head->headers_bytes > room_bytes || head->data_bytes > room_bytes - head->headers_bytes)
        return GROVE_INVALID;
    incoming->headers = place;
    incoming->data = place + head->headers_bytes;
    incoming->headers_bytes = head->headers_bytes;
    incoming->data_bytes = head->data_bytes;
    return 0;
}

int incoming_decode(const struct incoming_bytes *bytes, const struct subject *known, struct incoming *incoming,
                    const char **reason) {
    struct grove_bus_publication head;
    *reason = "the publication is malformed";
    if (bytes->length_bytes < sizeof head)
        return GROVE_INVALID;
    memcpy(&head, bytes->data, sizeof head);
    const uint8_t *at = (const uint8_t *)bytes->data + sizeof head;
    size_t left = bytes->length_bytes - sizeof head;
    if (head.version != GROVE_BUS_PROTOCOL_VERSION) {
        *reason = "the publication is of another version of the protocol";
        return GROVE_VERSION;
    }
    if (head.subject_bytes > GROVE_SUBJECT_MAX || head.reply_bytes > GROVE_SUBJECT_MAX ||
        (size_t)head.subject_bytes + head.reply_bytes > left)
        return GROVE_INVALID;
    if (head.headers_bytes > GROVE_BUS_DATA_MAX || head.data_bytes > GROVE_BUS_DATA_MAX - head.headers_bytes) {
        *reason = "the event is larger than 1 MiB";
        return GROVE_TOO_LARGE;
    }
    incoming->dropped = head.dropped;
    incoming->is_in_ring = (head.flags & GROVE_BUS_IN_RING) != 0;
    incoming->trace.trace = 0;
    incoming->subject_bytes = head.subject_bytes;
    incoming->reply_bytes = head.reply_bytes;
    int status = copy_subject(incoming, at, head.subject_bytes, known);
    if (status == 0 && head.reply_bytes > 0)
        status = copy_text(incoming->reply_to, at + head.subject_bytes, head.reply_bytes);
    else
        incoming->reply_to[0] = '\0';
    if (status < 0) {
        *reason = "a subject is tokens between dots, without spaces, \"*\" and \">\", at most 255 bytes and 32 tokens";
        return status;
    }
    size_t texts = (size_t)head.subject_bytes + head.reply_bytes;
    return find_data(&head, at + texts, left - texts, bytes->slice, bytes->slice_bytes, incoming);
}
