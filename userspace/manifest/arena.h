/*
 * Memory for one manifest: handed out piece by piece, given back all at once. Never returns NULL: when memory is
 * exhausted it hands out the bytes of a reserve and remembers, so that readers need no check at every step; whoever owns
 * the arena asks arena_is_exhausted once at the end.
 */
#ifndef GROVE_MANIFEST_ARENA_H
#define GROVE_MANIFEST_ARENA_H

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* NULL without memory. */
struct arena *arena_create(void);
void arena_destroy(struct arena *arena);
bool arena_is_exhausted(const struct arena *arena);
/* Zeroed, 16-aligned. More than ARENA_PIECE_MAX at once counts as exhaustion. */
#define ARENA_PIECE_MAX (4u << 20)
void *arena_take(struct arena *arena, size_t size_bytes);
char *arena_copy(struct arena *arena, const char *text, size_t length_bytes);
char *arena_format(struct arena *arena, const char *format, ...) __attribute__((format(printf, 2, 3), nonnull));

#endif
