/*
 * Copies between the kernel and the memory of the program whose thread runs. Pages may have to be filled in, so the thread
 * may sleep: no spin lock is held.
 */
#ifndef GROVE_BARE_USER_MEMORY_H
#define GROVE_BARE_USER_MEMORY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* False: the program may not touch all of that memory itself. Part of it may have been copied then. */
bool process_read(void *to, uint64_t from, size_t size_bytes);
bool process_write(uint64_t to, const void *from, size_t size_bytes);
/*
 * A text with the zero at its end. Returns its length without that; -LINUX_EFAULT, or -LINUX_ENAMETOOLONG where size_bytes
 * is not enough.
 */
int process_read_text(char *to, uint64_t from, size_t size_bytes);

#endif
