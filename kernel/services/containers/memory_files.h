/*
 * The memory that containers need (host.h) by memory files of the file system layer, which programs map and see the seals of.
 * Their pages are charged to nobody yet, as those of all files: the core bounds what each container may cause.
 */
#ifndef GROVE_CONTAINERS_MEMORY_FILES_H
#define GROVE_CONTAINERS_MEMORY_FILES_H

#include "kernel/services/containers/host.h"

/* Everything but `wake`, which is the machine's. Needs a file system layer whose pages are counted (mm/pages.h). */
void memory_files_serve(struct host_memory *memory);

#endif
