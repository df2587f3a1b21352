/* The file that mmap is called with. */
#ifndef GROVE_POSIX_MAPPED_FILE_H
#define GROVE_POSIX_MAPPED_FILE_H

#include "kernel/machine/bare/mm/calls.h"

/*
 * The file of one of the current process's descriptors, as memory_call_map wants it; its object, if any, comes with a
 * reference.
 */
void mapped_file_find(uint32_t descriptor, struct memory_call_file *file);

int64_t system_call_memfd_create(const uint64_t arguments[6]);

#endif
