/*
 * The master key: choosing a provider, rotating, and what the providers share.
 */
#include "servers/store/master.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"

static const struct master_kind *const kinds[] = {&master_file, &master_passphrase, &master_tpm};

struct master {
    const struct master_kind *kind;
    void *state;
};

static const struct master_kind *kind_of(const char *text, const char **argument) {
    for (size_t index = 0; index < sizeof kinds / sizeof kinds[0]; index++) {
        size_t length = strlen(kinds[index]->name);
        if (strncmp(text, kinds[index]->name, length) != 0 || text[length] != ':' || text[length + 1] == '\0')
            continue;
        *argument = text + length + 1;
        return kinds[index];
    }
    return NULL;
}

int master_open(int folder, const char *text, bool is_next, bool makes_it, struct master **master) {
    const char *argument = NULL;
    const struct master_kind *kind = kind_of(text, &argument);
    if (kind == NULL) {
        (void)fprintf(stderr, "store: \"%s\" names no master key: it is file:PATH, passphrase:PATH or tpm:PATH\n",
                      text);
        return GROVE_INVALID;
    }
    struct master *opened = malloc(sizeof *opened);
    int status = opened == NULL ? GROVE_NO_MEMORY : kind->open(folder, argument, is_next, makes_it, &opened->state);
    if (status < 0) {
        free(opened);
        return status;
    }
    opened->kind = kind;
    *master = opened;
    return 0;
}

void master_close(struct master *master) {
    if (master == NULL)
        return;
    master->kind->close(master->state);
    free(master);
}

int master_wrap(struct master *master, const char *name, const struct seal_key *key, uint8_t *wrapped,
                size_t *wrapped_bytes) {
    return master->kind->wrap(master->state, name, key, wrapped, wrapped_bytes);
}

int master_unwrap(struct master *master, const char *name, const uint8_t *wrapped, size_t wrapped_bytes,
                  struct seal_key *key) {
    return master->kind->unwrap(master->state, name, wrapped, wrapped_bytes, key);
}

int master_adopt(int folder, const char *text) {
    char from[PATH_MAX], to[PATH_MAX];
    const char *argument = NULL;
    const struct master_kind *kind = kind_of(text, &argument);
    if (kind == NULL)
        return GROVE_INVALID;
    kind->path(argument, true, from, sizeof from);
    kind->path(argument, false, to, sizeof to);
    if (renameat(folder, from, folder, to) < 0)
        return GROVE_IO;
    char *slash = strrchr(to, '/');
    if (slash == NULL)
        return fsync(folder) < 0 ? GROVE_IO : 0;
    *slash = '\0';
    int parent = openat(folder, to, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    int status = parent < 0 || fsync(parent) < 0 ? GROVE_IO : 0;
    if (parent >= 0)
        (void)close(parent);
    return status;
}

void master_discard(int folder, const char *text) {
    char path[PATH_MAX];
    const char *argument = NULL;
    const struct master_kind *kind = kind_of(text, &argument);
    if (kind == NULL)
        return;
    kind->path(argument, true, path, sizeof path);
    (void)unlinkat(folder, path, 0);
}

/* ---- shared by the providers ---- */

/* A wrapped key is the sealed key, bound to its name and generation, encrypted by a key of generation 1. */
int master_wrap_with(const uint8_t secret[SEAL_KEY_BYTES], const char *name, const struct seal_key *key,
                     uint8_t *wrapped, size_t *wrapped_bytes) {
    struct seal_key wrapping = {.generation = 1};
    struct seal_binding binding = {.name = name, .key = (const uint8_t *)"key", .key_bytes = 3};
    memcpy(wrapping.bytes, secret, sizeof wrapping.bytes);
    binding.version = key->generation;
    seal_close(&wrapping, &binding, key->bytes, sizeof key->bytes, wrapped);
    seal_forget(&wrapping, sizeof wrapping);
    *wrapped_bytes = SEAL_OVERHEAD + SEAL_KEY_BYTES;
    return 0;
}

int master_unwrap_with(const uint8_t secret[SEAL_KEY_BYTES], const char *name, const uint8_t *wrapped,
                       size_t wrapped_bytes, struct seal_key *key) {
    struct seal_key wrapping = {.generation = 1};
    struct seal_binding binding = {.name = name, .key = (const uint8_t *)"key", .key_bytes = 3};
    if (wrapped_bytes != SEAL_OVERHEAD + SEAL_KEY_BYTES)
        return GROVE_CORRUPT;
    memcpy(wrapping.bytes, secret, sizeof wrapping.bytes);
    binding.version = key->generation;
    int status = seal_open(&wrapping, &binding, wrapped, wrapped_bytes, key->bytes);
    seal_forget(&wrapping, sizeof wrapping);
    return status;
}

int material_read(int folder, const char *path, void *bytes, size_t limit_bytes, size_t *length_bytes) {
    int descriptor = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return errno == ENOENT ? GROVE_NOT_FOUND : GROVE_IO;
    ssize_t length = read(descriptor, bytes, limit_bytes);
    char more;
    bool is_whole = length >= 0 && ((size_t)length < limit_bytes || read(descriptor, &more, 1) == 0);
    (void)close(descriptor);
    if (length < 0)
        return GROVE_IO;
    *length_bytes = (size_t)length;
    return is_whole ? 0 : GROVE_TOO_LARGE;
}

/* Under another name first, so that nobody ever finds half of it. */
int material_write(int folder, const char *path, const void *bytes, size_t length_bytes) {
    char temporary[PATH_MAX + 8];
    (void)snprintf(temporary, sizeof temporary, "%s.new", path);
    (void)unlinkat(folder, temporary, 0);
    int descriptor = openat(folder, temporary, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return errno == ENOSPC ? GROVE_FULL : GROVE_IO;
    bool is_written = write(descriptor, bytes, length_bytes) == (ssize_t)length_bytes && fsync(descriptor) == 0;
    (void)close(descriptor);
    if (is_written && linkat(folder, temporary, folder, path, 0) < 0)
        is_written = false;
    (void)unlinkat(folder, temporary, 0);
    return is_written && fsync(folder) == 0 ? 0 : GROVE_IO;
}
