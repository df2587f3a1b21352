/*
 * A machine for the unit tests of memory: page frames that can run out at any request, page tables that remember what was
 * mapped, and processors with a memory of translations that is never asked to be right by itself. An access that goes
 * through a translation which should have been forgotten meets a frame that nobody has, and fails the test.
 */
#ifndef GROVE_BARE_MEMORY_WORLD_H
#define GROVE_BARE_MEMORY_WORLD_H

#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/mm/calls.h"
#include "kernel/services/vfs/errors.h"

#define WORLD_PROCESSORS 4u
#define WORLD_FRAMES 4096u
#define WORLD_BASE UINT64_C(0x10000000) /* where tests map what they map */

struct memory_world {
    uint64_t frames, pieces; /* taken and not given back; atomic */
    uint64_t requests_left; /* requests for memory that succeed; UINT64_MAX: all */
    uint64_t forgets; /* how often processors were told to forget; atomic */
};
extern struct memory_world memory_world;

/* The processor this thread of the test is; 0 at first. */
extern _Thread_local uint32_t memory_world_processor;

void memory_world_begin(void);
/* Fails the test if any memory is left over. */
void memory_world_end(void);

/* One access as a program makes it, with faults. 0 or what space_fault said; the byte that is read or written. */
int memory_world_read(struct space *space, uint64_t address, uint8_t *value);
int memory_world_write(struct space *space, uint64_t address, uint8_t value);
/* The same for tests in which they succeed. */
uint8_t memory_world_byte(struct space *space, uint64_t address);
void memory_world_put(struct space *space, uint64_t address, uint8_t value);

/* mmap without a file. */
int64_t memory_world_map(struct space *space, uint64_t start, uint64_t pages, uint32_t protection, uint64_t flags);

#endif
