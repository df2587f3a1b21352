/*
 * The tokens that let a NATS client in, and what each may do.
 *
 * Kept in one file, `tokens`, in the gateway's state folder (docs/formats.md). It holds a hash of each token and never
 * the token itself, so who reads the file cannot connect with it. A token is 32 random bytes, which is why an unsalted
 * hash is enough.
 */
#ifndef SERVERS_NATS_TOKENS_H
#define SERVERS_NATS_TOKENS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/nats/protocol.h"

#define TOKEN_HASH_BYTES 32u
#define TOKENS_FILE_MAX (4u << 20) /* bytes */

struct token {
    struct nats_token_record record;
    uint8_t hash[TOKEN_HASH_BYTES];
};

struct tokens {
    int folder; /* its descriptor; not ours to close */
    struct token *items; /* NATS_TOKENS_MAX of them */
    uint32_t count;
};

/*
 * Read what is kept; a file that is not there is an empty one. GROVE_CORRUPT with *line set: that line is malformed, and
 * nobody is let in by a file that is not understood. GROVE_IO, GROVE_NO_MEMORY.
 */
int tokens_open(struct tokens *tokens, int folder, unsigned *line);
void tokens_close(struct tokens *tokens);

/* The pure part of reading, for tests and the fuzz target: `text` need not be terminated. */
int tokens_parse(struct tokens *tokens, const char *text, size_t length_bytes, unsigned *line);

/*
 * Make one, and write the file: it is on disk when this returns 0. *secret gets its text. GROVE_EXISTS,
 * GROVE_EXHAUSTED (NATS_TOKENS_MAX), GROVE_IO (not made; it may be there after a restart, with a text that nobody knows).
 */
int tokens_add(struct tokens *tokens, const struct nats_token_record *record, char secret[NATS_SECRET_BYTES]);
/* GROVE_NOT_FOUND, GROVE_IO (it still holds; after a restart it may be gone). */
int tokens_remove(struct tokens *tokens, const char *name);

const struct token *tokens_find(const struct tokens *tokens, const char *name);
/* Whose this is, or NULL. Takes the same time for every wrong one. `name` may be NULL: any. */
const struct token *tokens_find_secret(const struct tokens *tokens, const char *name, const char *secret,
                                       size_t length_bytes);

/* Do its rights of this kind cover a subject or pattern? */
bool token_allows(const struct token *token, uint32_t kind, const char *pattern);
/* NULL if a record is well formed, else a constant sentence. */
const char *token_fault(const struct nats_token_record *record);

#endif
