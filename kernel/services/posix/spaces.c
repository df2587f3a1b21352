/* Address spaces as machine.h wants them, by those of kernel/machine/bare/mm. */
#include "kernel/machine/bare/mm/space.h"

#include "kernel/machine/bare/mm/pages.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"

int machine_space_create(struct space **space) {
    struct space *made = memory_take(sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    int status = space_create(made);
    if (status < 0)
        memory_give_back(made);
    else
        *space = made;
    return status;
}

int machine_space_fork(struct space *from, struct space **to) {
    struct space *made = memory_take(sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    int status = space_fork(from, made);
    if (status < 0)
        memory_give_back(made);
    else
        *to = made;
    return status;
}

void machine_space_destroy(struct space *space) {
    space_destroy(space);
    memory_give_back(space);
}

/* The file's bytes, into the page that lies at `address`: nobody runs in this space yet. */
static int fill_page(struct space *space, uint64_t address, struct inode *file, uint64_t offset, uint64_t bytes) {
    struct page_mapping mapping;
    size_t done = 0;
    int status = space_fault(space, address, AREA_READ);
    if (status < 0)
        return status;
    if (!page_find(&space->tables, address, &mapping))
        return -LINUX_ENOMEM;
    struct transfer_segment segment = {.base = memory_view(mapping.physical),
                                       .size_bytes = bytes < PAGE_BYTES ? bytes : PAGE_BYTES};
    struct transfer transfer;
    transfer_init(&transfer, &segment, 1);
    status = file->operations->read(file, offset, &transfer, &done);
    return status < 0 && done == 0 ? status : 0;
}

int machine_space_map(struct space *space, uint64_t start, uint64_t end, uint32_t protection, struct inode *file,
                      uint64_t offset, uint64_t bytes) {
    int status = space_map(space, start, end, protection, 0, NULL, 0);
    for (uint64_t done = 0; status == 0 && done < bytes; done += PAGE_BYTES)
        status = fill_page(space, start + done, file, offset + done, bytes - done);
    return status;
}

int machine_space_map_stack(struct space *space, uint64_t top, uint64_t bytes) {
    (void)bytes; /* it grows down to its limit */
    return space_map(space, top - PAGE_BYTES, top, AREA_READ | AREA_WRITE, AREA_GROWS_DOWN, NULL, 0);
}

void machine_space_set_limits(struct space *space, const struct limits *limits) {
    space->limits = (struct space_limits){.bytes = limits->of[LIMIT_SPACE_BYTES].soft,
                                          .data_bytes = limits->of[LIMIT_DATA_BYTES].soft,
                                          .stack_bytes = limits->of[LIMIT_STACK_BYTES].soft,
                                          .locked_bytes = limits->of[LIMIT_LOCKED_BYTES].soft};
}

void machine_space_set_room(struct space *space, uint64_t break_start, uint64_t room_end) {
    space->break_start = space->break_end = break_start;
    space->room_end = room_end;
}

uint64_t machine_space_clock_page(struct space *space) {
    (void)space;
    return 0;
}
