/* Page tables of four levels: see page_table.h. Level 3 is the root, level 0 holds the small pages. */
#include "kernel/machine/x86_64/mm/page_table.h"

#include "grove/abi/status.h"

#include <stddef.h>

#define LEVELS 4u
#define BIT_PRESENT (UINT64_C(1) << 0)
#define BIT_WRITE (UINT64_C(1) << 1)
#define BIT_USER (UINT64_C(1) << 2)
#define BIT_WRITE_THROUGH (UINT64_C(1) << 3)
#define BIT_UNCACHED (UINT64_C(1) << 4)
#define BIT_LARGE (UINT64_C(1) << 7)
#define BIT_GLOBAL (UINT64_C(1) << 8)
#define BIT_KEPT (UINT64_C(1) << 9) /* this and the next are ours */
#define BIT_HELD (UINT64_C(1) << 10) /* instead of BIT_PRESENT */
#define BIT_NO_EXECUTE (UINT64_C(1) << 63)
#define ADDRESS_MASK UINT64_C(0x000ffffffffff000)

static uint64_t bytes_of(unsigned level) {
    return PAGE_BYTES << (9 * level);
}

static unsigned index_of(uint64_t address, unsigned level) {
    return (unsigned)(address >> (12 + 9 * level)) % PAGE_TABLE_ENTRIES;
}

static uint64_t *view(const struct page_tables *tables, uint64_t physical) {
    return tables->memory->view(tables->context, physical);
}

/* Of the smallest pages: one that is held is not present to the processor. */
static bool is_mapped(uint64_t entry) {
    return (entry & (BIT_PRESENT | BIT_HELD)) != 0;
}

static uint64_t bits_of(unsigned flags) {
    uint64_t bits = (flags & PAGE_HELD) != 0 ? BIT_HELD : BIT_PRESENT;
    bits |= (flags & PAGE_WRITE) != 0 ? BIT_WRITE : 0;
    bits |= (flags & PAGE_EXECUTE) != 0 ? 0 : BIT_NO_EXECUTE;
    bits |= (flags & PAGE_USER) != 0 ? BIT_USER : 0;
    bits |= (flags & PAGE_UNCACHED) != 0 ? BIT_UNCACHED | BIT_WRITE_THROUGH : 0;
    bits |= (flags & PAGE_GLOBAL) != 0 ? BIT_GLOBAL : 0;
    bits |= (flags & PAGE_KEPT) != 0 ? BIT_KEPT : 0;
    return bits;
}

static unsigned flags_of(uint64_t entry) {
    unsigned flags = 0;
    flags |= (entry & BIT_WRITE) != 0 ? PAGE_WRITE : 0;
    flags |= (entry & BIT_NO_EXECUTE) != 0 ? 0 : PAGE_EXECUTE;
    flags |= (entry & BIT_USER) != 0 ? PAGE_USER : 0;
    flags |= (entry & BIT_UNCACHED) != 0 ? PAGE_UNCACHED : 0;
    flags |= (entry & BIT_GLOBAL) != 0 ? PAGE_GLOBAL : 0;
    flags |= (entry & BIT_KEPT) != 0 ? PAGE_KEPT : 0;
    flags |= (entry & BIT_HELD) != 0 ? PAGE_HELD : 0;
    return flags;
}

/* The entry for `address` at `level`, with the tables above it made. Tables forbid nothing: each page says it itself. */
static int make_entry(const struct page_tables *tables, uint64_t address, unsigned level, unsigned flags,
                      uint64_t **entry) {
    uint64_t table = tables->root;
    for (unsigned at = LEVELS - 1; at > level; at--) {
        uint64_t *above = &view(tables, table)[index_of(address, at)];
        if ((*above & BIT_PRESENT) == 0) {
            uint64_t made;
            int status = tables->memory->take(tables->context, &made);
            if (status < 0)
                return status;
            *above = made | BIT_PRESENT | BIT_WRITE | ((flags & PAGE_USER) != 0 ? BIT_USER : 0);
        } else if ((*above & BIT_LARGE) != 0) {
            return GROVE_EXISTS;
        }
        table = *above & ADDRESS_MASK;
    }
    *entry = &view(tables, table)[index_of(address, level)];
    return is_mapped(**entry) ? GROVE_EXISTS : 0;
}

/* The largest level, at most 2, whose pages begin at both addresses and are not longer than `size` and `page_max`. */
static unsigned level_for(uint64_t address, uint64_t physical, uint64_t size, uint64_t page_max) {
    unsigned level = 0;
    while (level < 2) {
        uint64_t bytes = bytes_of(level + 1);
        if (bytes > page_max || bytes > size || (address | physical) % bytes != 0)
            break;
        level++;
    }
    return level;
}

