/* The block function of ChaCha20: see chacha20.h. */
#include "kernel/machine/bare/random/chacha20.h"

#define DOUBLE_ROUNDS 10u

static uint32_t turn(uint32_t value, unsigned bits) {
    return value << bits | value >> (32 - bits);
}

static void quarter_round(uint32_t *state, unsigned a, unsigned b, unsigned c, unsigned d) {
    state[a] += state[b];
    state[d] = turn(state[d] ^ state[a], 16);
    state[c] += state[d];
    state[b] = turn(state[b] ^ state[c], 12);
    state[a] += state[b];
    state[d] = turn(state[d] ^ state[a], 8);
    state[c] += state[d];
    state[b] = turn(state[b] ^ state[c], 7);
}

void chacha20_block(const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter, const uint32_t nonce[3],
                    uint32_t block[CHACHA20_BLOCK_WORDS]) {
    uint32_t begin[CHACHA20_BLOCK_WORDS] = {0x61707865, 0x3320646e, 0x79622d32, 0x6b206574}; /* the RFC's four words */
    for (unsigned i = 0; i < CHACHA20_KEY_WORDS; i++)
        begin[4 + i] = key[i];
    begin[12] = counter;
    for (unsigned i = 0; i < 3; i++)
        begin[13 + i] = nonce[i];
    for (unsigned i = 0; i < CHACHA20_BLOCK_WORDS; i++)
        block[i] = begin[i];
    for (unsigned i = 0; i < DOUBLE_ROUNDS; i++) {
        for (unsigned column = 0; column < 4; column++)
            quarter_round(block, column, column + 4, column + 8, column + 12);
        for (unsigned column = 0; column < 4; column++)
            quarter_round(block, column, (column + 1) % 4 + 4, (column + 2) % 4 + 8, (column + 3) % 4 + 12);
    }
    for (unsigned i = 0; i < CHACHA20_BLOCK_WORDS; i++)
        block[i] += begin[i];
}
