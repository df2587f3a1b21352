/* A program's memory: see space.h. */
#include "kernel/machine/x86_64/process/space.h"

#include "grove/abi/status.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/thread/words.h"

#include <string.h>

#define DROP_AT_ONCE 64u

int space_create(struct space *space) {
    *space = (struct space){.futex.memory = &space_words, .tables = {.memory = &memory_table_source}};
    int status = memory_take_zeroed_frame(&space->tables.root);
    if (status < 0)
        return status;
    memcpy((uint64_t *)memory_view(space->tables.root) + PAGE_KERNEL_ENTRY,
           (const uint64_t *)memory_view(memory_kernel_tables.root) + PAGE_KERNEL_ENTRY, PAGE_BYTES / 2);
    return 0;
}

static void release_page(void *context, uint64_t physical) {
    (void)context;
    memory_give_frame_back(physical);
}

void space_destroy(struct space *space) {
    struct area *area;
    while ((area = areas_from(&space->areas, 0)) != NULL) {
        areas_remove(&space->areas, area);
        memory_give_back(area);
    }
    page_clear_lower_half(&space->tables, release_page, NULL);
    memory_give_frame_back(space->tables.root);
    space->tables.root = 0;
}

void space_use(const struct space *space) {
    write_cr3(space != NULL ? space->tables.root : memory_kernel_tables.root);
}

/* The processor knows no page that can be written or executed and not read. */
static uint32_t with_read(uint32_t protection) {
    return protection != 0 ? protection | AREA_READ : 0;
}

static bool is_both(uint32_t protection) {
    return (protection & AREA_WRITE) != 0 && (protection & AREA_EXECUTE) != 0;
}

/* The area that ends where a new one without an image begins, if both are otherwise the same; NULL if there is none. */
static struct area *neighbour(const struct space *space, uint64_t start, uint32_t protection) {
    struct area *area = areas_find(&space->areas, start - 1);
    return area != NULL && area->end == start && area->protection == with_read(protection) ? area : NULL;
}

int space_add(struct space *space, uint64_t start, uint64_t end, uint32_t protection, const uint8_t *image,
              uint64_t image_bytes) {
    if (start < SPACE_START || end > LAYOUT_USER_END)
        return GROVE_INVALID;
    if (is_both(protection))
        return GROVE_DENIED;
    /* A heap that grows page by page stays one area. */
    struct area *area = image_bytes == 0 ? neighbour(space, start, protection) : NULL;
    if (area != NULL)
        return areas_grow(&space->areas, area, end);
    if (space->areas.count >= SPACE_AREAS_MAX)
        return GROVE_EXHAUSTED;
    area = memory_take(sizeof(*area));
    if (area == NULL)
        return GROVE_NO_MEMORY;
    *area = (struct area){
        .start = start, .end = end, .protection = with_read(protection), .image = image, .image_bytes = image_bytes};
    int status = areas_insert(&space->areas, area);
    if (status < 0)
        memory_give_back(area);
    return status;
}

/* Make `address` a boundary between areas, if it is inside of one. */
static int cut(struct space *space, uint64_t address) {
    struct area *area = areas_find(&space->areas, address);
    if (area == NULL || area->start == address)
        return 0;
    struct area *upper = memory_take(sizeof(*upper));
    if (upper == NULL)
        return GROVE_NO_MEMORY;
    areas_split(&space->areas, area, address, upper);
    return 0;
}

static void forget_all(void *argument) {
    (void)argument;
    write_cr3(read_cr3());
}

/* Frames go back once no processor remembers where they lay. */
static void drop_pages(struct space *space, uint64_t start, uint64_t end) {
    uint64_t frames[DROP_AT_ONCE], at = page_next(&space->tables, start, end);
    while (at < end) {
        uint32_t count = 0;
        for (; at < end && count < DROP_AT_ONCE; at = page_next(&space->tables, at, end))
            frames[count++] = page_unmap(&space->tables, at);
        processors_interrupt(forget_all, NULL);
        while (count > 0)
            memory_give_frame_back(frames[--count]);
    }
}

