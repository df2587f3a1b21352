/* SHA-512 (FIPS 180-4), of what lies in up to a few pieces one after the other. */
#ifndef GROVE_BARE_SHA512_H
#define GROVE_BARE_SHA512_H

#include <stddef.h>
#include <stdint.h>

#define SHA512_BYTES 64u
#define SHA512_BLOCK_BYTES 128u

struct sha512 {
    uint64_t state[8];
    uint64_t done_bytes;
    uint8_t block[SHA512_BLOCK_BYTES];
};

void sha512_begin(struct sha512 *hash);
void sha512_add(struct sha512 *hash, const void *bytes, size_t size_bytes);
void sha512_end(struct sha512 *hash, uint8_t digest[SHA512_BYTES]);

#endif
