/*
 * Encrypting and opening values; the format stands in seal.h.
 */
#include "servers/store/seal.h"

#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/port.h"

#define SEAL_FORMAT 1u
#define NONCE_OFFSET 8u
#define NONCE_BYTES 24u
#define VALUE_OFFSET 32u
#define BINDING_BYTES_MAX (4 + 1 + GROVE_NAME_MAX + 1 + 255 + 16)

_Static_assert(NONCE_BYTES == crypto_aead_xchacha20poly1305_ietf_NPUBBYTES, "the nonce of XChaCha20");
_Static_assert(SEAL_KEY_BYTES == crypto_aead_xchacha20poly1305_ietf_KEYBYTES, "the key of XChaCha20");
_Static_assert(SEAL_OVERHEAD == VALUE_OFFSET + crypto_aead_xchacha20poly1305_ietf_ABYTES, "head and tag");

static struct {
    uint8_t instance[16];
    uint64_t count;
} nonces;

int seal_init(void) {
    if (sodium_init() < 0)
        return GROVE_UNSUPPORTED;
    randombytes_buf(nonces.instance, sizeof nonces.instance);
    nonces.count = 0;
    return 0;
}

void seal_key_make(uint32_t generation, struct seal_key *key) {
    key->generation = generation;
    randombytes_buf(key->bytes, sizeof key->bytes);
}

void seal_forget(void *secret, size_t bytes) {
    sodium_memzero(secret, bytes);
}

static size_t put(uint8_t *bytes, size_t at, const void *what, size_t length) {
    memcpy(bytes + at, what, length);
    return at + length;
}

static size_t bind(const struct seal_binding *binding, uint8_t bytes[BINDING_BYTES_MAX]) {
    uint8_t name_bytes = (uint8_t)strnlen(binding->name, GROVE_NAME_MAX), key_bytes = (uint8_t)binding->key_bytes;
    size_t at = put(bytes, 0, "GSV1", 4);
    at = put(bytes, at, &name_bytes, 1);
    at = put(bytes, at, binding->name, name_bytes);
    at = put(bytes, at, &key_bytes, 1);
    at = put(bytes, at, binding->key, key_bytes);
    at = put(bytes, at, &binding->version, 8);
    return put(bytes, at, &binding->expires_ms, 8);
}

void seal_close(const struct seal_key *key, const struct seal_binding *binding, const void *value, size_t value_bytes,
                uint8_t *sealed) {
    uint8_t bound[BINDING_BYTES_MAX];
    size_t bound_bytes = bind(binding, bound);
    memset(sealed, 0, NONCE_OFFSET);
    sealed[0] = SEAL_FORMAT;
    memcpy(sealed + 4, &key->generation, sizeof key->generation);
    nonces.count++;
    memcpy(sealed + NONCE_OFFSET, nonces.instance, sizeof nonces.instance);
    memcpy(sealed + NONCE_OFFSET + sizeof nonces.instance, &nonces.count, sizeof nonces.count);
    (void)crypto_aead_xchacha20poly1305_ietf_encrypt(sealed + VALUE_OFFSET, NULL, value, value_bytes, bound,
                                                     bound_bytes, NULL, sealed + NONCE_OFFSET, key->bytes);
}

uint32_t seal_generation(const void *sealed, size_t sealed_bytes) {
    uint32_t generation = 0;
    const uint8_t *bytes = sealed;
    if (sealed_bytes < SEAL_OVERHEAD || bytes[0] != SEAL_FORMAT)
        return 0;
    memcpy(&generation, bytes + 4, sizeof generation);
    return generation;
}

int seal_open(const struct seal_key *key, const struct seal_binding *binding, const void *sealed, size_t sealed_bytes,
              uint8_t *value) {
    uint8_t bound[BINDING_BYTES_MAX];
    const uint8_t *bytes = sealed;
    if (seal_generation(sealed, sealed_bytes) != key->generation || key->generation == 0)
        return GROVE_CORRUPT;
    size_t bound_bytes = bind(binding, bound);
    return crypto_aead_xchacha20poly1305_ietf_decrypt(value, NULL, NULL, bytes + VALUE_OFFSET,
                                                      sealed_bytes - VALUE_OFFSET, bound, bound_bytes,
                                                      bytes + NONCE_OFFSET, key->bytes) == 0
               ? 0
               : GROVE_CORRUPT;
}

#define CHECKSUM_PIECE 65536u

int seal_checksum(int file, uint64_t bytes, uint8_t checksum[SEAL_KEY_BYTES]) {
    crypto_generichash_state state;
    uint8_t *piece = malloc(CHECKSUM_PIECE);
    uint64_t offset = 0;
    ssize_t length = 1;
    if (piece == NULL)
        return GROVE_NO_MEMORY;
    (void)crypto_generichash_init(&state, NULL, 0, SEAL_KEY_BYTES);
    while (offset < bytes && length > 0) {
        size_t wanted = bytes - offset < CHECKSUM_PIECE ? (size_t)(bytes - offset) : CHECKSUM_PIECE;
        length = pread(file, piece, wanted, (off_t)offset);
        if (length > 0)
            (void)crypto_generichash_update(&state, piece, (size_t)length);
        offset += length > 0 ? (uint64_t)length : 0;
    }
    (void)crypto_generichash_final(&state, checksum, SEAL_KEY_BYTES);
    free(piece);
    return length < 0 || (bytes != UINT64_MAX && offset < bytes) ? GROVE_IO : 0;
}
