/*
 * The master key: it encrypts ("wraps") the keys of the namespaces, and nothing else. The store never sees it; it asks a
 * provider to wrap and unwrap, which is what a TPM can do as well.
 *
 *     file:PATH         32 random bytes in a file, made if it is missing. The default, below the state folder
 *     passphrase:PATH   the first line of a file, stretched by Argon2id with a salt kept in the state folder
 *     tpm:PATH          the shape of a TPM, played by software with its seed in a file: for tests and as a model
 *
 * Each has one file of material, and rotates in the same way: master_next makes new material beside the old one
 * (".next"), the keys are wrapped again in one transaction of the database, then master_adopt renames. A crash leaves
 * either; master_open tells which one opens the database's keys by trying (`is_next`).
 */
#ifndef SERVERS_STORE_MASTER_H
#define SERVERS_STORE_MASTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/store/seal.h"

#define MASTER_WRAPPED_MAX 256u

struct master;

/* What every provider does. `argument` is what stands behind "KIND:"; `folder` the state folder's descriptor. */
struct master_kind {
    const char *name;
    /* GROVE_NOT_FOUND: no material, and `makes_it` is false. *state is the provider's own. */
    int (*open)(int folder, const char *argument, bool is_next, bool makes_it, void **state);
    int (*wrap)(void *state, const char *name, const struct seal_key *key, uint8_t *wrapped, size_t *wrapped_bytes);
    /* GROVE_CORRUPT: wrapped by another master, or for another name. */
    int (*unwrap)(void *state, const char *name, const uint8_t *wrapped, size_t wrapped_bytes, struct seal_key *key);
    void (*close)(void *state);
    /* The file of material, relative to `folder` or absolute. */
    void (*path)(const char *argument, bool is_next, char *path, size_t path_bytes);
};
extern const struct master_kind master_file, master_passphrase, master_tpm;

/* `text` is KIND:ARGUMENT. GROVE_INVALID, GROVE_NOT_FOUND, GROVE_IO, GROVE_CORRUPT; says why on standard error. */
int master_open(int folder, const char *text, bool is_next, bool makes_it, struct master **master);
void master_close(struct master *master);
int master_wrap(struct master *master, const char *name, const struct seal_key *key, uint8_t *wrapped,
                size_t *wrapped_bytes);
int master_unwrap(struct master *master, const char *name, const uint8_t *wrapped, size_t wrapped_bytes,
                  struct seal_key *key);
/* New material takes the place of the old: on the disk when it returns. GROVE_IO. */
int master_adopt(int folder, const char *text);
/* Forget new material that was not adopted. */
void master_discard(int folder, const char *text);

/* For the providers: wrapping with a key in memory; the format is that of seal.h, without value. */
int master_wrap_with(const uint8_t secret[SEAL_KEY_BYTES], const char *name, const struct seal_key *key,
                     uint8_t *wrapped, size_t *wrapped_bytes);
int master_unwrap_with(const uint8_t secret[SEAL_KEY_BYTES], const char *name, const uint8_t *wrapped,
                       size_t wrapped_bytes, struct seal_key *key);
/* Read a small file whole. GROVE_NOT_FOUND, GROVE_IO, GROVE_TOO_LARGE. */
int material_read(int folder, const char *path, void *bytes, size_t limit_bytes, size_t *length_bytes);
/* Make it, 0600, which must not exist; on the disk, with its name, when it returns. */
int material_write(int folder, const char *path, const void *bytes, size_t length_bytes);

#endif
