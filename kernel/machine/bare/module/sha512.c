/* SHA-512: see sha512.h. FIPS 180-4, sections 4.1.3, 5.1.2 and 6.4; the constants are computed, as sections 4.2.3 and 5.3.5 say. */
#include "kernel/machine/bare/module/sha512.h"

#include <stdbool.h>
#include <string.h>

#define ROUNDS 80u
#define LENGTH_BYTES 16u /* of the message's length at the end of the last block */

/* ---- constants: the first 64 bits of the fraction of roots of the first primes ---- */

static bool is_prime(uint32_t number) {
    for (uint32_t divisor = 2; divisor * divisor <= number; divisor++)
        if (number % divisor == 0)
            return false;
    return true;
}

/* Is (a / 2^64)^power <= number? For a below 2^67: products of 64 bits, kept in words of 32. */
static bool is_root_or_less(unsigned __int128 a, uint32_t power, uint32_t number) {
    uint32_t product[12] = {1};
    for (uint32_t i = 0; i < power; i++) {
        uint32_t next[12] = {0};
        for (uint32_t at = 0; at < 3; at++) {
            uint64_t factor = (uint32_t)(a >> (32 * at)), carry = 0;
            for (uint32_t j = 0; j + at < 12; j++) {
                uint64_t sum = product[j] * factor + next[j + at] + carry;
                next[j + at] = (uint32_t)sum;
                carry = sum >> 32;
            }
        }
        memcpy(product, next, sizeof(product));
    }
    size_t at = (size_t)2 * power; /* above the fraction's 64 * power bits */
    uint64_t whole = product[at] | (uint64_t)product[at + 1] << 32;
    return whole < number;
}

static uint64_t fraction_of_root(uint32_t prime, uint32_t power) {
    unsigned __int128 root = 0;
    for (int bit = 68; bit >= 0; bit--) {
        unsigned __int128 with = root | (unsigned __int128)1 << bit;
        if (is_root_or_less(with, power, prime))
            root = with;
    }
    return (uint64_t)root;
}

static struct {
    uint64_t first[8], rounds[ROUNDS];
    bool is_made;
} constants;

/* Whoever comes at the same time makes the same. */
static void make_constants(void) {
    if (__atomic_load_n(&constants.is_made, __ATOMIC_ACQUIRE))
        return;
    uint32_t count = 0;
    for (uint32_t number = 2; count < ROUNDS; number++) {
        if (!is_prime(number))
            continue;
        if (count < 8)
            constants.first[count] = fraction_of_root(number, 2);
        constants.rounds[count++] = fraction_of_root(number, 3);
    }
    __atomic_store_n(&constants.is_made, true, __ATOMIC_RELEASE);
}

/* ---- blocks ---- */

static uint64_t turn(uint64_t word, uint32_t bits) {
    return word >> bits | word << (64 - bits);
}

static uint64_t load(const uint8_t *bytes) {
    uint64_t word = 0;
    for (uint32_t i = 0; i < 8; i++)
        word = word << 8 | bytes[i];
    return word;
}

static void fill_schedule(const uint8_t *block, uint64_t words[ROUNDS]) {
    for (uint32_t i = 0; i < 16; i++)
        words[i] = load(block + (size_t)8 * i);
    for (uint32_t i = 16; i < ROUNDS; i++) {
        uint64_t a = words[i - 15], b = words[i - 2];
        words[i] =
            words[i - 16] + (turn(a, 1) ^ turn(a, 8) ^ a >> 7) + words[i - 7] + (turn(b, 19) ^ turn(b, 61) ^ b >> 6);
    }
}

static void mix(struct sha512 *hash) {
    uint64_t words[ROUNDS], s[8];
    fill_schedule(hash->block, words);
    memcpy(s, hash->state, sizeof(s));
    for (uint32_t i = 0; i < ROUNDS; i++) {
        uint64_t first = s[7] + (turn(s[4], 14) ^ turn(s[4], 18) ^ turn(s[4], 41)) + ((s[4] & s[5]) ^ (~s[4] & s[6])) +
                         constants.rounds[i] + words[i];
        uint64_t second =
            (turn(s[0], 28) ^ turn(s[0], 34) ^ turn(s[0], 39)) + ((s[0] & s[1]) ^ (s[0] & s[2]) ^ (s[1] & s[2]));
        memmove(s + 1, s, 7 * sizeof(s[0]));
        s[4] += first;
        s[0] = first + second;
    }
    for (uint32_t i = 0; i < 8; i++)
        hash->state[i] += s[i];
}

void sha512_begin(struct sha512 *hash) {
    make_constants();
    hash->done_bytes = 0;
    memcpy(hash->state, constants.first, sizeof(hash->state));
}

void sha512_add(struct sha512 *hash, const void *bytes, size_t size) {
    const uint8_t *from = bytes;
    while (size > 0) {
        size_t at = hash->done_bytes % SHA512_BLOCK_BYTES, piece = SHA512_BLOCK_BYTES - at;
        piece = piece < size ? piece : size;
        memcpy(hash->block + at, from, piece);
        hash->done_bytes += piece;
        from += piece;
        size -= piece;
        if (hash->done_bytes % SHA512_BLOCK_BYTES == 0)
            mix(hash);
    }
}

void sha512_end(struct sha512 *hash, uint8_t digest[SHA512_BYTES]) {
    uint64_t bits = hash->done_bytes * 8;
    uint8_t length[LENGTH_BYTES] = {0}, first = 0x80, zero = 0;
    sha512_add(hash, &first, 1);
    while (hash->done_bytes % SHA512_BLOCK_BYTES != SHA512_BLOCK_BYTES - LENGTH_BYTES)
        sha512_add(hash, &zero, 1);
    for (uint32_t i = 0; i < 8; i++)
        length[LENGTH_BYTES - 8 + i] = (uint8_t)(bits >> (56 - 8 * i));
    sha512_add(hash, length, sizeof(length));
    for (uint32_t i = 0; i < SHA512_BYTES; i++)
        digest[i] = (uint8_t)(hash->state[i / 8] >> (56 - 8 * (i % 8)));
}
