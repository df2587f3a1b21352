/* System calls about a program's memory: mmap(2), munmap(2), mprotect(2), brk(2), as far as they need no file. */
#include "grove/abi/status.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/process/calls.h"
#include "kernel/machine/x86_64/process/process.h"

#define MAP_PRIVATE 0x02u
#define MAP_FIXED 0x10u
#define MAP_ANONYMOUS 0x20u
#define MAP_KNOWN (MAP_PRIVATE | MAP_FIXED | MAP_ANONYMOUS | 0x20000u /* MAP_STACK, which asks for nothing */)
#define PROTECTION_ALL 7u /* the bits are those of enum area_protection */

static int64_t error_of(int status) {
    switch (status) {
    case 0:
        return 0;
    case GROVE_DENIED:
        return -LINUX_EACCES;
    case GROVE_INVALID:
        return -LINUX_EINVAL;
    default:
        return -LINUX_ENOMEM;
    }
}

/* Whole pages between SPACE_START and LAYOUT_USER_END; `size` is rounded up first. False: it is no such range. */
static bool to_range(uint64_t start, uint64_t size, uint64_t *end) {
    if (start % PAGE_BYTES != 0 || size == 0 || size > LAYOUT_USER_END)
        return false;
    uint64_t bytes = (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    if (start < SPACE_START || start >= LAYOUT_USER_END || bytes > LAYOUT_USER_END - start)
        return false;
    *end = start + bytes;
    return true;
}

static int find_room(const struct space *space, uint64_t size, uint64_t *start) {
    if (size == 0 || size > LAYOUT_USER_END)
        return GROVE_NO_MEMORY;
    uint64_t bytes = (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    return areas_find_room(&space->areas, bytes, SPACE_START, LAYOUT_USER_END, start);
}

static int64_t map(struct space *space, const uint64_t arguments[6]) {
    uint64_t start = arguments[0], size = arguments[1], protection = arguments[2], flags = arguments[3], end = 0;
    int status = 0;
    if ((flags & (MAP_PRIVATE | MAP_ANONYMOUS)) != (MAP_PRIVATE | MAP_ANONYMOUS) || (flags & ~(uint64_t)MAP_KNOWN) != 0)
        return -LINUX_ENODEV; /* there are no files, and nobody to share with */
    if ((protection & ~(uint64_t)PROTECTION_ALL) != 0 || size == 0)
        return -LINUX_EINVAL;
    if ((protection & AREA_WRITE) != 0 && (protection & AREA_EXECUTE) != 0)
        return -LINUX_EACCES; /* before anything is taken away for it */
    if ((flags & MAP_FIXED) == 0)
        status = find_room(space, size, &start);
    if (status < 0)
        return error_of(status);
    if (!to_range(start, size, &end))
        return -LINUX_EINVAL;
    if ((flags & MAP_FIXED) != 0)
        status = space_remove(space, start, end);
    if (status == 0)
        status = space_add(space, start, end, (uint32_t)protection, NULL, 0);
    return status < 0 ? error_of(status) : (int64_t)start;
}

static int64_t unmap(struct space *space, const uint64_t arguments[6]) {
    uint64_t end;
    if (!to_range(arguments[0], arguments[1], &end))
        return -LINUX_EINVAL;
    return error_of(space_remove(space, arguments[0], end));
}

static int64_t protect(struct space *space, const uint64_t arguments[6]) {
    uint64_t end;
    if ((arguments[2] & ~(uint64_t)PROTECTION_ALL) != 0 || !to_range(arguments[0], arguments[1], &end))
        return -LINUX_EINVAL;
    return error_of(space_protect(space, arguments[0], end, (uint32_t)arguments[2]));
}

/* As on Linux: what is asked for, or, where that cannot be, what there is. */
static int64_t move_break(struct space *space, const uint64_t arguments[6]) {
    struct process *process = process_current();
    uint64_t wanted = arguments[0], now = process->break_end;
    if (wanted < process->break_start || wanted >= LAYOUT_USER_END)
        return (int64_t)now;
    uint64_t from = (now + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1), to = (wanted + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    int status = 0;
    if (to > from)
        status = space_add(space, from, to, AREA_READ | AREA_WRITE, NULL, 0);
    else if (to < from)
        status = space_remove(space, to, from);
    if (status == 0)
        process->break_end = wanted;
    return (int64_t)process->break_end;
}

static int64_t alone(int64_t (*call)(struct space *space, const uint64_t arguments[6]), const uint64_t arguments[6]) {
    struct process *process = process_current();
    process_take_memory(process);
    int64_t result = call(&process->space, arguments);
    process_give_memory_up(process);
    return result;
}

int64_t system_call_mmap(const uint64_t arguments[6]) {
    return alone(map, arguments);
}

int64_t system_call_munmap(const uint64_t arguments[6]) {
    return alone(unmap, arguments);
}

int64_t system_call_mprotect(const uint64_t arguments[6]) {
    return alone(protect, arguments);
}

int64_t system_call_brk(const uint64_t arguments[6]) {
    return alone(move_break, arguments);
}
