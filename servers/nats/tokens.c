/*
 * The file is text, one token a line:
 *
 *     grove-tokens 1
 *     NAME HASH RIGHT RIGHT ...        HASH in hexadecimal, RIGHT as in a manifest: BUS_SUB:grid.>
 *
 * It is written whole into a new file that is synced and renamed over the old one, and then the folder is synced: a crash
 * in between leaves the old list or the new one.
 */
#include "servers/nats/tokens.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/bus.h"
#include "servers/common/names.h"

#define FILE_NAME "tokens"
#define NEW_FILE_NAME "tokens.new"
#define FIRST_LINE "grove-tokens 1"
#define SECRET_RANDOM_BYTES 32u

/* ---- one token ---- */

static const char *right_text(uint32_t kind) {
    return kind == GROVE_CAP_BUS_PUB ? "BUS_PUB" : kind == GROVE_CAP_BUS_SUB ? "BUS_SUB" : NULL;
}

const char *token_fault(const struct nats_token_record *record) {
    if (!service_name_is_valid(&record->name))
        return "a token's name is 1 to 63 letters, digits, \"_\" and \"-\", with single dots between them";
    if (record->right_count == 0 || record->right_count > NATS_TOKEN_RIGHTS_MAX)
        return "a token has 1 to 16 rights";
    for (uint32_t i = 0; i < record->right_count; i++) {
        const struct nats_token_right *right = &record->rights[i];
        if (right_text(right->kind) == NULL)
            return "a token's rights are BUS_PUB and BUS_SUB";
        if (memchr(right->pattern, '\0', sizeof right->pattern) == NULL || grove_pattern_check(right->pattern) < 0)
            return "a right of a token needs a pattern of subjects, as in BUS_SUB:grid.>";
    }
    return NULL;
}

bool token_allows(const struct token *token, uint32_t kind, const char *pattern) {
    struct grove_argument wanted = {.kind = GROVE_ARGUMENT_PATTERN}, held = {.kind = GROVE_ARGUMENT_PATTERN};
    size_t length_bytes = strlen(pattern);
    if (length_bytes == 0 || length_bytes > NATS_PATTERN_MAX)
        return false;
    wanted.length_bytes = (uint16_t)length_bytes;
    memcpy(wanted.value.text, pattern, length_bytes);
    for (uint32_t i = 0; grove_argument_is_valid(&wanted) && i < token->record.right_count; i++) {
        const struct nats_token_right *right = &token->record.rights[i];
        held.length_bytes = (uint16_t)strlen(right->pattern);
        memcpy(held.value.text, right->pattern, held.length_bytes);
        if (right->kind == kind && grove_argument_covers(&held, &wanted))
            return true;
    }
    return false;
}

static void hash_secret(const char *secret, size_t length_bytes, uint8_t hash[TOKEN_HASH_BYTES]) {
    (void)crypto_generichash(hash, TOKEN_HASH_BYTES, (const unsigned char *)secret, length_bytes, NULL, 0);
}

const struct token *tokens_find(const struct tokens *tokens, const char *name) {
    for (uint32_t i = 0; i < tokens->count; i++)
        if (strcmp(tokens->items[i].record.name.text, name) == 0)
            return &tokens->items[i];
    return NULL;
}

const struct token *tokens_find_secret(const struct tokens *tokens, const char *name, const char *secret,
                                       size_t length_bytes) {
    const struct token *found = NULL;
    uint8_t hash[TOKEN_HASH_BYTES];
    hash_secret(secret, length_bytes, hash);
    for (uint32_t i = 0; i < tokens->count; i++)
        if (sodium_memcmp(hash, tokens->items[i].hash, sizeof hash) == 0)
            found = &tokens->items[i];
    return found != NULL && (name == NULL || strcmp(name, found->record.name.text) == 0) ? found : NULL;
}

/* ---- reading ---- */

