/*
 * Page tables of four levels (Intel's manual, volume 3, section 4.5), over memory that the caller gives: the kernel's
 * own, or a unit test's.
 *
 * No page is ever writable and executable at once: asking for both is refused. Nothing here invalidates what processors
 * remember of a table (the TLB).
 */
#ifndef GROVE_X86_64_PAGE_TABLE_H
#define GROVE_X86_64_PAGE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES UINT64_C(4096)
#define PAGE_BYTES_LARGE (UINT64_C(2) << 20)
#define PAGE_BYTES_HUGE (UINT64_C(1) << 30)
#define PAGE_TABLE_ENTRIES 512u
#define PAGE_KERNEL_ENTRY 256u /* the first of the upper half, in the root */

enum page_flags {
    PAGE_WRITE = 1,
    PAGE_EXECUTE = 2,
    PAGE_USER = 4,
    PAGE_UNCACHED = 8,
    PAGE_GLOBAL = 16, /* the same in every address space */
};

struct page_table_memory {
    /* A table, all zero. A negative status when there is none. */
    int (*take)(void *context, uint64_t *physical);
    void (*give_back)(void *context, uint64_t physical);
    uint64_t *(*view)(void *context, uint64_t physical);
    void *context;
};

struct page_tables {
    uint64_t root; /* physical address */
    const struct page_table_memory *memory;
};

struct page_mapping {
    uint64_t physical; /* of the address asked for, not of its page's beginning */
    uint64_t page_bytes;
    unsigned flags; /* enum page_flags */
};

/*
 * Map [start, start + size_bytes) to physical memory from `physical` on, in pages of at most `page_bytes_max` bytes, the
 * largest that fit. All of them are multiples of PAGE_BYTES, and the range lies in one half of the address space.
 * GROVE_DENIED: writable and executable; GROVE_EXISTS: something is mapped there; errors of `take`. After an error what
 * came before it in the range is mapped.
 */
int page_map(const struct page_tables *tables, uint64_t start, uint64_t physical, uint64_t size_bytes, unsigned flags,
             uint64_t page_bytes_max);
/* What is mapped at an address. False: nothing. */
bool page_find(const struct page_tables *tables, uint64_t address, struct page_mapping *mapping);
/* The first page at or behind `start` (a page's beginning) that is mapped, or `end`. What is missing is passed over at once. */
uint64_t page_next(const struct page_tables *tables, uint64_t start, uint64_t end);
/* Give the page of PAGE_BYTES that holds an address other flags. False: there is none. */
bool page_protect(const struct page_tables *tables, uint64_t address, unsigned flags);
/* Forget one page of PAGE_BYTES. Returns the physical address it had, or 0 if there was none of that size. */
uint64_t page_unmap(const struct page_tables *tables, uint64_t address);
/* Give back the tables of the lower half; first `release`, if any, is told of each page of PAGE_BYTES in it. */
void page_clear_lower_half(const struct page_tables *tables, void (*release)(void *context, uint64_t physical),
                           void *context);

#endif
