/*
 * A list of chunks, the newest in front, from which pieces are cut. ARENA_TOTAL_MAX bounds what one manifest can cost. Each
 * chunk is as large as all before it together, between two bounds: most manifests are small, and a project has thousands.
 */
#include "userspace/manifest/arena.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CHUNK_LEAST_BYTES (8u << 10)
#define CHUNK_MOST_BYTES (64u << 10)
#define ARENA_TOTAL_MAX (64u << 20)

struct chunk {
    struct chunk *next;
    size_t used_bytes, size_bytes;
    _Alignas(16) char bytes[];
};

struct arena {
    struct chunk *chunks;
    size_t total_bytes;
    bool exhausted;
    char *reserve; /* ARENA_PIECE_MAX bytes that may be scribbled over once memory is exhausted */
};

struct arena *arena_create(void) {
    struct arena *arena = calloc(1, sizeof(*arena));
    if (!arena)
        return NULL;
    arena->reserve = calloc(1, ARENA_PIECE_MAX + 1);
    if (!arena->reserve) {
        free(arena);
        return NULL;
    }
    return arena;
}

void arena_destroy(struct arena *arena) {
    if (!arena)
        return;
    while (arena->chunks) {
        struct chunk *chunk = arena->chunks;
        arena->chunks = chunk->next;
        free(chunk);
    }
    free(arena->reserve);
    free(arena);
}

bool arena_is_exhausted(const struct arena *arena) {
    return arena->exhausted;
}

static void *take_reserve(struct arena *arena, size_t size_bytes) {
    arena->exhausted = true;
    memset(arena->reserve, 0, size_bytes < ARENA_PIECE_MAX ? size_bytes : ARENA_PIECE_MAX);
    return arena->reserve;
}

static bool add_chunk(struct arena *arena, size_t least_bytes) {
    size_t size_bytes = arena->total_bytes < CHUNK_LEAST_BYTES  ? CHUNK_LEAST_BYTES
                        : arena->total_bytes > CHUNK_MOST_BYTES ? CHUNK_MOST_BYTES
                                                                : arena->total_bytes;
    if (size_bytes < least_bytes)
        size_bytes = least_bytes;
    if (arena->total_bytes + size_bytes > ARENA_TOTAL_MAX)
        return false;
    struct chunk *chunk = calloc(1, sizeof(*chunk) + size_bytes);
    if (!chunk)
        return false;
    chunk->next = arena->chunks;
    chunk->size_bytes = size_bytes;
    arena->chunks = chunk;
    arena->total_bytes += size_bytes;
    return true;
}

void *arena_take(struct arena *arena, size_t size_bytes) {
    if (size_bytes > ARENA_PIECE_MAX)
        abort(); /* callers bound what they ask for; see yaml.h */
    size_bytes = (size_bytes + 15) & ~(size_t)15;
    struct chunk *chunk = arena->chunks;
    if (!chunk || chunk->size_bytes - chunk->used_bytes < size_bytes) {
        if (!add_chunk(arena, size_bytes))
            return take_reserve(arena, size_bytes);
        chunk = arena->chunks;
    }
    void *piece = chunk->bytes + chunk->used_bytes;
    chunk->used_bytes += size_bytes;
    return piece;
}

char *arena_copy(struct arena *arena, const char *text, size_t length_bytes) {
    char *copy = arena_take(arena, length_bytes + 1);
    memcpy(copy, text, length_bytes);
    copy[length_bytes] = '\0';
    return copy;
}

char *arena_format(struct arena *arena, const char *format, ...) {
    va_list arguments, again;
    va_start(arguments, format);
    va_copy(again, arguments);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    size_t size_bytes = length < 0 ? 1 : (size_t)length + 1;
    char *text = arena_take(arena, size_bytes);
    vsnprintf(text, size_bytes, format, again);
    va_end(again);
    return text;
}