int page_map(const struct page_tables *tables, uint64_t start, uint64_t physical, uint64_t size, unsigned flags,
             uint64_t page_max) {
    if ((flags & PAGE_WRITE) != 0 && (flags & PAGE_EXECUTE) != 0)
        return GROVE_DENIED;
    while (size > 0) {
        unsigned level = level_for(start, physical, size, page_max);
        uint64_t *entry;
        int status = make_entry(tables, start, level, flags, &entry);
        if (status < 0)
            return status;
        *entry = physical | bits_of(flags) | (level > 0 ? BIT_LARGE : 0);
        start += bytes_of(level);
        physical += bytes_of(level);
        size -= bytes_of(level);
    }
    return 0;
}

int page_map_one(const struct page_tables *tables, uint64_t address, uint64_t physical, unsigned flags) {
    uint64_t *entry;
    if ((flags & PAGE_WRITE) != 0 && (flags & PAGE_EXECUTE) != 0)
        return GROVE_DENIED;
    int status = make_entry(tables, address, 0, flags, &entry);
    if (status == 0)
        *entry = physical | bits_of(flags);
    return status;
}

/* The entry that maps `address`, and its level; NULL if there is none. */
static uint64_t *find_entry(const struct page_tables *tables, uint64_t address, unsigned *level) {
    uint64_t table = tables->root;
    for (unsigned at = LEVELS; at-- > 0;) {
        uint64_t *entry = &view(tables, table)[index_of(address, at)];
        if (at == 0 ? !is_mapped(*entry) : (*entry & BIT_PRESENT) == 0)
            return NULL;
        if (at == 0 || (*entry & BIT_LARGE) != 0) {
            *level = at;
            return entry;
        }
        table = *entry & ADDRESS_MASK;
    }
    return NULL;
}

bool page_find(const struct page_tables *tables, uint64_t address, struct page_mapping *mapping) {
    unsigned level = 0;
    const uint64_t *entry = find_entry(tables, address, &level);
    if (entry == NULL)
        return false;
    uint64_t bytes = bytes_of(level);
    *mapping = (struct page_mapping){.physical = (*entry & ADDRESS_MASK & ~(bytes - 1)) | (address & (bytes - 1)),
                                     .page_bytes = bytes,
                                     .flags = flags_of(*entry)};
    return true;
}

/* How far the part of the address space reaches that has no entry at `address`; 0 if there is a page. */
static uint64_t missing_bytes(const struct page_tables *tables, uint64_t address) {
    uint64_t table = tables->root;
    for (unsigned at = LEVELS; at-- > 0;) {
        uint64_t entry = view(tables, table)[index_of(address, at)];
        if (at == 0 ? !is_mapped(entry) : (entry & BIT_PRESENT) == 0)
            return bytes_of(at) - (address & (bytes_of(at) - 1));
        if (at == 0 || (entry & BIT_LARGE) != 0)
            return 0;
        table = entry & ADDRESS_MASK;
    }
    return 0;
}

uint64_t page_next(const struct page_tables *tables, uint64_t start, uint64_t end) {
    while (start < end) {
        uint64_t missing = missing_bytes(tables, start);
        if (missing == 0)
            return start;
        start = missing < end - start ? start + missing : end;
    }
    return end;
}

bool page_protect(const struct page_tables *tables, uint64_t address, unsigned flags) {
    unsigned level = 0;
    uint64_t *entry = find_entry(tables, address, &level);
    bool is_refused = (flags & PAGE_WRITE) != 0 && (flags & PAGE_EXECUTE) != 0;
    if (entry == NULL || level != 0 || is_refused)
        return false;
    *entry = (*entry & ADDRESS_MASK) | bits_of(flags);
    return true;
}

uint64_t page_unmap(const struct page_tables *tables, uint64_t address) {
    unsigned level = 0;
    uint64_t *entry = find_entry(tables, address, &level);
    if (entry == NULL || level != 0)
        return 0;
    uint64_t physical = *entry & ADDRESS_MASK;
    *entry = 0;
    return physical;
}

void page_replace(const struct page_tables *tables, uint64_t address, uint64_t physical, unsigned flags) {
    unsigned level = 0;
    uint64_t *entry = find_entry(tables, address, &level);
    *entry = physical | bits_of(flags);
}

/* ---- many small pages at once ---- */

/* The entries of the lowest table for [start, end), as far as one table reaches; NULL: the table is missing. */
struct run {
    uint64_t *entries;
    uint64_t start, end;
};

static struct run run_at(const struct page_tables *tables, uint64_t start, uint64_t end) {
    uint64_t table = tables->root;
    for (unsigned at = LEVELS - 1; at > 0; at--) {
        uint64_t entry = view(tables, table)[index_of(start, at)];
        if ((entry & BIT_PRESENT) == 0 || (entry & BIT_LARGE) != 0) {
            uint64_t next = (start & ~(bytes_of(at) - 1)) + bytes_of(at);
            return (struct run){.start = start, .end = next < end ? next : end};
        }
        table = entry & ADDRESS_MASK;
    }
    uint64_t next = (start & ~(bytes_of(1) - 1)) + bytes_of(1);
    return (struct run){
        .entries = &view(tables, table)[index_of(start, 0)], .start = start, .end = next < end ? next : end};
}

static uint64_t count_in(const struct run *run) {
    return run->entries != NULL ? (run->end - run->start) / PAGE_BYTES : 0;
}

