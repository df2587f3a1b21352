/* Address spaces as machine.h wants them, by those of kernel/machine/bare/mm. */
#include "kernel/machine/bare/mm/space.h"

#include "kernel/machine/bare/mm/pages.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/vfs/errors.h"
#include "kernel/services/vfs/mapping.h"

#include <string.h>

int machine_space_create(struct memory_account *account, struct space **space) {
    struct space *made = memory_take(sizeof(*made));
    if (made == NULL)
        return -LINUX_ENOMEM;
    int status = space_create_charged(made, account);
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

/* What lies behind the file's bytes in their last page is the file's too: zeros take its place. */
static int clear_rest(struct space *space, uint64_t address) {
    struct page_mapping mapping;
    if (address % PAGE_BYTES == 0)
        return 0;
    int status = space_fault(space, address, AREA_WRITE);
    if (status == -LINUX_EACCES) /* a segment that is not written to: what is behind it is not looked at either */
        return 0;
    if (status == 0 && page_find(&space->tables, address, &mapping))
        memset((uint8_t *)memory_view(mapping.physical), 0, PAGE_BYTES - address % PAGE_BYTES);
    return status;
}

int machine_space_map(struct space *space, uint64_t start, uint64_t end, uint32_t protection, struct inode *file,
                      uint64_t offset, uint64_t bytes) {
    struct memory_object *object;
    uint64_t file_end = start + ((bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1));
    int status = 0;
    if (bytes > 0) {
        status = mapping_open(file, &object);
        if (status < 0)
            return status;
        status = space_map(space, start, file_end, protection, 0, object, offset);
        memory_object_unref(object);
        if (status == 0)
            status = clear_rest(space, start + bytes);
    }
    if (status == 0 && file_end < end)
        status = space_map(space, file_end, end, protection, 0, NULL, 0);
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