/* The next word of a line, copied and terminated; false at its end, or when it is too long. */
static bool take_word(const char **at, const char *end, char *word, size_t size_bytes) {
    const char *stop = memchr(*at, ' ', (size_t)(end - *at));
    size_t length_bytes = (size_t)((stop != NULL ? stop : end) - *at);
    if (length_bytes == 0 || length_bytes >= size_bytes || memchr(*at, '\0', length_bytes) != NULL)
        return false;
    memcpy(word, *at, length_bytes);
    word[length_bytes] = '\0';
    *at += length_bytes + (stop != NULL);
    return true;
}

static bool parse_right(const char *word, struct nats_token_right *right) {
    const char *colon = strchr(word, ':');
    for (uint32_t kind = GROVE_CAP_BUS_PUB; colon != NULL && kind <= GROVE_CAP_BUS_SUB; kind++) {
        const char *text = right_text(kind);
        if (strlen(text) == (size_t)(colon - word) && strncmp(word, text, strlen(text)) == 0 &&
            strlen(colon + 1) < sizeof right->pattern) {
            right->kind = kind;
            (void)snprintf(right->pattern, sizeof right->pattern, "%s", colon + 1);
            return true;
        }
    }
    return false;
}

static bool parse_token(const char *at, const char *end, struct token *token) {
    char word[NATS_PATTERN_MAX + 16];
    size_t hash_bytes = 0;
    *token = (struct token){.record.version = NATS_PROTOCOL_VERSION};
    if (!take_word(&at, end, token->record.name.text, sizeof token->record.name.text) ||
        !take_word(&at, end, word, sizeof word) ||
        sodium_hex2bin(token->hash, sizeof token->hash, word, strlen(word), NULL, &hash_bytes, NULL) != 0 ||
        hash_bytes != sizeof token->hash || strlen(word) != 2 * sizeof token->hash)
        return false;
    while (at < end) {
        if (token->record.right_count == NATS_TOKEN_RIGHTS_MAX || !take_word(&at, end, word, sizeof word) ||
            !parse_right(word, &token->record.rights[token->record.right_count++]))
            return false;
    }
    return token_fault(&token->record) == NULL;
}

int tokens_parse(struct tokens *tokens, const char *text, size_t length_bytes, unsigned *line) {
    const char *at = text, *end = text + length_bytes;
    tokens->count = 0;
    for (*line = 1; at < end; ++*line) {
        const char *stop = memchr(at, '\n', (size_t)(end - at));
        if (stop == NULL)
            return GROVE_CORRUPT;
        if (*line == 1) {
            if ((size_t)(stop - at) != strlen(FIRST_LINE) || memcmp(at, FIRST_LINE, strlen(FIRST_LINE)) != 0)
                return GROVE_CORRUPT;
        } else {
            struct token *token = &tokens->items[tokens->count];
            if (tokens->count == NATS_TOKENS_MAX || !parse_token(at, stop, token) ||
                tokens_find(tokens, token->record.name.text) != NULL)
                return GROVE_CORRUPT;
            tokens->count++;
        }
        at = stop + 1;
    }
    return 0;
}

static int read_whole(int descriptor, char *text, size_t size_bytes, size_t *length_bytes) {
    size_t used_bytes = 0;
    ssize_t got;
    while (used_bytes < size_bytes && (got = read(descriptor, text + used_bytes, size_bytes - used_bytes)) != 0) {
        if (got < 0 && errno != EINTR)
            return GROVE_IO;
        used_bytes += got > 0 ? (size_t)got : 0;
    }
    *length_bytes = used_bytes;
    return 0;
}