/* Cutting changes nothing that a program sees, so it is no harm if only one of both cuts succeeds. */
static int cut_both(struct space *space, uint64_t start, uint64_t end) {
    int status = cut(space, start);
    return status == 0 ? cut(space, end) : status;
}

int space_remove(struct space *space, uint64_t start, uint64_t end) {
    int status = cut_both(space, start, end);
    if (status < 0)
        return status;
    for (struct area *area = areas_from(&space->areas, start); area != NULL && area->start < end;
         area = areas_from(&space->areas, start)) {
        drop_pages(space, area->start, area->end);
        areas_remove(&space->areas, area);
        memory_give_back(area);
    }
    return 0;
}

/* A page that the program may not touch at all keeps its contents, for the kernel alone. */
static unsigned flags_of(uint32_t protection) {
    return (protection != 0 ? PAGE_USER : 0u) | ((protection & AREA_WRITE) != 0 ? PAGE_WRITE : 0u) |
           ((protection & AREA_EXECUTE) != 0 ? PAGE_EXECUTE : 0u);
}

static bool is_covered(const struct space *space, uint64_t start, uint64_t end) {
    while (start < end) {
        const struct area *area = areas_find(&space->areas, start);
        if (area == NULL)
            return false;
        start = area->end;
    }
    return true;
}

int space_protect(struct space *space, uint64_t start, uint64_t end, uint32_t protection) {
    if (is_both(protection))
        return GROVE_DENIED;
    if (!is_covered(space, start, end))
        return GROVE_NOT_FOUND;
    int status = cut_both(space, start, end);
    if (status < 0)
        return status;
    for (uint64_t at = start; at < end;) {
        struct area *area = areas_find(&space->areas, at);
        area->protection = with_read(protection);
        for (at = page_next(&space->tables, at, area->end); at < area->end;
             at = page_next(&space->tables, at + PAGE_BYTES, area->end)) {
            (void)page_protect(&space->tables, at, flags_of(protection));
        }
    }
    processors_interrupt(forget_all, NULL);
    return 0;
}

/* The page of an area, with what its image says. */
static int fill(struct space *space, const struct area *area, uint64_t page) {
    uint64_t physical = 0, offset = page - area->start;
    int status = memory_take_zeroed_frame(&physical);
    if (status < 0)
        return status;
    if (offset < area->image_bytes) {
        uint64_t left = area->image_bytes - offset;
        memcpy(memory_view(physical), area->image + offset, left < PAGE_BYTES ? left : PAGE_BYTES);
    }
    status = page_map(&space->tables, page, physical, PAGE_BYTES, flags_of(area->protection), PAGE_BYTES);
    if (status < 0)
        memory_give_frame_back(physical);
    return status;
}

bool space_allows(const struct space *space, uint64_t start, uint64_t size, uint32_t access) {
    if (start >= LAYOUT_USER_END || size > LAYOUT_USER_END - start)
        return false;
    for (uint64_t at = start; at < start + size;) {
        const struct area *area = areas_find(&space->areas, at);
        if (area == NULL || (area->protection & access) != access)
            return false;
        at = area->end;
    }
    return true;
}

int space_fault(struct space *space, uint64_t address, uint32_t access) {
    const struct area *area = areas_find(&space->areas, address);
    struct page_mapping mapping;
    if (area == NULL || (area->protection & access) != access)
        return GROVE_DENIED;
    if (page_find(&space->tables, address, &mapping))
        return (flags_of(access) & ~mapping.flags & (PAGE_WRITE | PAGE_EXECUTE)) == 0
                   ? 0
                   : GROVE_DENIED; /* somebody else filled it in */
    return fill(space, area, address & ~(PAGE_BYTES - 1));
}
