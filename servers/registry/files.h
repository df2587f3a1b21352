/*
 * Checked files: a header, a body, and a sum over both that says whether the file is what was once written.
 *
 *     NAME: struct file_header (32 bytes) | body, body_bytes long
 *
 * A file is written beside its place (NAME.new), synchronised, renamed over its place, and the folder synchronised by
 * the caller. A death in between leaves NAME.new, which the next start removes, or the old file, or the new one, never
 * a mixture. `check` is FNV-1a (64 bit) over the header with check 0 and the body.
 */
#ifndef SERVERS_REGISTRY_FILES_H
#define SERVERS_REGISTRY_FILES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "servers/common/file_status.h"

#define FILE_VERSION 1u
#define FILE_BODY_MAX (65536u + 64u) /* a spec and the name of its owner */
#define FILE_PATH_BYTES 96u
#define FILE_NEW_SUFFIX ".new"

struct file_header {
    uint32_t magic, version;
    uint32_t flags, body_bytes;
    uint64_t check;
    uint64_t reserved;
};
_Static_assert(sizeof(struct file_header) == 32, "the header has one size on every machine");

/* Whether a status says that this process has no memory or descriptors left, and nothing of what it was about. */
bool file_is_scarcity(int status);
/*
 * True if the bytes are a whole file of that kind whose body is at least `body_min` bytes long; else *fault is a sentence.
 * Pure. The body then stands behind the header.
 */
bool file_is_whole(const void *bytes, size_t size_bytes, uint32_t magic, size_t body_min, const char **fault);
/* Write NAME.new. What fails for want of room or rights fails here, before anything has changed. */
int file_prepare(int folder, const char *name, uint32_t magic, uint32_t flags, const void *body, uint32_t body_bytes);
/* Make NAME.new durable and put it in its place; the folder is still to be synchronised. */
int file_commit(int folder, const char *name);
void file_discard(int folder, const char *name);
/*
 * For each file of the folder with this suffix; the handler gets the header and the body behind it, valid during the
 * call and 8-aligned. Damaged ones are renamed to NAME.damaged and said on standard error; what ends in FILE_NEW_SUFFIX
 * is removed.
 */
struct file_kind {
    const char *suffix;
    uint32_t magic;
    size_t body_min;
    /* NULL, or why the body is not what it should be. */
    const char *(*fault_of)(const struct file_header *header, const void *body);
    /* Negative: nothing more is read. */
    int (*take)(void *context, const struct file_header *header, const void *body);
    const char *who, *advice; /* for what is said of a damaged one; NULL: "registry", "register it again" */
};
/* A file that cannot be read is said and passed over, but for want of memory or descriptors: then it may well be whole,
 * and the status is returned. So is what `take` returns. */
int file_each(int folder, const struct file_kind *kind, void *context);

#endif
