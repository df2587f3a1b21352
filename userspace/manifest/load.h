/* Paths of files that are loaded, shared by manifests and projects. Results lie in the arena. */
#ifndef GROVE_MANIFEST_LOAD_H
#define GROVE_MANIFEST_LOAD_H

#include "userspace/manifest/arena.h"

const char *load_absolute(struct arena *arena, const char *path);
/* The folder of an absolute path. */
const char *load_folder(struct arena *arena, const char *path);

#endif
