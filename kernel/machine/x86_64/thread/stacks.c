/*
 * Stacks of threads: see stacks.h.
 *
 * Places lie side by side from LAYOUT_THREADS on. One is in use, or kept with its memory and linked through its first words,
 * or empty. Locks: `lock` for all of that, `tables` for the kernel's tables below LAYOUT_THREADS; neither inside of the other.
 */
#include "kernel/machine/x86_64/thread/stacks.h"

#include "kernel/machine/bare/spinlock.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/smp/processors.h"

#include <stdbool.h>
#include <stddef.h>

#define PLACE_BYTES (THREAD_STACK_BYTES + PAGE_BYTES)
#define PLACES_MAX 32768u
#define TRIM_AT_ONCE 16u
#define PAGES_EACH (THREAD_STACK_BYTES / PAGE_BYTES)

struct kept {
    struct kept *next;
};

/* What is forgotten by all processors before it is used for anything else. */
struct removal {
    uint64_t ends[TRIM_AT_ONCE], frames[TRIM_AT_ONCE * PAGES_EACH];
    uint32_t count, frame_count;
};

static struct spinlock lock, tables;
static struct kept *kept;
static uint32_t kept_count;
static uint64_t is_taken[PLACES_MAX / 64]; /* a bit for each place that is not empty */
static uint32_t look_from; /* no word before this one has an empty place */

/* ---- places ---- */

static uint64_t end_of(uint32_t place) {
    return LAYOUT_THREADS + (place + UINT64_C(1)) * PLACE_BYTES;
}

static uint32_t place_of(uint64_t end) {
    return (uint32_t)((end - LAYOUT_THREADS) / PLACE_BYTES - 1);
}

uint64_t stack_end_of(uint64_t address) {
    return end_of((uint32_t)((address - LAYOUT_THREADS) / PLACE_BYTES));
}

/* 0: all are taken. */
static uint64_t take_place(void) {
    uint64_t end = 0;
    spinlock_lock(&lock);
    while (look_from < PLACES_MAX / 64 && is_taken[look_from] == UINT64_MAX)
        look_from++;
    if (look_from < PLACES_MAX / 64) {
        uint32_t bit = (uint32_t)__builtin_ctzll(~is_taken[look_from]);
        is_taken[look_from] |= UINT64_C(1) << bit;
        end = end_of(look_from * 64 + bit);
    }
    spinlock_unlock(&lock);
    return end;
}

static void give_place_back(uint64_t end) {
    uint32_t place = place_of(end);
    spinlock_lock(&lock);
    is_taken[place / 64] &= ~(UINT64_C(1) << place % 64);
    look_from = place / 64 < look_from ? place / 64 : look_from;
    spinlock_unlock(&lock);
}

/* ---- their memory ---- */

static int map_page(uint64_t at) {
    uint64_t physical = 0;
    int status = memory_take_frame(&physical);
    if (status < 0)
        return status;
    spinlock_lock(&tables);
    status = page_map(&memory_kernel_tables, at, physical, PAGE_BYTES, PAGE_WRITE | PAGE_GLOBAL, PAGE_BYTES);
    spinlock_unlock(&tables);
    if (status < 0)
        memory_give_frame_back(physical);
    return status;
}

static void unmap(struct removal *removal, uint64_t end) {
    spinlock_lock(&tables);
    for (uint64_t at = end - THREAD_STACK_BYTES; at < end; at += PAGE_BYTES) {
        uint64_t physical = page_unmap(&memory_kernel_tables, at);
        if (physical != 0)
            removal->frames[removal->frame_count++] = physical;
    }
    spinlock_unlock(&tables);
    removal->ends[removal->count++] = end;
}

static void forget(void *argument) {
    const struct removal *removal = argument;
    for (uint32_t i = 0; i < removal->count; i++)
        for (uint64_t at = removal->ends[i] - THREAD_STACK_BYTES; at < removal->ends[i]; at += PAGE_BYTES)
            invalidate_page(at);
}

static void finish(struct removal *removal) {
    processors_interrupt(forget, removal);
    for (uint32_t i = 0; i < removal->frame_count; i++)
        memory_give_frame_back(removal->frames[i]);
    for (uint32_t i = 0; i < removal->count; i++)
        give_place_back(removal->ends[i]);
}

static uint64_t make(void) {
    uint64_t end = take_place();
    if (end == 0)
        return 0;
    for (uint64_t at = end - THREAD_STACK_BYTES; at < end; at += PAGE_BYTES)
        if (map_page(at) < 0) {
            struct removal removal = {.count = 0};
            unmap(&removal, end);
            finish(&removal);
            return 0;
        }
    return end;
}

/* ---- kept ones ---- */

static uint64_t take_kept(uint32_t keep) {
    struct kept *first = NULL;
    spinlock_lock(&lock);
    if (kept_count > keep) {
        first = kept;
        kept = first->next;
        kept_count--;
    }
    spinlock_unlock(&lock);
    return first != NULL ? (uint64_t)first + sizeof(*first) : 0;
}

uint64_t stack_take(void) {
    uint64_t end = take_kept(0);
    return end != 0 ? end : make();
}

void stack_give_back(uint64_t end) {
    struct kept *first = (struct kept *)(end - sizeof(*first));
    spinlock_lock(&lock);
    first->next = kept;
    kept = first;
    kept_count++;
    spinlock_unlock(&lock);
}

void stacks_trim(uint32_t keep) {
    struct removal removal;
    do {
        uint64_t end;
        removal.count = removal.frame_count = 0;
        while (removal.count < TRIM_AT_ONCE && (end = take_kept(keep)) != 0)
            unmap(&removal, end);
        if (removal.count > 0)
            finish(&removal);
    } while (removal.count == TRIM_AT_ONCE);
}

uint32_t stacks_kept(void) {
    return __atomic_load_n(&kept_count, __ATOMIC_RELAXED);
}
