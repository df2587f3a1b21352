/*
 * One file for each service, and what is on disk when a call is answered.
 *
 *     NAME.service: struct store_header (32 bytes) | the spec, spec_bytes long
 *
 * A file is written beside its place (NAME.new), synchronised, renamed over its place, and the folder synchronised;
 * then the request is answered. A death in between leaves NAME.new, which the next start removes, or the old file, or the
 * new one, never a mixture. `check` is FNV-1a over the header with check 0 and the spec: a file that a broken disk or
 * a person has damaged is renamed to NAME.damaged, said on standard error, and counts as absent.
 *
 * All writes of one turn of the event loop are committed together (methods.c), so registering a project costs one
 * synchronisation of the folder.
 */
#include "servers/registry/registry.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#define STORE_MAGIC 0x53524547u /* "GERS" */
#define STORE_VERSION 1u
#define NEW_SUFFIX ".new"
#define DAMAGED_SUFFIX ".damaged"
#define FILE_NAME_BYTES (GROVE_NAME_MAX + 16u)

struct store_header {
    uint32_t magic, version;
    uint32_t is_wanted, spec_bytes;
    uint64_t check;
    uint64_t reserved;
};
_Static_assert(sizeof(struct store_header) == 32, "the header has one size on every machine");

static uint64_t fnv(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *next = data;
    for (size_t index = 0; index < bytes; index++)
        hash = (hash ^ next[index]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t check_of(const struct store_header *header, const void *spec) {
    struct store_header plain = *header;
    plain.check = 0;
    return fnv(fnv(UINT64_C(14695981039346656037), &plain, sizeof plain), spec, header->spec_bytes);
}

static int status_of(int error) {
    switch (error) {
    case ENOSPC:
    case EDQUOT:
        return GROVE_FULL;
    case EROFS:
    case EACCES:
    case EPERM:
        return GROVE_READ_ONLY;
    case EMFILE:
    case ENFILE:
        return GROVE_NO_DESCRIPTORS;
    case ENOMEM:
        return GROVE_NO_MEMORY;
    default:
        return GROVE_IO;
    }
}

static void file_name(char *text, const char *name, const char *suffix) {
    (void)snprintf(text, FILE_NAME_BYTES, "%s%s", name, suffix);
}

int store_open(struct registry *registry, const char *path) {
    registry->folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (registry->folder >= 0)
        return 0;
    (void)fprintf(stderr, "registry: cannot open the state folder %s: %s\n", path, strerror(errno));
    return status_of(errno);
}

/* ---- write ---- */

static int write_all(int descriptor, const struct store_header *header, const struct grove_spec *spec) {
    struct iovec parts[2] = {{.iov_base = (void *)(uintptr_t)header, .iov_len = sizeof *header},
                             {.iov_base = (void *)(uintptr_t)spec, .iov_len = header->spec_bytes}};
    ssize_t written = writev(descriptor, parts, 2);
    if (written < 0)
        return status_of(errno);
    return (size_t)written == sizeof *header + header->spec_bytes ? 0 : GROVE_FULL;
}

int store_prepare(struct registry *registry, const struct grove_spec *spec, bool is_wanted) {
    char path[FILE_NAME_BYTES];
    struct store_header header = {
        .magic = STORE_MAGIC, .version = STORE_VERSION, .is_wanted = is_wanted, .spec_bytes = spec->total_bytes};
    header.check = check_of(&header, spec);
    file_name(path, grove_spec_text(spec, spec->name), NEW_SUFFIX);
    int descriptor = openat(registry->folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return status_of(errno);
    int status = write_all(descriptor, &header, spec);
    /* Only a beginning: of many files that are on their way, the first fsync waits, and the others find it done. */
    (void)sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (close(descriptor) < 0 && status == 0)
        status = status_of(errno);
    if (status < 0)
        (void)unlinkat(registry->folder, path, 0);
    return status;
}

static int synchronise_file(struct registry *registry, const char *path) {
    int descriptor = openat(registry->folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return status_of(errno);
    int status = fsync(descriptor) < 0 ? status_of(errno) : 0;
    (void)close(descriptor);
    return status;
}

int store_commit(struct registry *registry, const char *name) {
    char path[FILE_NAME_BYTES], place[FILE_NAME_BYTES];
    file_name(path, name, NEW_SUFFIX);
    file_name(place, name, STORE_SUFFIX);
    int status = synchronise_file(registry, path);
    if (status == 0 && renameat(registry->folder, path, registry->folder, place) < 0)
        status = status_of(errno);
    registry->is_folder_dirty = true;
    return status;
}

void store_discard(struct registry *registry, const char *name) {
    char path[FILE_NAME_BYTES];
    file_name(path, name, NEW_SUFFIX);
    (void)unlinkat(registry->folder, path, 0);
}

int store_remove(struct registry *registry, const char *name) {
    char place[FILE_NAME_BYTES];
    store_discard(registry, name);
    file_name(place, name, STORE_SUFFIX);
    registry->is_folder_dirty = true;
    return unlinkat(registry->folder, place, 0) < 0 && errno != ENOENT ? status_of(errno) : 0;
}

int store_synchronise(struct registry *registry) {
    if (!registry->is_folder_dirty)
        return 0;
    registry->is_folder_dirty = false;
    return fsync(registry->folder) < 0 ? status_of(errno) : 0;
}

/* ---- what is to be written ---- */

void store_later(struct record *record) {
    record->is_prepared = false;
    if (record->is_dirty)
        return;
    record->is_dirty = true;
    record->dirty_next = record->registry->dirty_first;
    record->registry->dirty_first = record;
}

void store_forget(struct record *record) {
    struct record **link = &record->registry->dirty_first;
    while (*link != NULL && *link != record)
        link = &(*link)->dirty_next;
    if (*link == record)
        *link = record->dirty_next;
    record->is_dirty = false;
}

/* ---- read ---- */

/* NULL with a sentence in *fault where the file is not what was once written. */
static struct grove_spec *read_spec(int descriptor, bool *is_wanted, const char **fault) {
    struct store_header header;
    *fault = "it is shorter than its header";
    if (read(descriptor, &header, sizeof header) != (ssize_t)sizeof header)
        return NULL;
    *fault = "it is not a service file of this version";
    if (header.magic != STORE_MAGIC || header.version != STORE_VERSION || header.spec_bytes > GROVE_SPEC_BYTES_MAX ||
        header.spec_bytes < sizeof(struct grove_spec))
        return NULL;
    struct grove_spec *spec = malloc(header.spec_bytes);
    *fault = "memory is exhausted";
    if (spec == NULL)
        return NULL;
    *fault = "its check sum does not fit its contents";
    if (read(descriptor, spec, header.spec_bytes) == (ssize_t)header.spec_bytes &&
        check_of(&header, spec) == header.check &&
        grove_spec_check(spec, header.spec_bytes, fault) == 0) {
        *is_wanted = header.is_wanted != 0;
        return spec;
    }
    free(spec);
    return NULL;
}

static void put_aside(struct registry *registry, const char *file, const char *fault) {
    char aside[NAME_MAX + sizeof DAMAGED_SUFFIX];
    (void)snprintf(aside, sizeof aside, "%s%s", file, DAMAGED_SUFFIX);
    (void)fprintf(stderr, "registry: %s is damaged (%s); put aside as %s, register the service again\n", file, fault,
                  aside);
    (void)renameat(registry->folder, file, registry->folder, aside);
}

static void load_file(struct registry *registry, const char *file, store_handler *handler) {
    bool is_wanted = false;
    const char *fault = "";
    int descriptor = openat(registry->folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0) {
        (void)fprintf(stderr, "registry: cannot read %s: %s\n", file, strerror(errno));
        return;
    }
    struct grove_spec *spec = read_spec(descriptor, &is_wanted, &fault);
    (void)close(descriptor);
    if (spec == NULL)
        put_aside(registry, file, fault);
    else
        handler(registry, spec, is_wanted);
}

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

int store_load(struct registry *registry, store_handler *handler) {
    int descriptor = openat(registry->folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *folder = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (folder == NULL) {
        int status = status_of(errno);
        if (descriptor >= 0)
            (void)close(descriptor);
        return status;
    }
    const struct dirent *entry;
    while ((entry = readdir(folder)) != NULL) {
        if (ends_with(entry->d_name, STORE_SUFFIX))
            load_file(registry, entry->d_name, handler);
        else if (ends_with(entry->d_name, NEW_SUFFIX))
            (void)unlinkat(registry->folder, entry->d_name, 0);
    }
    (void)closedir(folder);
    return 0;
}
