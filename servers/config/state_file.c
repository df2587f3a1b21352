/*
 * The state on disk: one file, replaced as a whole.
 *
 *     write state.new, synchronise it | link state to state.old | rename state.new to state | synchronise the folder
 *
 * The rename is the moment of a change: before it a crash leaves the old state, after it the new one. state.old is what
 * is read when bits of `state` have flipped; a file that is damaged is kept as state.bad for people.
 */
#include "servers/config/state_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "servers/config/config.h"

#define FILE_NOW "state"
#define FILE_NEW "state.new"
#define FILE_OLD "state.old"
#define FILE_BAD "state.bad"

static int status_of(int error) {
    return error == ENOSPC || error == EDQUOT ? GROVE_FULL : error == ENOENT ? GROVE_NOT_FOUND : GROVE_IO;
}

/* ---- writing ---- */

static int write_all(int descriptor, const uint8_t *bytes, size_t length) {
    while (length > 0) {
        ssize_t count = write(descriptor, bytes, length);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0)
            return status_of(errno);
        bytes += count;
        length -= (size_t)count;
    }
    return 0;
}

static int write_new(int folder, const void *bytes, size_t length) {
    int descriptor = openat(folder, FILE_NEW, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return status_of(errno);
    int status = write_all(descriptor, bytes, length);
    if (status == 0 && fsync(descriptor) < 0)
        status = status_of(errno);
    if (close(descriptor) < 0 && status == 0)
        status = status_of(errno);
    return status;
}

/* The name is there again at once: link and rename never leave the folder without a good file. */
static void keep_old(int folder) {
    (void)unlinkat(folder, FILE_OLD, 0);
    (void)linkat(folder, FILE_NOW, folder, FILE_OLD, 0);
}

int state_save(const struct state *state, int folder) {
    void *bytes = NULL;
    size_t length = 0;
    int status = state_encode(state, &bytes, &length);
    if (status < 0)
        return status;
    status = write_new(folder, bytes, length);
    explicit_bzero(bytes, length);
    free(bytes);
    if (status == 0) {
        keep_old(folder);
        if (renameat(folder, FILE_NEW, folder, FILE_NOW) < 0)
            status = status_of(errno);
    }
    if (status < 0) {
        (void)unlinkat(folder, FILE_NEW, 0);
        return status;
    }
    return fsync(folder) < 0 ? STATE_NOT_SYNCHRONISED : 0;
}

/* ---- reading ---- */

static int read_file(int folder, const char *name, void **bytes, size_t *length) {
    struct stat facts;
    int descriptor = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return status_of(errno);
    int status = fstat(descriptor, &facts) < 0 ? GROVE_IO : 0;
    if (status == 0 && (facts.st_size < 0 || (uint64_t)facts.st_size > STATE_BYTES_MAX))
        status = GROVE_CORRUPT;
    uint8_t *read_bytes = status == 0 ? malloc((size_t)facts.st_size + 1) : NULL;
    if (status == 0 && read_bytes == NULL)
        status = GROVE_NO_MEMORY;
    size_t used = 0;
    while (status == 0 && used < (size_t)facts.st_size) {
        ssize_t count = read(descriptor, read_bytes + used, (size_t)facts.st_size - used);
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            status = count < 0 ? GROVE_IO : GROVE_CORRUPT;
        else
            used += (size_t)count;
    }
    (void)close(descriptor);
    if (status < 0) {
        free(read_bytes);
        return status;
    }
    *bytes = read_bytes;
    *length = used;
    return 0;
}

static int load_one(struct state *state, int folder, const char *name) {
    void *bytes = NULL;
    size_t length = 0;
    int status = read_file(folder, name, &bytes, &length);
    if (status == 0) {
        status = state_decode(state, bytes, length);
        explicit_bzero(bytes, length);
    }
    free(bytes);
    return status;
}

int state_load(struct state *state, int folder) {
    memset(state, 0, sizeof *state);
    int status = load_one(state, folder, FILE_NOW);
    if (status == 0 || status == GROVE_IO || status == GROVE_NO_MEMORY)
        return status;
    if (status != GROVE_NOT_FOUND) {
        (void)renameat(folder, FILE_NOW, folder, FILE_BAD);
        (void)fprintf(stderr,
                      "config: the state file is damaged (%s); it is kept as %s, and the one before it is read\n",
                      grove_status_text(status), FILE_BAD);
    }
    int old = load_one(state, folder, FILE_OLD);
    if (old < 0 && status != GROVE_NOT_FOUND)
        (void)fprintf(stderr, "config: the state file before it cannot be read either: what was set by hand, and the "
                              "history, are lost; files count as they stand\n");
    return old == GROVE_IO || old == GROVE_NO_MEMORY ? old : 0;
}
