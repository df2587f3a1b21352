/*
 * When an argument is well formed, and when one argument covers another.
 *
 * These two questions decide every use of a capability, so each kind of argument has one short function for each, and
 * abi/capability_test.c compares them with a slow definition that enumerates what an argument allows. Pure functions:
 * no state, no allocation, nothing read outside the structures.
 */
#include "grove/abi/capability.h"

#define ADDRESS_BITS_V4 32u
#define ADDRESS_BITS_V6 128u
#define TRANSPORT_TCP 6u
#define TRANSPORT_UDP 17u

/* A token is what stands between two separators; `at` moves behind it and its separator. */
struct token {
    const char *text;
    size_t length_bytes;
};

static struct token next_token(const char *text, size_t length_bytes, char separator, size_t *at) {
    size_t end = *at;
    while (end < length_bytes && text[end] != separator)
        end++;
    struct token token = {.text = text + *at, .length_bytes = end - *at};
    *at = end + 1;
    return token;
}

static bool token_is(struct token token, const char *text, size_t length_bytes) {
    if (token.length_bytes != length_bytes)
        return false;
    for (size_t i = 0; i < length_bytes; i++) {
        if (token.text[i] != text[i])
            return false;
    }
    return true;
}

static bool token_is_same(struct token a, struct token b) {
    return token_is(a, b.text, b.length_bytes);
}

/* ---- paths ---- */

static bool path_is_valid(const char *text, size_t length_bytes) {
    if (length_bytes == 0 || text[0] != '/')
        return false;
    if (length_bytes == 1)
        return true;
    for (size_t at = 1; at <= length_bytes;) {
        struct token token = next_token(text, length_bytes, '/', &at);
        if (token.length_bytes == 0 || token_is(token, ".", 1) || token_is(token, "..", 2))
            return false;
        for (size_t i = 0; i < token.length_bytes; i++) {
            if (token.text[i] == '\0')
                return false;
        }
    }
    return true;
}

static bool path_covers(const struct grove_argument *wide, const struct grove_argument *narrow) {
    if (wide->length_bytes == 1)
        return true;
    if (narrow->length_bytes < wide->length_bytes)
        return false;
    for (size_t i = 0; i < wide->length_bytes; i++) {
        if (wide->value.text[i] != narrow->value.text[i])
            return false;
    }
    return narrow->length_bytes == wide->length_bytes || narrow->value.text[wide->length_bytes] == '/';
}

/* ---- addresses ---- */

static uint32_t address_bits(uint8_t family) {
    return family == 4 ? ADDRESS_BITS_V4 : family == 6 ? ADDRESS_BITS_V6 : 0;
}

static bool address_is_valid(const struct grove_address *address) {
    if (address->family != 0 && address->family != 4 && address->family != 6)
        return false;
    if (address->transport != 0 && address->transport != TRANSPORT_TCP && address->transport != TRANSPORT_UDP)
        return false;
    return address->reserved == 0 && address->prefix_bits <= address_bits(address->family) &&
           address->port_first <= address->port_last;
}

static bool prefix_is_same(const uint8_t *a, const uint8_t *b, uint32_t bits) {
    uint32_t whole = bits / 8;
    for (uint32_t i = 0; i < whole; i++) {
        if (a[i] != b[i])
            return false;
    }
    uint32_t rest = bits % 8;
    return rest == 0 || (a[whole] >> (8 - rest)) == (b[whole] >> (8 - rest));
}

static bool address_covers(const struct grove_address *wide, const struct grove_address *narrow) {
    if (wide->transport != 0 && wide->transport != narrow->transport)
        return false;
    if (narrow->port_first < wide->port_first || narrow->port_last > wide->port_last)
        return false;
    if (wide->family == 0)
        return true;
    return wide->family == narrow->family && wide->prefix_bits <= narrow->prefix_bits &&
           prefix_is_same(wide->bytes, narrow->bytes, wide->prefix_bits);
}

/* ---- patterns ---- */

