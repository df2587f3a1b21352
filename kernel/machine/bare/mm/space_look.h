/*
 * Looking into a program's memory from outside, and writing to it: for /proc and process_vm_readv(2). Whoever calls holds the space, and is in no lock: all of these may sleep.
 */
#ifndef GROVE_BARE_SPACE_LOOK_H
#define GROVE_BARE_SPACE_LOOK_H

#include "kernel/machine/bare/mm/space.h"

#define SPACE_LOOK_STEP 256u /* pages that are counted while a spin lock is held */

/* Copy bytes out, filling in what is missing. -LINUX_EFAULT: some of it is no memory of pages; other errors of space_fault. */
int space_read(struct space *space, uint64_t address, void *to, size_t size_bytes);
/* The same inwards: what others share is copied first, as when the program wrote itself. *done_bytes: how many went in, also on errors. */
int space_write(struct space *space, uint64_t address, const void *from, size_t size_bytes, size_t *done_bytes);
/*
 * The first area that ends behind `from`, copied: its bounds, protection, flags and object, which comes with a reference. False: there
 * is none.
 */
bool space_look(struct space *space, uint64_t from, struct area *copy);
/* How many pages of [start, end), whole pages, are in memory now. */
uint64_t space_count_present(struct space *space, uint64_t start, uint64_t end);

struct space_sums {
    uint64_t bytes, data_bytes, locked_bytes, resident_bytes;
    uint64_t break_start, break_end;
};
void space_sums(struct space *space, struct space_sums *sums);

#endif
