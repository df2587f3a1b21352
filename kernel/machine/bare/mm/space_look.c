/* Looking into a program's memory from outside: see space_look.h. */
#include "kernel/machine/bare/mm/space_look.h"

#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

/* What lies in one page, if it is there. tables_lock is held, so it stays meanwhile. */
static bool copy_present(struct space *space, uint64_t address, void *to, size_t size) {
    struct page_mapping found;
    spinlock_lock(&space->tables_lock);
    bool is_there =
        page_find(&space->tables, address, &found) && (found.flags & (PAGE_USER | PAGE_KEPT | PAGE_HELD)) == PAGE_USER;
    if (is_there)
        memcpy(to, memory_view(found.physical), size);
    spinlock_unlock(&space->tables_lock);
    return is_there;
}

int space_read(struct space *space, uint64_t address, void *to, size_t size_bytes) {
    uint8_t *bytes = to;
    while (size_bytes > 0) {
        size_t here = PAGE_BYTES - address % PAGE_BYTES;
        here = here < size_bytes ? here : size_bytes;
        if (address >= SPACE_END)
            return -LINUX_EFAULT;
        if (!copy_present(space, address, bytes, here)) {
            int status = space_fault(space, address, AREA_READ);
            if (status < 0)
                return status;
            if (!copy_present(space, address, bytes, here)) /* no memory, or taken away again at once */
                return -LINUX_EFAULT;
        }
        address += here;
        bytes += here;
        size_bytes -= here;
    }
    return 0;
}

/* The same into a page that the program may write to itself. */
static bool fill_present(struct space *space, uint64_t address, const void *from, size_t size) {
    const unsigned wanted = PAGE_USER | PAGE_WRITE;
    struct page_mapping found;
    spinlock_lock(&space->tables_lock);
    bool is_there =
        page_find(&space->tables, address, &found) && (found.flags & (wanted | PAGE_KEPT | PAGE_HELD)) == wanted;
    if (is_there)
        memcpy((uint8_t *)memory_view(found.physical), from, size);
    spinlock_unlock(&space->tables_lock);
    return is_there;
}

int space_write(struct space *space, uint64_t address, const void *from, size_t size_bytes, size_t *done_bytes) {
    const uint8_t *bytes = from;
    size_t here;
    *done_bytes = 0;
    for (; *done_bytes < size_bytes; *done_bytes += here) {
        uint64_t at = address + *done_bytes;
        here = PAGE_BYTES - at % PAGE_BYTES;
        here = here < size_bytes - *done_bytes ? here : size_bytes - *done_bytes;
        if (at >= SPACE_END)
            return -LINUX_EFAULT;
        if (fill_present(space, at, bytes + *done_bytes, here))
            continue;
        int status = space_fault(space, at, AREA_WRITE | SPACE_FAULT_PRESENT);
        if (status < 0)
            return status;
        if (!fill_present(space, at, bytes + *done_bytes, here)) /* no memory, or taken away again at once */
            return -LINUX_EFAULT;
    }
    return 0;
}

bool space_look(struct space *space, uint64_t from, struct area *copy) {
    share_lock_take(&space->lock);
    const struct area *area = areas_from(&space->areas, from);
    if (area != NULL) {
        *copy = *area;
        if (copy->object != NULL)
            (void)memory_object_ref(copy->object);
    }
    share_lock_give_up(&space->lock);
    return area != NULL;
}

uint64_t space_count_present(struct space *space, uint64_t start, uint64_t end) {
    uint64_t count = 0;
    while (start < end) {
        spinlock_lock(&space->tables_lock);
        for (uint32_t i = 0; i < SPACE_LOOK_STEP && start < end; i++) {
            start = page_next(&space->tables, start, end);
            if (start < end) {
                count++;
                start += PAGE_BYTES;
            }
        }
        spinlock_unlock(&space->tables_lock);
    }
    return count;
}

void space_sums(struct space *space, struct space_sums *sums) {
    share_lock_take(&space->lock);
    *sums = (struct space_sums){.bytes = space->bytes,
                                .data_bytes = space->data_bytes,
                                .locked_bytes = space->locked_bytes,
                                .resident_bytes = __atomic_load_n(&space->resident, __ATOMIC_RELAXED) * PAGE_BYTES,
                                .break_start = space->break_start,
                                .break_end = space->break_end};
    share_lock_give_up(&space->lock);
}
