/*
 * Values as they lie on the disk: encrypted with XChaCha20-Poly1305 under a key of their namespace.
 *
 *     0   format, 1            1   0 0 0
 *     4   generation of the key that encrypts it (u32)
 *     8   nonce, 24 bytes
 *     32  the value, encrypted, and 16 bytes of tag
 *
 * Bound to it, so that an entry cannot be moved or brought back: namespace, key, version and the end of its time.
 *
 * A nonce is 16 random bytes of this instance and a count: never used twice, at the cost of no system call. libsodium is
 * used here and in master.c, and nowhere else.
 */
#ifndef SERVERS_STORE_SEAL_H
#define SERVERS_STORE_SEAL_H

#include <stddef.h>
#include <stdint.h>

#define SEAL_KEY_BYTES 32u
#define SEAL_OVERHEAD 48u

struct seal_key {
    uint32_t generation; /* 0: none */
    uint8_t bytes[SEAL_KEY_BYTES];
};

/* What a sealed value belongs to. */
struct seal_binding {
    const char *name;
    const uint8_t *key;
    uint64_t key_bytes;
    uint64_t version, expires_ms;
};

/* Once in a process, before all else. GROVE_UNSUPPORTED: there is no randomness. */
int seal_init(void);
void seal_key_make(uint32_t generation, struct seal_key *key);
void seal_forget(void *secret, size_t bytes);
/* Writes value_bytes + SEAL_OVERHEAD bytes. */
void seal_close(const struct seal_key *key, const struct seal_binding *binding, const void *value, size_t value_bytes,
                uint8_t *sealed);
/* The generation that a sealed value needs; 0: it is none. */
uint32_t seal_generation(const void *sealed, size_t sealed_bytes);
/* Writes sealed_bytes - SEAL_OVERHEAD bytes. GROVE_CORRUPT: changed, or bound to something else. */
int seal_open(const struct seal_key *key, const struct seal_binding *binding, const void *sealed, size_t sealed_bytes,
              uint8_t *value);

/* BLAKE2b over the first `bytes` of a file (UINT64_MAX: all of it). GROVE_IO, GROVE_NO_MEMORY. */
int seal_checksum(int file, uint64_t bytes, uint8_t checksum[SEAL_KEY_BYTES]);

#endif
