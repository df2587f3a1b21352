/*
 * The kernel's memory: page frames, its own address space, pieces of any size, stacks, registers of devices.
 *
 * Everything here may be called on any processor with interrupts off.
 */
#ifndef GROVE_X86_64_MEMORY_H
#define GROVE_X86_64_MEMORY_H

#include "kernel/machine/bare/boot/memory_map.h"
#include "kernel/machine/bare/mm/buddy.h"
#include "kernel/machine/x86_64/mm/page_table.h"

/*
 * From the entry's tables to the real ones: text executable, constants read-only, all else not executable, guard pages.
 * `map` is all usable memory; the image and the first MiB are taken out of it here. `kept` (it may be empty) stays
 * readable through memory_view. Once, by the processor that booted.
 */
void memory_start(struct memory_map *map, const struct memory_range *kept);

extern struct page_tables memory_kernel_tables;
extern const struct page_table_memory memory_table_source;

/* One frame, contents undefined or all zero. GROVE_NO_MEMORY. */
int memory_take_frame(uint64_t *physical);
int memory_take_zeroed_frame(uint64_t *physical);
void memory_give_frame_back(uint64_t physical);

/* Usable physical memory as the kernel sees it, and back. */
void *memory_view(uint64_t physical);
uint64_t memory_physical(const void *address);

/* A piece of at least size_bytes, all zero, aligned to 16 bytes (to a page from a page on); NULL without memory. */
void *memory_take(size_t size_bytes);
/* Does nothing for NULL. */
void memory_give_back(void *piece);

/* A stack of whole pages above a page that is not there. Never given back. Panics without memory. Returns its end. */
uint64_t memory_make_stack(uint64_t size_bytes);
/* Registers of a device, uncached, for good. Panics without memory. */
volatile void *memory_map_device(uint64_t physical, uint64_t size_bytes);

struct memory_usage {
    uint64_t total_frames, free_frames; /* frames in caches count as free */
    uint64_t pieces; /* smaller than a page, in use */
};
void memory_usage(struct memory_usage *usage);

#endif
