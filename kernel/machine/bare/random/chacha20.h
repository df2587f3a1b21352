/* The block function of ChaCha20: RFC 8439, section 2.3. */
#ifndef GROVE_BARE_CHACHA20_H
#define GROVE_BARE_CHACHA20_H

#include <stdint.h>

#define CHACHA20_KEY_WORDS 8u
#define CHACHA20_BLOCK_WORDS 16u

/* Words are numbers of this processor; a block's bytes are theirs, the lowest first. */
void chacha20_block(const uint32_t key[CHACHA20_KEY_WORDS], uint32_t counter, const uint32_t nonce[3],
                    uint32_t block[CHACHA20_BLOCK_WORDS]);

#endif