uint64_t page_unmap_some(const struct page_tables *tables, uint64_t start, uint64_t end, struct page_batch *batch) {
    while (start < end) {
        struct run run = run_at(tables, start, end);
        uint64_t count = count_in(&run);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t entry = run.entries[i];
            if (!is_mapped(entry))
                continue;
            if (batch->count == PAGE_BATCH)
                return run.start + i * PAGE_BYTES;
            if ((entry & BIT_KEPT) == 0)
                batch->pages[batch->count++] = entry & ADDRESS_MASK;
            batch->is_changed = true;
            run.entries[i] = 0;
        }
        start = run.end;
    }
    return end;
}

/* The new entry; *is_less: the page loses a right. */
static uint64_t protect(uint64_t entry, uint64_t bits, bool (*may_write)(uint64_t physical), bool *is_less) {
    uint64_t physical = entry & ADDRESS_MASK,
             next = physical | bits | (entry & (BIT_KEPT | BIT_UNCACHED | BIT_WRITE_THROUGH));
    bool is_own = (entry & (BIT_WRITE | BIT_KEPT)) == 0 && (bits & BIT_WRITE) != 0 && may_write(physical);
    if ((entry & BIT_WRITE) == 0 && !is_own)
        next &= ~BIT_WRITE;
    *is_less |= (entry & ~next & (BIT_PRESENT | BIT_WRITE | BIT_USER)) != 0 || (next & ~entry & BIT_NO_EXECUTE) != 0;
    return next;
}

bool page_protect_range(const struct page_tables *tables, uint64_t start, uint64_t end, unsigned flags,
                        bool (*may_write)(uint64_t physical)) {
    uint64_t bits = bits_of(flags);
    bool is_less = false;
    for (struct run run = {.end = start}; run.end < end;) {
        run = run_at(tables, run.end, end);
        uint64_t count = count_in(&run);
        for (uint64_t i = 0; i < count; i++)
            if (is_mapped(run.entries[i]))
                run.entries[i] = protect(run.entries[i], bits, may_write, &is_less);
    }
    return is_less;
}

/* All of one lowest table's entries. */
static int copy_run(const struct run *run, const struct page_tables *to, void (*copied)(uint64_t physical),
                    uint64_t *count) {
    uint64_t *target = NULL, entries = count_in(run);
    for (uint64_t i = 0; i < entries; i++) {
        if (!is_mapped(run->entries[i]))
            continue;
        if (target == NULL) {
            int status = make_entry(to, run->start + i * PAGE_BYTES, 0, PAGE_USER, &target);
            if (status < 0)
                return status;
            target -= i;
        }
        if ((run->entries[i] & BIT_KEPT) == 0) {
            copied(run->entries[i] & ADDRESS_MASK);
            ++*count;
        }
        run->entries[i] &= ~BIT_WRITE;
        target[i] = run->entries[i];
    }
    return 0;
}

int page_copy_range(const struct page_tables *from, const struct page_tables *to, uint64_t start, uint64_t end,
                    void (*copied)(uint64_t physical), uint64_t *count) {
    int status = 0;
    while (status == 0 && start < end) {
        struct run run = run_at(from, start, end);
        status = copy_run(&run, to, copied, count);
        start = run.end;
    }
    return status;
}

int page_move_range(const struct page_tables *tables, uint64_t from, uint64_t to, uint64_t size) {
    uint64_t end = from + size, distance = to - from;
    for (uint64_t at = from; at < end;) {
        struct run run = run_at(tables, at, end);
        uint64_t count = count_in(&run);
        for (uint64_t i = 0; i < count; i++) {
            uint64_t *target;
            if (!is_mapped(run.entries[i]))
                continue;
            int status = make_entry(tables, run.start + i * PAGE_BYTES + distance, 0, PAGE_USER, &target);
            if (status < 0)
                return status;
            *target = run.entries[i];
            run.entries[i] = 0;
        }
        at = run.end;
    }
    return 0;
}

/* Empty `count` entries of a table at `level`; at most LEVELS deep. */
static void clear(const struct page_tables *tables, uint64_t table, unsigned level, unsigned count,
                  void (*release)(uint64_t physical)) {
    uint64_t *entries = view(tables, table);
    for (unsigned i = 0; i < count; i++) {
        uint64_t entry = entries[i];
        if (!is_mapped(entry))
            continue;
        entries[i] = 0;
        if (level == 0 && release != NULL && (entry & BIT_KEPT) == 0)
            release(entry & ADDRESS_MASK);
        if (level == 0 || (entry & BIT_LARGE) != 0)
            continue;
        clear(tables, entry & ADDRESS_MASK, level - 1, PAGE_TABLE_ENTRIES, release);
        tables->memory->give_back(tables->context, entry & ADDRESS_MASK);
    }
}

void page_clear_lower_half(const struct page_tables *tables, void (*release)(uint64_t physical)) {
    clear(tables, tables->root, LEVELS - 1, PAGE_KERNEL_ENTRY, release);
}
