/* Where a kernel keeps its files (docs/architecture.md, "Folders"). */
#ifndef GROVE_LINUX_FOLDERS_H
#define GROVE_LINUX_FOLDERS_H

#include <stddef.h>

/* The folders by default for this user and environment. GROVE_TOO_LARGE, or GROVE_INVALID without a home. */
int folders_run(char *path, size_t bytes);
int folders_state(char *path, size_t bytes);
/*
 * Make a folder and those above it. The run folder must be the user's own and closed to others, or a stranger could put a
 * socket there first: GROVE_DENIED with a sentence. GROVE_IO, GROVE_READ_ONLY.
 */
int folders_make(const char *path, char *problem, size_t problem_bytes);
int folders_make_private(const char *path, char *problem, size_t problem_bytes);

#endif
