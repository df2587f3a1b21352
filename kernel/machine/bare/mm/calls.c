/* mmap, munmap, mprotect, brk: see calls.h. */
#include "kernel/machine/bare/mm/calls.h"

#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/services/vfs/errors.h"

#define IGNORED_FLAGS \
    (LINUX_MAP_DENYWRITE | LINUX_MAP_EXECUTABLE | LINUX_MAP_NORESERVE | LINUX_MAP_NONBLOCK | LINUX_MAP_STACK)
#define KNOWN_FLAGS \
    (LINUX_MAP_TYPE | LINUX_MAP_FIXED | LINUX_MAP_ANONYMOUS | LINUX_MAP_GROWSDOWN | LINUX_MAP_LOCKED | \
     LINUX_MAP_POPULATE | LINUX_MAP_FIXED_NOREPLACE | IGNORED_FLAGS)

/* ---- mmap ---- */

/* One mmap in work. */
struct mapping {
    struct space *space;
    uint64_t flags;
    struct space_wish wish;
};

static bool has(const struct mapping *mapping, uint64_t flag) {
    return (mapping->flags & flag) != 0;
}

/* What may be done with a file in this way, now and by mprotect later. */
static int take_file(struct mapping *mapping, const struct memory_call_file *file) {
    uint32_t wanted = mapping->wish.protection, may = AREA_ALL;
    bool is_shared = (mapping->wish.flags & AREA_SHARED) != 0;
    if (is_shared && (wanted & AREA_WRITE) != 0 && !file->can_write)
        return -LINUX_EACCES;
    if (!file->can_read)
        return -LINUX_EACCES;
    if (is_shared && file->is_sealed && (wanted & AREA_WRITE) != 0)
        return -LINUX_EPERM;
    if (is_shared && (!file->can_write || file->is_sealed))
        may &= ~(uint32_t)AREA_WRITE;
    if (file->is_not_executable && (wanted & AREA_EXECUTE) != 0)
        return -LINUX_EPERM;
    if (file->is_not_executable)
        may &= ~(uint32_t)AREA_EXECUTE;
    if (file->object == NULL)
        return -LINUX_ENODEV;
    if (has(mapping, LINUX_MAP_GROWSDOWN))
        return -LINUX_EINVAL;
    mapping->wish.protection |= AREA_MAY(may);
    mapping->wish.object = file->object;
    return 0;
}

static int read_type(struct mapping *mapping, bool is_file) {
    uint64_t type = mapping->flags & LINUX_MAP_TYPE;
    if (type == LINUX_MAP_SHARED_VALIDATE && is_file && (mapping->flags & ~(uint64_t)KNOWN_FLAGS) != 0)
        return -LINUX_EOPNOTSUPP;
    if (type != LINUX_MAP_PRIVATE && type != LINUX_MAP_SHARED && (type != LINUX_MAP_SHARED_VALIDATE || !is_file))
        return -LINUX_EINVAL;
    if (type != LINUX_MAP_PRIVATE)
        mapping->wish.flags |= AREA_SHARED;
    else if (has(mapping, LINUX_MAP_GROWSDOWN))
        mapping->wish.flags |= AREA_GROWS_DOWN;
    if (type != LINUX_MAP_PRIVATE && has(mapping, LINUX_MAP_GROWSDOWN))
        return -LINUX_EINVAL;
    if (has(mapping, LINUX_MAP_LOCKED))
        mapping->wish.flags |= AREA_LOCKED;
    return 0;
}

static int read_place(struct mapping *mapping) {
    struct space_wish *wish = &mapping->wish;
    bool is_fixed = has(mapping, LINUX_MAP_FIXED | LINUX_MAP_FIXED_NOREPLACE);
    if (wish->size_bytes == 0)
        return -LINUX_EINVAL;
    uint64_t size = pages_up(wish->size_bytes);
    if (size == 0 || size > SPACE_END)
        return -LINUX_ENOMEM;
    if (is_fixed && wish->start > SPACE_END - size)
        return -LINUX_ENOMEM;
    if (is_fixed && wish->start % PAGE_BYTES != 0)
        return -LINUX_EINVAL;
    if (is_fixed && wish->start < SPACE_START)
        return -LINUX_EPERM;
    if (!is_fixed)
        wish->start = page_of(wish->start); /* a hint may lie anywhere */
    else
        wish->place = has(mapping, LINUX_MAP_FIXED_NOREPLACE) ? SPACE_EXACTLY : SPACE_REPLACE;
    return 0;
}

/* Shared memory of zeros becomes an object of its own. Its reference is the caller's. */
static int make_shared(struct mapping *mapping) {
    struct memory_object *object;
    uint64_t pages = pages_up(mapping->wish.size_bytes) / PAGE_BYTES;
    int status = memory_shared_create(mapping->space->account, pages, &object);
    if (status == 0)
        mapping->wish.object = object;
    mapping->wish.offset = 0;
    return status;
}

