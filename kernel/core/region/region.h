/*
 * Regions: memory shared on purpose, with one owner and one writer.
 *
 * The owner's entry is the primary one (rights WRITE, READ, GRANT); readers' entries are derived from it. Before
 * REGION_ATTACHED the owner may give it away whole (MOVE); after it the memory is sealed and can be shown to readers.
 *
 * A state region is one per container, outlives its instances and has no entry that could be granted away twice: a next
 * instance gets the same memory if it was never sealed (nobody else can have seen it) and a copy otherwise.
 */
#ifndef GROVE_CORE_REGION_H
#define GROVE_CORE_REGION_H

#include "kernel/core/list.h"
#include "kernel/core/machine.h"
#include "kernel/core/pool/pool.h"

struct core;
struct container;

struct region {
    struct pool_item item;
    uint32_t container; /* owner, and whom it is charged to */
    machine_object memory;
    uint64_t size_bytes, tag;
    grove_handle handle; /* the owner's */
    uint32_t generation; /* state region: of the instance that has it */
    bool is_sealed;
    bool is_state;
    struct list link; /* in its container's regions */
};

void region_destroy(struct core *core, struct region *region);
/* The owner's entry is gone: so is the region, but for a state region, which its container keeps. */
void region_handle_lost(struct core *core, struct region *region);
/* Tell a new instance of the regions that its table names. */
void region_announce(struct core *core, struct container *to);

#endif
