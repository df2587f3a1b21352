/* Segments of programs: see space_map_segment in space.h. */
#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

/* From an address to the end of its page, which is the program's own after this. */
static int clear_to_page_end(struct space *space, uint64_t address) {
    struct page_mapping found;
    int status = space_fault(space, address, AREA_WRITE | SPACE_FAULT_PRESENT);
    if (status != 0)
        return status;
    spinlock_lock(&space->tables_lock);
    /* Nobody runs in the space yet, so the page stays. */
    if (page_find(&space->tables, address, &found) && (found.flags & PAGE_WRITE) != 0)
        memset(memory_view(found.physical), 0, PAGE_BYTES - address % PAGE_BYTES);
    spinlock_unlock(&space->tables_lock);
    return 0;
}

int space_map_segment(struct space *space, uint64_t start, uint64_t end, uint32_t protection,
                      struct memory_object *object, uint64_t offset, uint64_t size_bytes) {
    uint64_t filled = size_bytes < end - start ? start + size_bytes : end, middle = pages_up(filled);
    int status = 0;
    if (filled > start)
        status = space_map(space, start, middle, protection, 0, object, offset);
    if (status == 0 && middle < end)
        status = space_map(space, middle, end, protection, 0, NULL, 0);
    bool has_rest = filled < end && filled % PAGE_BYTES != 0 && (protection & AREA_WRITE) != 0;
    return status == 0 && has_rest ? clear_to_page_end(space, filled) : status;
}
