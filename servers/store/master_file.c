/*
 * Master keys from files: random bytes, or a passphrase with a salt.
 *
 *     file:PATH          PATH: 32 bytes
 *     passphrase:PATH    master.salt in the state folder: struct salt_file
 *
 * A crash leaves the file of material or none (material_write).
 */
#include <limits.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"
#include "servers/store/master.h"

#define SALT_FILE "master.salt"
#define SALT_MAGIC 0x544c4147u /* "GALT" */
#define SALT_VERSION 1u
#define PASSPHRASE_MIN 8u
#define PASSPHRASE_MAX 1024u

/* What Argon2id is run with; kept with the salt, so that a later store may use more. */
struct salt_file {
    uint32_t magic, version;
    uint64_t operations, memory_bytes;
    uint8_t salt[crypto_pwhash_SALTBYTES];
};

struct secret {
    uint8_t bytes[SEAL_KEY_BYTES];
};

static int wrap(void *state, const char *name, const struct seal_key *key, uint8_t *wrapped, size_t *wrapped_bytes) {
    const struct secret *secret = state;
    return master_wrap_with(secret->bytes, name, key, wrapped, wrapped_bytes);
}

static int unwrap(void *state, const char *name, const uint8_t *wrapped, size_t wrapped_bytes, struct seal_key *key) {
    const struct secret *secret = state;
    return master_unwrap_with(secret->bytes, name, wrapped, wrapped_bytes, key);
}

static void forget(void *state) {
    seal_forget(state, sizeof(struct secret));
    free(state);
}

static void path_of(const char *path, bool is_next, char *text, size_t text_bytes) {
    (void)snprintf(text, text_bytes, "%s%s", path, is_next ? ".next" : "");
}

/* ---- file ---- */

static int make_file(int folder, const char *path, struct secret *secret) {
    randombytes_buf(secret->bytes, sizeof secret->bytes);
    return material_write(folder, path, secret->bytes, sizeof secret->bytes);
}

static int open_file(int folder, const char *argument, bool is_next, bool makes_it, void **state) {
    char path[PATH_MAX];
    size_t length = 0;
    struct secret *secret = calloc(1, sizeof *secret);
    if (secret == NULL)
        return GROVE_NO_MEMORY;
    path_of(argument, is_next, path, sizeof path);
    int status = material_read(folder, path, secret->bytes, sizeof secret->bytes, &length);
    if (status == GROVE_NOT_FOUND && makes_it)
        status = make_file(folder, path, secret);
    else if (status == 0 && length != sizeof secret->bytes)
        status = GROVE_CORRUPT;
    if (status < 0) {
        if (status != GROVE_NOT_FOUND)
            (void)fprintf(stderr, "store: the master key %s, a file of 32 bytes, cannot be used: %d\n", path, status);
        forget(secret);
        return status;
    }
    *state = secret;
    return 0;
}

const struct master_kind master_file = {
    .name = "file", .open = open_file, .wrap = wrap, .unwrap = unwrap, .close = forget, .path = path_of};

/* ---- passphrase ---- */

static void salt_path_of(const char *argument, bool is_next, char *text, size_t text_bytes) {
    (void)argument;
    path_of(SALT_FILE, is_next, text, text_bytes);
}

static int make_salt(int folder, const char *path, struct salt_file *salt) {
    *salt = (struct salt_file){.magic = SALT_MAGIC,
                               .version = SALT_VERSION,
                               .operations = crypto_pwhash_OPSLIMIT_INTERACTIVE,
                               .memory_bytes = crypto_pwhash_MEMLIMIT_INTERACTIVE};
    randombytes_buf(salt->salt, sizeof salt->salt);
    return material_write(folder, path, salt, sizeof *salt);
}

static int read_salt(int folder, bool is_next, bool makes_it, struct salt_file *salt) {
    char path[PATH_MAX];
    size_t length = 0;
    salt_path_of(NULL, is_next, path, sizeof path);
    int status = material_read(folder, path, salt, sizeof *salt, &length);
    if (status == GROVE_NOT_FOUND && makes_it)
        return make_salt(folder, path, salt);
    if (status < 0)
        return status;
    bool is_valid = length == sizeof *salt && salt->magic == SALT_MAGIC && salt->version == SALT_VERSION &&
                    salt->memory_bytes <= crypto_pwhash_MEMLIMIT_SENSITIVE &&
                    salt->operations <= crypto_pwhash_OPSLIMIT_SENSITIVE;
    return is_valid ? 0 : GROVE_CORRUPT;
}

/* The first line, without its end. */
static int read_passphrase(int folder, const char *path, char *text, size_t *length) {
    int status = material_read(folder, path, text, PASSPHRASE_MAX, length);
    const char *end = status == 0 ? memchr(text, '\n', *length) : NULL;
    if (end != NULL)
        *length = (size_t)(end - text);
    if (status == 0 && *length < PASSPHRASE_MIN)
        status = GROVE_INVALID;
    if (status < 0)
        (void)fprintf(
            stderr, "store: the passphrase in %s cannot be used (%d): it must be there, 8 to 1024 bytes in one line\n",
            path, status);
    return status;
}

static int stretch(int folder, const char *argument, const struct salt_file *salt, struct secret *secret) {
    char text[PASSPHRASE_MAX];
    size_t length = 0;
    int status = read_passphrase(folder, argument, text, &length);
    if (status == 0 && crypto_pwhash(secret->bytes, sizeof secret->bytes, text, length, salt->salt, salt->operations,
                                     (size_t)salt->memory_bytes, crypto_pwhash_ALG_ARGON2ID13) != 0)
        status = GROVE_NO_MEMORY;
    seal_forget(text, sizeof text);
    return status;
}

static int open_passphrase(int folder, const char *argument, bool is_next, bool makes_it, void **state) {
    struct salt_file salt;
    struct secret *secret = calloc(1, sizeof *secret);
    if (secret == NULL)
        return GROVE_NO_MEMORY;
    int status = read_salt(folder, is_next, makes_it, &salt);
    if (status == 0)
        status = stretch(folder, argument, &salt, secret);
    if (status < 0) {
        forget(secret);
        return status;
    }
    *state = secret;
    return 0;
}

const struct master_kind master_passphrase = {.name = "passphrase",
                                              .open = open_passphrase,
                                              .wrap = wrap,
                                              .unwrap = unwrap,
                                              .close = forget,
                                              .path = salt_path_of};
