/* Checked files: see files.h. */
#include "servers/registry/files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "grove/abi/status.h"

#define DAMAGED_SUFFIX ".damaged"

static uint64_t fnv(uint64_t hash, const void *data, size_t bytes) {
    const unsigned char *next = data;
    for (size_t index = 0; index < bytes; index++)
        hash = (hash ^ next[index]) * UINT64_C(1099511628211);
    return hash;
}

static uint64_t check_of(const struct file_header *header, const void *body) {
    struct file_header plain = *header;
    plain.check = 0;
    return fnv(fnv(UINT64_C(14695981039346656037), &plain, sizeof plain), body, header->body_bytes);
}

bool file_is_scarcity(int status) {
    return status == GROVE_NO_MEMORY || status == GROVE_NO_DESCRIPTORS;
}

bool file_is_whole(const void *bytes, size_t size_bytes, uint32_t magic, size_t body_min, const char **fault) {
    struct file_header header;
    *fault = "it is shorter than its header";
    if (size_bytes < sizeof header)
        return false;
    memcpy(&header, bytes, sizeof header);
    *fault = "it is not a file of this kind and version";
    if (header.magic != magic || header.version != FILE_VERSION || header.body_bytes < body_min)
        return false;
    *fault = "it is shorter or longer than its header says";
    if (header.body_bytes != size_bytes - sizeof header)
        return false;
    *fault = "its check sum does not fit its contents";
    return check_of(&header, (const char *)bytes + sizeof header) == header.check;
}

/* ---- write ---- */

static void path_of(char path[FILE_PATH_BYTES], const char *name) {
    (void)snprintf(path, FILE_PATH_BYTES, "%s%s", name, FILE_NEW_SUFFIX);
}

static int write_all(int descriptor, const struct file_header *header, const void *body) {
    struct iovec parts[2] = {{.iov_base = (void *)(uintptr_t)header, .iov_len = sizeof *header},
                             {.iov_base = (void *)(uintptr_t)body, .iov_len = header->body_bytes}};
    ssize_t written = writev(descriptor, parts, 2);
    if (written < 0)
        return file_status(errno);
    return (size_t)written == sizeof *header + header->body_bytes ? 0 : GROVE_FULL;
}

int file_prepare(int folder, const char *name, uint32_t magic, uint32_t flags, const void *body, uint32_t body_bytes) {
    char path[FILE_PATH_BYTES];
    struct file_header header = {.magic = magic, .version = FILE_VERSION, .flags = flags, .body_bytes = body_bytes};
    header.check = check_of(&header, body);
    path_of(path, name);
    int descriptor = openat(folder, path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (descriptor < 0)
        return file_status(errno);
    int status = write_all(descriptor, &header, body);
    /* Only a beginning: of many files that are on their way, the first fsync waits, and the others find it done. */
    (void)sync_file_range(descriptor, 0, 0, SYNC_FILE_RANGE_WRITE);
    if (close(descriptor) < 0 && status == 0)
        status = file_status(errno);
    if (status < 0)
        (void)unlinkat(folder, path, 0);
    return status;
}

static int synchronise(int folder, const char *path) {
    int descriptor = openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (descriptor < 0)
        return file_status(errno);
    int status = fsync(descriptor) < 0 ? file_status(errno) : 0;
    (void)close(descriptor);
    return status;
}

int file_commit(int folder, const char *name) {
    char path[FILE_PATH_BYTES];
    path_of(path, name);
    int status = synchronise(folder, path);
    if (status == 0 && renameat(folder, path, folder, name) < 0)
        status = file_status(errno);
    return status;
}

void file_discard(int folder, const char *name) {
    char path[FILE_PATH_BYTES];
    path_of(path, name);
    (void)unlinkat(folder, path, 0);
}

/* ---- read ---- */

static const char *who_says(const struct file_kind *kind) {
    return kind->who == NULL ? "registry" : kind->who;
}

static void put_aside(int folder, const char *file, const struct file_kind *kind, const char *fault) {
    char aside[NAME_MAX + sizeof DAMAGED_SUFFIX];
    (void)snprintf(aside, sizeof aside, "%s%s", file, DAMAGED_SUFFIX);
    (void)fprintf(stderr, "%s: %s is damaged (%s); put aside as %s, %s\n", who_says(kind), file, fault, aside,
                  kind->advice == NULL ? "register it again" : kind->advice);
    (void)renameat(folder, file, folder, aside);
}

/* One byte more than a file may have, so that a longer one is seen. */
static int read_file(int folder, const char *file, const struct file_kind *kind, void *context) {
    static _Alignas(8) char bytes[sizeof(struct file_header) + FILE_BODY_MAX + 1];
    const struct file_header *header = (const void *)bytes;
    const char *fault = "";
    int descriptor = openat(folder, file, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    ssize_t size = descriptor < 0 ? -1 : read(descriptor, bytes, sizeof bytes);
    int error = errno;
    if (descriptor >= 0)
        (void)close(descriptor);
    if (size < 0) {
        (void)fprintf(stderr, "%s: cannot read %s: %s\n", who_says(kind), file, strerror(error));
        return file_is_scarcity(file_status(error)) ? file_status(error) : 0;
    }
    if (file_is_whole(bytes, (size_t)size, kind->magic, kind->body_min, &fault))
        fault = kind->fault_of(header, bytes + sizeof *header);
    if (fault == NULL)
        return kind->take(context, header, bytes + sizeof *header);
    put_aside(folder, file, kind, fault);
    return 0;
}

static bool ends_with(const char *text, const char *suffix) {
    size_t length = strlen(text), suffix_length = strlen(suffix);
    return length > suffix_length && strcmp(text + length - suffix_length, suffix) == 0;
}

int file_each(int folder, const struct file_kind *kind, void *context) {
    int descriptor = openat(folder, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *entries = descriptor < 0 ? NULL : fdopendir(descriptor);
    if (entries == NULL) {
        int status = file_status(errno);
        if (descriptor >= 0)
            (void)close(descriptor);
        return status;
    }
    const struct dirent *entry;
    int status = 0;
    while (status == 0 && (entry = readdir(entries)) != NULL) {
        if (ends_with(entry->d_name, kind->suffix))
            status = read_file(folder, entry->d_name, kind, context);
        else if (ends_with(entry->d_name, FILE_NEW_SUFFIX))
            (void)unlinkat(folder, entry->d_name, 0);
    }
    (void)closedir(entries);
    return status;
}