static int read_request(struct mapping *mapping, const struct memory_call_file *file, uint64_t protection) {
    bool is_file = !has(mapping, LINUX_MAP_ANONYMOUS);
    if (mapping->wish.offset % PAGE_BYTES != 0)
        return -LINUX_EINVAL;
    if (is_file && file->status != 0)
        return file->status;
    if (has(mapping, LINUX_MAP_HUGETLB))
        return -LINUX_EINVAL; /* there is no pool of them */
    mapping->wish.protection = (uint32_t)protection & AREA_ALL;
    int status = read_place(mapping);
    if (status == 0 && is_file && mapping->wish.offset + pages_up(mapping->wish.size_bytes) < mapping->wish.offset)
        status = -LINUX_EOVERFLOW;
    if (status == 0)
        status = read_type(mapping, is_file);
    if (status == 0 && is_write_and_execute((uint32_t)protection))
        status = -LINUX_EACCES;
    if (status == 0 && is_file)
        status = take_file(mapping, file);
    return status;
}

int64_t memory_call_map(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t protection, uint64_t flags,
                        const struct memory_call_file *file, uint64_t offset) {
    struct mapping mapping = {
        .space = space,
        .flags = flags,
        .wish = {.place = SPACE_ANYWHERE, .start = start, .size_bytes = size_bytes, .offset = offset}};
    uint64_t at = 0;
    int status = read_request(&mapping, file, protection);
    bool is_made = status == 0 && has(&mapping, LINUX_MAP_ANONYMOUS) && (mapping.wish.flags & AREA_SHARED) != 0;
    if (is_made)
        status = make_shared(&mapping);
    if (status == 0)
        status = space_map_wish(space, &mapping.wish, &at);
    if (is_made)
        memory_object_unref(mapping.wish.object);
    if (status != 0)
        return status;
    bool is_locked = has(&mapping, LINUX_MAP_LOCKED) || (space->future & AREA_LOCKED) != 0;
    if (has(&mapping, LINUX_MAP_POPULATE) || is_locked)
        (void)space_populate(space, at, at + pages_up(size_bytes)); /* as on Linux, as far as it goes */
    return (int64_t)at;
}

/* ---- munmap, mprotect ---- */

int64_t memory_call_unmap(struct space *space, uint64_t start, uint64_t size_bytes) {
    uint64_t size = pages_up(size_bytes);
    if (start % PAGE_BYTES != 0 || size == 0 || size > SPACE_END || start > SPACE_END - size)
        return -LINUX_EINVAL;
    if (start < SPACE_START) { /* nothing is there */
        if (start + size <= SPACE_START)
            return 0;
        size -= SPACE_START - start;
        start = SPACE_START;
    }
    return space_remove(space, start, start + size);
}

int64_t memory_call_protect(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t protection) {
    uint64_t size = pages_up(size_bytes);
    uint64_t growing = protection & (LINUX_PROT_GROWSDOWN | LINUX_PROT_GROWSUP);
    protection &= ~growing;
    if (growing == LINUX_PROT_GROWSUP || growing == (LINUX_PROT_GROWSDOWN | LINUX_PROT_GROWSUP))
        return -LINUX_EINVAL;
    if (start % PAGE_BYTES != 0)
        return -LINUX_EINVAL;
    if (size_bytes == 0)
        return 0;
    if (size == 0 || start + size <= start)
        return -LINUX_ENOMEM;
    if ((protection & ~(uint64_t)AREA_ALL) != 0)
        return -LINUX_EINVAL;
    if (growing != 0) { /* from the lower end of the stack on */
        share_lock_take(&space->lock);
        const struct area *area = areas_find(&space->areas, start);
        bool is_stack = area != NULL && (area->flags & AREA_GROWS_DOWN) != 0;
        uint64_t end = start + size;
        start = is_stack ? area->start : start;
        size = end - start;
        share_lock_give_up(&space->lock);
        if (!is_stack)
            return -LINUX_EINVAL;
    }
    return space_protect(space, start, start + size, (uint32_t)protection);
}

/* ---- brk ---- */

static int change_break(struct space *space, uint64_t end) {
    uint64_t from = pages_up(space->break_end), to = pages_up(end);
    if (to < from)
        return space_remove_locked(space, to, from);
    if (to == from)
        return 0;
    if (end - space->break_start > space->limits.data_bytes)
        return -LINUX_ENOMEM;
    int status = space_map_locked(space, from, to, AREA_READ | AREA_WRITE, 0, NULL, 0);
    if (status == 0)
        space_merge(space, from, to);
    return status;
}

/* As on Linux: what is asked for, or, where that cannot be, what there is. */
int64_t memory_call_break(struct space *space, uint64_t end) {
    share_lock_take_alone(&space->lock);
    uint64_t before = space->break_end;
    if (end >= space->break_start && end < SPACE_END && change_break(space, end) == 0)
        space->break_end = end;
    uint64_t now = space->break_end;
    bool is_locked = (space->future & AREA_LOCKED) != 0;
    share_lock_give_up_alone(&space->lock);
    if (is_locked && now > before)
        (void)space_populate(space, page_of(before), pages_up(now));
    return (int64_t)now;
}