static bool token_is_any(struct token token) {
    return token_is(token, "*", 1);
}

static bool token_is_rest(struct token token) {
    return token_is(token, ">", 1);
}

/* Printable without a space; the two wildcards stand alone or not at all. */
static bool pattern_token_is_valid(struct token token) {
    if (token.length_bytes == 0)
        return false;
    for (size_t i = 0; i < token.length_bytes; i++) {
        unsigned char byte = (unsigned char)token.text[i];
        if (byte <= ' ' || byte == 0x7f)
            return false;
        if ((byte == '*' || byte == '>') && token.length_bytes > 1)
            return false;
    }
    return true;
}

static bool pattern_is_valid(const char *text, size_t length_bytes) {
    if (length_bytes == 0)
        return false;
    for (size_t at = 0; at <= length_bytes;) {
        struct token token = next_token(text, length_bytes, '.', &at);
        if (!pattern_token_is_valid(token) || (token_is_rest(token) && at <= length_bytes))
            return false;
    }
    return true;
}

static bool pattern_covers(const struct grove_argument *wide, const struct grove_argument *narrow) {
    size_t wide_at = 0;
    size_t narrow_at = 0;
    while (wide_at <= wide->length_bytes && narrow_at <= narrow->length_bytes) {
        struct token allowed = next_token(wide->value.text, wide->length_bytes, '.', &wide_at);
        struct token wanted = next_token(narrow->value.text, narrow->length_bytes, '.', &narrow_at);
        if (token_is_rest(allowed))
            return true;
        if (token_is_rest(wanted))
            return false;
        if (!token_is_any(allowed) && !token_is_same(allowed, wanted))
            return false;
    }
    return wide_at > wide->length_bytes && narrow_at > narrow->length_bytes;
}

/* ---- the two questions ---- */

bool grove_argument_is_valid(const struct grove_argument *argument) {
    bool is_text = argument->kind == GROVE_ARGUMENT_PATH || argument->kind == GROVE_ARGUMENT_PATTERN;
    if (argument->reserved != 0 || argument->length_bytes > (is_text ? GROVE_ARGUMENT_TEXT_MAX : 0))
        return false;
    switch (argument->kind) {
    case GROVE_ARGUMENT_NONE:
    case GROVE_ARGUMENT_QUANTITY:
        return true;
    case GROVE_ARGUMENT_PATH:
        return path_is_valid(argument->value.text, argument->length_bytes);
    case GROVE_ARGUMENT_ADDRESS:
        return address_is_valid(&argument->value.address);
    case GROVE_ARGUMENT_PATTERN:
        return pattern_is_valid(argument->value.text, argument->length_bytes);
    default:
        return false;
    }
}

bool grove_argument_covers(const struct grove_argument *wide, const struct grove_argument *narrow) {
    if (wide->kind == GROVE_ARGUMENT_NONE)
        return true;
    if (wide->kind != narrow->kind)
        return false;
    switch (wide->kind) {
    case GROVE_ARGUMENT_PATH:
        return path_covers(wide, narrow);
    case GROVE_ARGUMENT_ADDRESS:
        return address_covers(&wide->value.address, &narrow->value.address);
    case GROVE_ARGUMENT_PATTERN:
        return pattern_covers(wide, narrow);
    case GROVE_ARGUMENT_QUANTITY:
        return wide->value.quantity >= narrow->value.quantity;
    default:
        return false;
    }
}

enum grove_argument_kind grove_capability_argument_kind(uint16_t capability_kind) {
    static const uint8_t kinds[GROVE_CAP_KIND_COUNT] = {
#define CAPABILITY_ARGUMENT(name, number, argument, text) [number] = argument,
        GROVE_CAPABILITY_TABLE(CAPABILITY_ARGUMENT)
#undef CAPABILITY_ARGUMENT
    };
    return capability_kind < GROVE_CAP_KIND_COUNT ? (enum grove_argument_kind)kinds[capability_kind]
                                                  : GROVE_ARGUMENT_NONE;
}
