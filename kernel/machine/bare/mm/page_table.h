/*
 * What both processors' page tables can do: four levels of 512 entries, pages of 4 KiB and larger ones. Each machine has
 * them in its own mm folder, over memory that the caller gives; the unit tests of spaces bring some of their own.
 *
 * No page is ever writable and executable at once: asking for both is refused. Nothing here makes processors forget what
 * they remember of a table (translation.h), and nothing locks. What is mapped with PAGE_KEPT is somebody else's memory and
 * has no references.
 */
#ifndef GROVE_BARE_PAGE_TABLE_H
#define GROVE_BARE_PAGE_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#define PAGE_BYTES UINT64_C(4096)
#define PAGE_BYTES_LARGE (UINT64_C(2) << 20)
#define PAGE_BYTES_HUGE (UINT64_C(1) << 30)
#define PAGE_TABLE_ENTRIES 512u

enum page_flags {
    PAGE_WRITE = 1,
    PAGE_EXECUTE = 2,
    PAGE_USER = 4,
    PAGE_UNCACHED = 8,
    PAGE_GLOBAL = 16, /* the same in every address space */
    PAGE_KEPT = 32, /* not a counted page (pages.h) */
    PAGE_HELD = 64, /* it keeps its place and nobody can touch it, the kernel neither */
};

struct page_table_memory {
    /* A table, all zero. A negative status when there is none. */
    int (*take)(void *context, uint64_t *physical);
    void (*give_back)(void *context, uint64_t physical);
    uint64_t *(*view)(void *context, uint64_t physical);
};

struct page_tables {
    uint64_t root; /* physical address */
    const struct page_table_memory *memory;
    void *context; /* for `memory` */
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
/* The same for one page of PAGE_BYTES, faster. */
int page_map_one(const struct page_tables *tables, uint64_t address, uint64_t physical, unsigned flags);
/* What is mapped at an address. False: nothing. */
bool page_find(const struct page_tables *tables, uint64_t address, struct page_mapping *mapping);
/* The first page at or behind `start` (a page's beginning) that is mapped, or `end`. What is missing is passed over at once. */
uint64_t page_next(const struct page_tables *tables, uint64_t start, uint64_t end);
/* Give the page of PAGE_BYTES that holds an address other flags. False: there is none. */
bool page_protect(const struct page_tables *tables, uint64_t address, unsigned flags);
/* Put another page of PAGE_BYTES where one is, which must be. */
void page_replace(const struct page_tables *tables, uint64_t address, uint64_t physical, unsigned flags);
/* Forget one page of PAGE_BYTES. Returns the physical address it had, or 0 if there was none of that size. */
uint64_t page_unmap(const struct page_tables *tables, uint64_t address);

/* ---- many small pages at once; ranges of whole pages in the lower half ---- */

#define PAGE_BATCH 64u

/* Pages that were taken out of tables and must not be given back before all processors forgot them. */
struct page_batch {
    unsigned count;
    bool is_changed; /* something was mapped, counted or not */
    uint64_t pages[PAGE_BATCH]; /* physical; counted ones only */
};

/*
 * Forget what is mapped in [start, end), the counted pages of it into the batch, until it is full. Returns where to go on;
 * `end`: all is done.
 */
uint64_t page_unmap_some(const struct page_tables *tables, uint64_t start, uint64_t end, struct page_batch *batch);
/*
 * Give all pages in [start, end) these flags, writable only those that are now and those that `may_write` allows, which
 * is asked only with PAGE_WRITE in the flags. Returns whether any of them lost a right.
 */
bool page_protect_range(const struct page_tables *tables, uint64_t start, uint64_t end, unsigned flags,
                        bool (*may_write)(uint64_t physical));
/*
 * Map in `to` what is mapped in [start, end) of `from`, where nothing is, in neither of them writable from now on. `copied`
 * is told of each counted page first; *count is how many pages there were. Errors of `take`, with what came before copied.
 */
int page_copy_range(const struct page_tables *from, const struct page_tables *to, uint64_t start, uint64_t end,
                    void (*copied)(uint64_t physical), uint64_t *count);
/* Move what is mapped in [from, from + size_bytes) to `to`, where nothing is; the ranges do not overlap. Errors of `take`. */
int page_move_range(const struct page_tables *tables, uint64_t from, uint64_t to, uint64_t size_bytes);
/* A root whose upper half is the kernel's; `memory` and `context` are set. Errors of `take`. */
int page_tables_create(struct page_tables *tables);
/* Give it back; the lower half is clear. */
void page_tables_destroy(struct page_tables *tables);
/* Give back the tables of the lower half; first `release`, if any, is told of each counted page in it. */
void page_clear_lower_half(const struct page_tables *tables, void (*release)(uint64_t physical));

#endif
