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
#define BIT_NO_EXECUTE (UINT64_C(1) << 63)
#define ADDRESS_MASK UINT64_C(0x000ffffffffff000)

static uint64_t bytes_of(unsigned level) {
    return PAGE_BYTES << (9 * level);
}

static unsigned index_of(uint64_t address, unsigned level) {
    return (unsigned)(address >> (12 + 9 * level)) % PAGE_TABLE_ENTRIES;
}

static uint64_t *view(const struct page_tables *tables, uint64_t physical) {
    return tables->memory->view(tables->memory->context, physical);
}

static uint64_t bits_of(unsigned flags) {
    uint64_t bits = BIT_PRESENT;
    bits |= (flags & PAGE_WRITE) != 0 ? BIT_WRITE : 0;
    bits |= (flags & PAGE_EXECUTE) != 0 ? 0 : BIT_NO_EXECUTE;
    bits |= (flags & PAGE_USER) != 0 ? BIT_USER : 0;
    bits |= (flags & PAGE_UNCACHED) != 0 ? BIT_UNCACHED | BIT_WRITE_THROUGH : 0;
    bits |= (flags & PAGE_GLOBAL) != 0 ? BIT_GLOBAL : 0;
    return bits;
}

static unsigned flags_of(uint64_t entry) {
    unsigned flags = 0;
    flags |= (entry & BIT_WRITE) != 0 ? PAGE_WRITE : 0;
    flags |= (entry & BIT_NO_EXECUTE) != 0 ? 0 : PAGE_EXECUTE;
    flags |= (entry & BIT_USER) != 0 ? PAGE_USER : 0;
    flags |= (entry & BIT_UNCACHED) != 0 ? PAGE_UNCACHED : 0;
    flags |= (entry & BIT_GLOBAL) != 0 ? PAGE_GLOBAL : 0;
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
            int status = tables->memory->take(tables->memory->context, &made);
            if (status < 0)
                return status;
            *above = made | BIT_PRESENT | BIT_WRITE | ((flags & PAGE_USER) != 0 ? BIT_USER : 0);
        } else if ((*above & BIT_LARGE) != 0) {
            return GROVE_EXISTS;
        }
        table = *above & ADDRESS_MASK;
    }
    *entry = &view(tables, table)[index_of(address, level)];
    return (**entry & BIT_PRESENT) != 0 ? GROVE_EXISTS : 0;
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

/* The entry that maps `address`, and its level; NULL if there is none. */
static uint64_t *find_entry(const struct page_tables *tables, uint64_t address, unsigned *level) {
    uint64_t table = tables->root;
    for (unsigned at = LEVELS; at-- > 0;) {
        uint64_t *entry = &view(tables, table)[index_of(address, at)];
        if ((*entry & BIT_PRESENT) == 0)
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
        if ((entry & BIT_PRESENT) == 0)
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

struct release {
    void (*page)(void *context, uint64_t physical);
    void *context;
};

/* Empty `count` entries of a table at `level`; at most LEVELS deep. */
static void clear(const struct page_tables *tables, uint64_t table, unsigned level, unsigned count,
                  const struct release *release) {
    uint64_t *entries = view(tables, table);
    for (unsigned i = 0; i < count; i++) {
        uint64_t entry = entries[i];
        if ((entry & BIT_PRESENT) == 0)
            continue;
        entries[i] = 0;
        if (level == 0 && release->page != NULL)
            release->page(release->context, entry & ADDRESS_MASK);
        if (level == 0 || (entry & BIT_LARGE) != 0)
            continue;
        clear(tables, entry & ADDRESS_MASK, level - 1, PAGE_TABLE_ENTRIES, release);
        tables->memory->give_back(tables->memory->context, entry & ADDRESS_MASK);
    }
}

void page_clear_lower_half(const struct page_tables *tables, void (*page)(void *context, uint64_t physical),
                           void *context) {
    struct release release = {.page = page, .context = context};
    clear(tables, tables->root, LEVELS - 1, PAGE_KERNEL_ENTRY, &release);
}
