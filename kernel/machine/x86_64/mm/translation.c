/*
 * Which space each processor uses, and how processors forget what they remember of it: see kernel/machine/bare/mm/translation.h.
 *
 * A bit of space->processors is set before its processor loads the tables, and cleared after it loaded others. Who changes
 * a table looks at the bits after that, with a fence in between: it either sees the bit, or the processor reads what it wrote.
 *
 * A processor that goes on to the kernel's own work stays in the space it was in. It leaves it when it is next asked to
 * forget something of it, so a program that comes back after a moment of idling finds all it knew, and one that lives on
 * other processors asks once.
 *
 * One request is in work at a time. Whoever waits to make one, with interrupts off, answers the one in work. All others
 * hold their spin locks for a short time, and then take the interrupt; nobody waits here with a spin lock held.
 *
 * Address spaces have no numbers in the processor (PCID): the emulated processor forgets everything at each change of
 * tables with them too, and changes of tables without need are avoided here.
 */
#include "kernel/machine/x86_64/mm/translation.h"

#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/machine/x86_64/mm/memory.h"

#include <string.h>

_Static_assert(SPACE_END == LAYOUT_USER_END, "the space's last page is known in two places");

#define SINGLE_PAGES_MAX 32u /* more are forgotten by forgetting everything */

static struct {
    uint32_t is_taken;
    struct space *space;
    uint64_t start, end; /* both 0: leave the space */
    uint64_t waits_for; /* a bit for each processor that has not done it; atomic */
} request;

/* ---- this processor; interrupts are off ---- */

static uint64_t bit_of(const struct processor *processor) {
    return UINT64_C(1) << processor->number;
}

static void leave(struct processor *here) {
    struct space *space = here->space;
    write_cr3(memory_kernel_tables.root);
    here->space = NULL;
    __atomic_and_fetch(&space->processors, ~bit_of(here), __ATOMIC_SEQ_CST);
}

void space_use(struct space *space) {
    struct processor *here = processor_here();
    struct space *before = here->space;
    here->is_space_left = space == NULL;
    if (space == NULL || space == before)
        return;
    __atomic_or_fetch(&space->processors, bit_of(here), __ATOMIC_SEQ_CST);
    write_cr3(space->tables.root);
    here->space = space;
    if (before != NULL)
        __atomic_and_fetch(&before->processors, ~bit_of(here), __ATOMIC_SEQ_CST);
}

static void forget(struct processor *here, const struct space *space, uint64_t start, uint64_t end) {
    if (here->space != space)
        return;
    if (here->is_space_left || start == end) {
        leave(here);
    } else if ((end - start) / PAGE_BYTES > SINGLE_PAGES_MAX) {
        write_cr3(space->tables.root);
    } else {
        for (uint64_t at = start; at < end; at += PAGE_BYTES)
            invalidate_page(at);
    }
}

void translation_forget_here(uint64_t address) {
    invalidate_page(address);
}

/* ---- the others ---- */

static void answer(void) {
    struct processor *here = processor_here();
    if ((__atomic_load_n(&request.waits_for, __ATOMIC_ACQUIRE) & bit_of(here)) == 0)
        return;
    forget(here, request.space, request.start, request.end);
    __atomic_and_fetch(&request.waits_for, ~bit_of(here), __ATOMIC_RELEASE);
}

void translation_interrupt(void) {
    answer();
}

static void ask(struct space *space, uint64_t start, uint64_t end, uint64_t others) {
    while (__atomic_exchange_n(&request.is_taken, 1, __ATOMIC_ACQUIRE) != 0) {
        answer();
        __builtin_ia32_pause();
    }
    request.space = space;
    request.start = start;
    request.end = end;
    __atomic_store_n(&request.waits_for, others, __ATOMIC_RELEASE);
    for (uint64_t left = others; left != 0; left &= left - 1)
        apic_send(processors[__builtin_ctzll(left)].apic_id, VECTOR_FORGET);
    while (__atomic_load_n(&request.waits_for, __ATOMIC_ACQUIRE) != 0)
        __builtin_ia32_pause();
    __atomic_store_n(&request.is_taken, 0, __ATOMIC_RELEASE);
}

static void forget_everywhere(struct space *space, uint64_t start, uint64_t end) {
    hold_begin();
    struct processor *here = processor_here();
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* what was changed in the tables is seen before the bits are looked at */
    uint64_t users = __atomic_load_n(&space->processors, __ATOMIC_RELAXED), others = users & ~bit_of(here);
    if (users != others)
        forget(here, space, start, end);
    if (others != 0)
        ask(space, start, end, others);
    hold_end();
}

/* Of nothing there is nothing to forget: an empty range would mean to leave the space. */
void translation_forget(struct space *space, uint64_t start, uint64_t end) {
    if (start < end)
        forget_everywhere(space, start, end);
}

void translation_leave(struct space *space) {
    forget_everywhere(space, 0, 0);
}

/* ---- tables of a space ---- */

int page_tables_create(struct page_tables *tables) {
    int status = tables->memory->take(tables->context, &tables->root);
    if (status < 0)
        return status;
    memcpy((uint64_t *)memory_view(tables->root) + PAGE_KERNEL_ENTRY,
           (const uint64_t *)memory_view(memory_kernel_tables.root) + PAGE_KERNEL_ENTRY, PAGE_BYTES / 2);
    return 0;
}

void page_tables_destroy(struct page_tables *tables) {
    tables->memory->give_back(tables->context, tables->root);
    tables->root = 0;
}
