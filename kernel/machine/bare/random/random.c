/* The pool and its generator: see random.h. */
#include "kernel/machine/bare/random/random.h"

#include "kernel/machine/bare/random/chacha20.h"

#include <string.h>

#define USE_MIX 1u /* the nonce's first word, so that a block serves one purpose only */
#define USE_FILL 2u
#define GIVEN_BYTES ((size_t)(CHACHA20_BLOCK_WORDS - RANDOM_KEY_WORDS) * 4)

struct random_pool random_kernel;

/* Both halves of a block under the pool's key: the first becomes the key. */
static void step(struct random_pool *pool, uint32_t use, uint32_t block[CHACHA20_BLOCK_WORDS]) {
    const uint32_t nonce[3] = {use, pool->mixed, 0};
    chacha20_block(pool->key, 0, nonce, block);
    memcpy(pool->key, block, sizeof(pool->key));
}

/* At most as many bytes as the key has. */
static void mix_piece(struct random_pool *pool, const uint8_t *bytes, size_t count) {
    uint32_t block[CHACHA20_BLOCK_WORDS];
    uint8_t *key = (uint8_t *)pool->key;
    for (size_t i = 0; i < count; i++)
        key[i] ^= bytes[i];
    pool->mixed++;
    step(pool, USE_MIX, block);
}

void random_mix(struct random_pool *pool, const void *bytes, size_t count, uint32_t bits) {
    const uint8_t *from = bytes;
    for (size_t done = 0; done < count;) {
        size_t size = count - done < sizeof(pool->key) ? count - done : sizeof(pool->key);
        spinlock_lock(&pool->lock);
        mix_piece(pool, from + done, size);
        spinlock_unlock(&pool->lock);
        done += size;
    }
    spinlock_lock(&pool->lock);
    uint32_t room = RANDOM_BITS_WANTED - pool->bits;
    __atomic_store_n(&pool->bits, pool->bits + (bits < room ? bits : room), __ATOMIC_RELAXED);
    spinlock_unlock(&pool->lock);
}

bool random_is_ready(const struct random_pool *pool) {
    return __atomic_load_n(&pool->bits, __ATOMIC_RELAXED) >= RANDOM_BITS_WANTED;
}

void random_fill(struct random_pool *pool, void *bytes, size_t count) {
    uint8_t *to = bytes;
    uint32_t block[CHACHA20_BLOCK_WORDS];
    for (size_t done = 0; done < count;) {
        size_t size = count - done < GIVEN_BYTES ? count - done : GIVEN_BYTES;
        spinlock_lock(&pool->lock);
        step(pool, USE_FILL, block);
        spinlock_unlock(&pool->lock);
        memcpy(to + done, block + RANDOM_KEY_WORDS, size);
        done += size;
    }
    memset(block, 0, sizeof(block));
    __asm__ volatile("" : : "r"(block) : "memory"); /* or the compiler leaves that out */
}
