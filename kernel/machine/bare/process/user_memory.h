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

/*
 * For copies that are made with a spin lock held: `to` or `from` is the program's, the other the kernel's. Never waits. Returns
 * how many bytes were copied; fewer than size_bytes: the page behind them is missing, or not the program's.
 */
size_t process_copy_present(void *to, const void *from, size_t size_bytes);
/* The same for one aligned word, in one access. False: it is not there, or who has the machine does not read so. */
bool process_load_present(uint64_t address, uint32_t *value);
/* After such a copy, without locks: have that page brought in. False: the program may not touch it that way. */
bool process_bring_in(uint64_t address, bool is_write);

#endif
