/*
 * The kernel's random numbers: a pool of 32 bytes that everything unpredictable is mixed into, and a generator (ChaCha20) that
 * runs on it. What was generated cannot be found again from the pool: each time the key is replaced before anything is
 * given out.
 *
 * One lock guards it, held for one block at a time.
 */
#ifndef GROVE_BARE_RANDOM_H
#define GROVE_BARE_RANDOM_H

#include "kernel/machine/bare/spinlock.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RANDOM_KEY_WORDS 8u
#define RANDOM_BITS_WANTED 256u

/* All zero is an empty pool. */
struct random_pool {
    struct spinlock lock;
    uint32_t key[RANDOM_KEY_WORDS];
    uint32_t mixed; /* how often something was mixed in */
    uint32_t bits; /* what is unpredictable in it, up to RANDOM_BITS_WANTED: atomic where it is read without the lock */
};

/* The kernel's own. */
extern struct random_pool random_kernel;

/* Mix bytes in. Whoever knows them all cannot make the pool worse. `bits` is how much in them is unpredictable: 0 for a guess. */
void random_mix(struct random_pool *pool, const void *bytes, size_t count, uint32_t bits);
/* Whether enough was mixed in for secrets. It stays so. */
bool random_is_ready(const struct random_pool *pool);
/* Unpredictable bytes, once it is ready; before that, bytes that differ from boot to boot as far as anything does. */
void random_fill(struct random_pool *pool, void *bytes, size_t count);

#endif