static int load(struct tokens *tokens, unsigned *line) {
    struct stat facts;
    size_t length_bytes = 0;
    int descriptor = openat(tokens->folder, FILE_NAME, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return errno == ENOENT ? 0 : GROVE_IO;
    *line = 0;
    int status = fstat(descriptor, &facts) < 0 ? GROVE_IO : facts.st_size > TOKENS_FILE_MAX ? GROVE_CORRUPT : 0;
    char *text = status == 0 ? malloc((size_t)facts.st_size + 1) : NULL;
    if (status == 0 && text == NULL)
        status = GROVE_NO_MEMORY;
    if (status == 0)
        status = read_whole(descriptor, text, (size_t)facts.st_size, &length_bytes);
    if (status == 0)
        status = tokens_parse(tokens, text, length_bytes, line);
    free(text);
    (void)close(descriptor);
    return status;
}

int tokens_open(struct tokens *tokens, int folder, unsigned *line) {
    *tokens = (struct tokens){.folder = folder, .items = calloc(NATS_TOKENS_MAX, sizeof(struct token))};
    if (tokens->items == NULL || sodium_init() < 0) {
        tokens_close(tokens);
        return GROVE_NO_MEMORY;
    }
    int status = load(tokens, line);
    if (status < 0)
        tokens_close(tokens);
    return status;
}

void tokens_close(struct tokens *tokens) {
    free(tokens->items);
    tokens->items = NULL;
    tokens->count = 0;
}

/* ---- writing ---- */

static bool write_token(FILE *file, const struct token *token) {
    char hash[2 * TOKEN_HASH_BYTES + 1];
    (void)sodium_bin2hex(hash, sizeof hash, token->hash, sizeof token->hash);
    bool is_written = fprintf(file, "%s %s", token->record.name.text, hash) > 0;
    for (uint32_t i = 0; i < token->record.right_count; i++)
        is_written = is_written && fprintf(file, " %s:%s", right_text(token->record.rights[i].kind),
                                           token->record.rights[i].pattern) > 0;
    return is_written && fputc('\n', file) != EOF;
}

static int write_new(const struct tokens *tokens) {
    int descriptor = openat(tokens->folder, NEW_FILE_NAME, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    FILE *file = descriptor < 0 ? NULL : fdopen(descriptor, "w");
    if (file == NULL) {
        if (descriptor >= 0)
            (void)close(descriptor);
        return GROVE_IO;
    }
    bool is_written = fputs(FIRST_LINE "\n", file) != EOF;
    for (uint32_t i = 0; i < tokens->count; i++)
        is_written = is_written && write_token(file, &tokens->items[i]);
    is_written = is_written && fflush(file) == 0 && fsync(descriptor) == 0;
    return fclose(file) == 0 && is_written ? 0 : GROVE_IO;
}

static int save(const struct tokens *tokens) {
    int status = write_new(tokens);
    if (status == 0 && renameat(tokens->folder, NEW_FILE_NAME, tokens->folder, FILE_NAME) < 0)
        status = GROVE_IO;
    if (status == 0 && fsync(tokens->folder) < 0)
        status = GROVE_IO;
    return status;
}

int tokens_add(struct tokens *tokens, const struct nats_token_record *record, char secret[NATS_SECRET_BYTES]) {
    uint8_t random[SECRET_RANDOM_BYTES];
    if (tokens_find(tokens, record->name.text) != NULL)
        return GROVE_EXISTS;
    if (tokens->count == NATS_TOKENS_MAX)
        return GROVE_EXHAUSTED;
    randombytes_buf(random, sizeof random);
    _Static_assert(sodium_base64_ENCODED_LEN(SECRET_RANDOM_BYTES, sodium_base64_VARIANT_URLSAFE_NO_PADDING) <=
                       NATS_SECRET_BYTES,
                   "a token's text fits");
    (void)sodium_bin2base64(secret, NATS_SECRET_BYTES, random, sizeof random, sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    struct token *token = &tokens->items[tokens->count];
    *token = (struct token){.record = *record};
    hash_secret(secret, strlen(secret), token->hash);
    tokens->count++;
    int status = save(tokens);
    if (status < 0)
        tokens->count--;
    return status;
}

int tokens_remove(struct tokens *tokens, const char *name) {
    const struct token *found = tokens_find(tokens, name);
    if (found == NULL)
        return GROVE_NOT_FOUND;
    struct token *token = &tokens->items[found - tokens->items];
    struct token removed = *token;
    *token = tokens->items[--tokens->count];
    int status = save(tokens);
    if (status < 0) {
        tokens->items[tokens->count++] = *token;
        *token = removed;
    }
    return status;
}
