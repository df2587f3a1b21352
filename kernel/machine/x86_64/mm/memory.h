/*
 * The kernel's memory: page frames, its own address space, pieces of any size (kernel/machine/bare/mm/pages.h declares
 * these), stacks, registers of devices.
 *
 * Everything here may be called on any processor with interrupts off.
 */
#ifndef GROVE_X86_64_MEMORY_H
#define GROVE_X86_64_MEMORY_H

#include "kernel/machine/bare/boot/memory_map.h"
#include "kernel/machine/bare/mm/buddy.h"
#include "kernel/machine/bare/mm/pages.h"
#include "kernel/machine/x86_64/mm/page_table.h"

/*
 * From the entry's tables to the real ones: text executable, constants read-only, all else not executable, guard pages.
 * `map` is all usable memory; the image and the first MiB are taken out of it here. `kept` (it may be empty) stays
 * readable through memory_view. Once, by the processor that booted.
 */
void memory_start(struct memory_map *map, const struct memory_range *kept);

extern struct page_tables memory_kernel_tables;
extern const struct page_table_memory memory_table_source;

/* A stack of whole pages above a page that is not there. Never given back. Panics without memory. Returns its end. */
uint64_t memory_make_stack(uint64_t size_bytes);
/* Registers of a device, uncached, for good. Panics without memory. */
volatile void *memory_map_device(uint64_t physical, uint64_t size_bytes);

struct memory_usage {
    uint64_t total_frames, free_frames; /* frames in caches count as free */
    uint64_t pieces; /* smaller than a page, in use */
    uint64_t tables; /* frames of the kernel's page tables, which grow as stacks lie side by side and never go back */
};
void memory_usage(struct memory_usage *usage);
/* Whether what was in use before is in use after, no more and no less. */
bool memory_is_as_before(const struct memory_usage *before, const struct memory_usage *after);

#endif
