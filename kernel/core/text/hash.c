/* SipHash-2-4: a short-input hash that nobody can find collisions for without its key. */
#include "kernel/core/text/text.h"

struct sip {
    uint64_t a, b, c, d;
};

static uint64_t rotate(uint64_t value, unsigned bits) {
    return value << bits | value >> (64 - bits);
}

static void sip_round(struct sip *state) {
    state->a += state->b;
    state->b = rotate(state->b, 13) ^ state->a;
    state->a = rotate(state->a, 32);
    state->c += state->d;
    state->d = rotate(state->d, 16) ^ state->c;
    state->a += state->d;
    state->d = rotate(state->d, 21) ^ state->a;
    state->c += state->b;
    state->b = rotate(state->b, 17) ^ state->c;
    state->c = rotate(state->c, 32);
}

static void sip_word(struct sip *state, uint64_t word) {
    state->d ^= word;
    sip_round(state);
    sip_round(state);
    state->a ^= word;
}

/* Little-endian, whatever the processor is. */
static uint64_t load_word(const uint8_t *bytes, size_t count) {
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bytes[i] << (8 * i);
    return word;
}

uint64_t text_hash(const uint64_t key[2], const void *bytes, size_t length_bytes) {
    struct sip state = {.a = key[0] ^ UINT64_C(0x736f6d6570736575),
                        .b = key[1] ^ UINT64_C(0x646f72616e646f6d),
                        .c = key[0] ^ UINT64_C(0x6c7967656e657261),
                        .d = key[1] ^ UINT64_C(0x7465646279746573)};
    const uint8_t *at = bytes;
    size_t left = length_bytes;
    for (; left >= 8; left -= 8, at += 8)
        sip_word(&state, load_word(at, 8));
    sip_word(&state, load_word(at, left) | (uint64_t)length_bytes << 56);
    state.c ^= 0xff;
    for (unsigned i = 0; i < 4; i++)
        sip_round(&state);
    return state.a ^ state.b ^ state.c ^ state.d;
}
