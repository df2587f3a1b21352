/* Paths in manifests and on command lines. */
#ifndef GROVE_MANIFEST_PATHS_H
#define GROVE_MANIFEST_PATHS_H

#include "userspace/manifest/arena.h"

/*
 * Absolute and without ".", ".." and "//": what is not absolute begins at `folder`. ".." is removed by its text, which
 * is what a person means who writes ../data beside a manifest. In the arena.
 */
const char *path_resolve(struct arena *arena, const char *folder, const char *path);
bool path_is_inside(const char *path, const char *folder);
/* Is it among what GROVE_SPEC_SYSTEM_FILES shows? */
bool path_is_system(const char *path);
/*
 * The program that exec names. *executable in the arena, or an error: GROVE_NOT_FOUND. A name without a slash is looked
 * for in `folder` and then where the system keeps programs.
 */
int path_find_program(struct arena *arena, const char *folder, const char *program, const char **executable);

#endif
