/* madvise, msync, mincore and the mlock family: see calls.h. Nothing is ever written out to make room, so much of it is counting. */
#include "kernel/machine/bare/mm/calls.h"
#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/services/vfs/errors.h"

/* Numbers of Linux's advice. */
enum {
    ADVICE_NORMAL = 0,
    ADVICE_RANDOM = 1,
    ADVICE_SEQUENTIAL = 2,
    ADVICE_WILL_NEED = 3,
    ADVICE_DO_NOT_NEED = 4,
    ADVICE_FREE = 8,
    ADVICE_DO_NOT_FORK = 10,
    ADVICE_DO_FORK = 11,
    ADVICE_MERGE = 12,
    ADVICE_UNMERGE = 13,
    ADVICE_HUGE_PAGES = 14,
    ADVICE_NO_HUGE_PAGES = 15,
    ADVICE_DO_NOT_DUMP = 16,
    ADVICE_DO_DUMP = 17,
    ADVICE_WIPE_ON_FORK = 18,
    ADVICE_KEEP_ON_FORK = 19,
    ADVICE_COLD = 20,
    ADVICE_PAGE_OUT = 21,
    ADVICE_POPULATE_READ = 22,
    ADVICE_POPULATE_WRITE = 23,
    ADVICE_COLLAPSE = 25,
};

/* Whole pages from `start` on. False: it wraps around, or ends behind what programs can have. */
static bool to_end(uint64_t start, uint64_t size_bytes, uint64_t *end) {
    uint64_t size = pages_up(size_bytes);
    if (size < size_bytes || start > UINT64_MAX - size)
        return false;
    *end = start + size;
    return true;
}

/* ---- what is done to each area of a range ---- */

typedef int area_step(struct space *space, struct area *area, uint64_t start, uint64_t end);

/* Gaps are passed over, and make it -LINUX_ENOMEM in the end, as on Linux; an error ends it. */
static int each_area(struct space *space, uint64_t start, uint64_t end, area_step *step) {
    bool has_gap = false;
    int status = 0;
    for (uint64_t at = start; status == 0 && at < end;) {
        struct area *area = areas_from(&space->areas, at);
        if (area == NULL || area->start >= end)
            return -LINUX_ENOMEM;
        has_gap |= area->start > at;
        at = area->start > at ? area->start : at;
        uint64_t next = area->end < end ? area->end : end;
        status = step(space, area, at, next);
        at = next;
    }
    return status == 0 && has_gap ? -LINUX_ENOMEM : status;
}

static int leave(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)space;
    (void)area;
    (void)start;
    (void)end;
    return 0;
}

static int drop(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    if ((area->flags & (AREA_LOCKED | AREA_LOCKED_LATER)) != 0)
        return -LINUX_EINVAL;
    space_drop_pages(space, start, end);
    return 0;
}

static int free_pages(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    return area->object == NULL ? drop(space, area, start, end) : -LINUX_EINVAL;
}

/* ---- flags of areas; they were cut to the range ---- */

static int set_flags(struct space *space, struct area *area, uint32_t clear, uint32_t set) {
    space_uncount(space, area);
    area->flags = (area->flags & ~clear) | set;
    space_count(space, area);
    return 0;
}

static int do_not_fork(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return set_flags(space, area, 0, AREA_NOT_FORKED);
}

static int do_fork(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return set_flags(space, area, AREA_NOT_FORKED, 0);
}

static int wipe_on_fork(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return area->object == NULL ? set_flags(space, area, 0, AREA_WIPED_ON_FORK) : -LINUX_EINVAL;
}

static int keep_on_fork(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return set_flags(space, area, AREA_WIPED_ON_FORK, 0);
}

static int lock_now(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return set_flags(space, area, AREA_LOCKED_LATER, AREA_LOCKED);
}

static int lock_later(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return set_flags(space, area, AREA_LOCKED, AREA_LOCKED_LATER);
}

static int unlock(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)start;
    (void)end;
    return set_flags(space, area, AREA_LOCKED | AREA_LOCKED_LATER, 0);
}

static int change_areas(struct space *space, uint64_t start, uint64_t end, area_step *step) {
    int status = space_cut_both(space, start, end);
    if (status == 0)
        status = each_area(space, start, end, step);
    space_merge(space, start, end);
    return status;
}

/* ---- madvise ---- */

static const struct {
    area_step *step; /* NULL: no such advice */
    bool is_change; /* of areas */
} advices[] = {
    [ADVICE_NORMAL] = {leave, false},
    [ADVICE_RANDOM] = {leave, false},
    [ADVICE_SEQUENTIAL] = {leave, false},
    [ADVICE_WILL_NEED] = {leave, false},
    [ADVICE_DO_NOT_NEED] = {drop, false},
    [ADVICE_FREE] = {free_pages, false},
    [ADVICE_DO_NOT_FORK] = {do_not_fork, true},
    [ADVICE_DO_FORK] = {do_fork, true},
    [ADVICE_MERGE] = {leave, false},
    [ADVICE_UNMERGE] = {leave, false},
    [ADVICE_HUGE_PAGES] = {leave, false},
    [ADVICE_NO_HUGE_PAGES] = {leave, false},
    [ADVICE_DO_NOT_DUMP] = {leave, false},
    [ADVICE_DO_DUMP] = {leave, false},
    [ADVICE_WIPE_ON_FORK] = {wipe_on_fork, true},
    [ADVICE_KEEP_ON_FORK] = {keep_on_fork, true},
    [ADVICE_COLD] = {leave, false},
    [ADVICE_PAGE_OUT] = {leave, false},
    [ADVICE_POPULATE_READ] = {leave, false},
    [ADVICE_POPULATE_WRITE] = {leave, false},
    [ADVICE_COLLAPSE] = {leave, false},
};
#define ADVICES (sizeof(advices) / sizeof(advices[0]))

/* Every page of a range as if it were touched. */
static int64_t touch_all(struct space *space, uint64_t start, uint64_t end, uint32_t access) {
    for (uint64_t at = start; at < end; at += PAGE_BYTES) {
        int status = space_fault(space, at, access | SPACE_FAULT_PRESENT);
        if (status == -LINUX_EFAULT)
            return -LINUX_ENOMEM;
        if (status == -LINUX_EACCES)
            return -LINUX_EINVAL;
        if (status != 0)
            return status == -LINUX_ENXIO ? -LINUX_EFAULT : status;
    }
    return 0;
}

int64_t memory_call_advise(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t advice) {
    uint64_t end;
    if (advice >= ADVICES || advices[advice].step == NULL || start % PAGE_BYTES != 0 ||
        !to_end(start, size_bytes, &end))
        return -LINUX_EINVAL;
    if (start == end)
        return 0;
    if (advice == ADVICE_POPULATE_READ || advice == ADVICE_POPULATE_WRITE)
        return touch_all(space, start, end, advice == ADVICE_POPULATE_READ ? AREA_READ : AREA_WRITE);
    share_lock_take_alone(&space->lock);
    int status = advices[advice].is_change ? change_areas(space, start, end, advices[advice].step)
                                           : each_area(space, start, end, advices[advice].step);
    share_lock_give_up_alone(&space->lock);
    return status;
}

/* ---- msync, mincore ---- */

static int check_locked(struct space *space, struct area *area, uint64_t start, uint64_t end) {
    (void)space;
    (void)start;
    (void)end;
    return (area->flags & (AREA_LOCKED | AREA_LOCKED_LATER)) != 0 ? -LINUX_EBUSY : 0;
}

int64_t memory_call_sync(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t flags) {
    uint64_t end;
    bool is_both = (flags & (LINUX_MS_ASYNC | LINUX_MS_SYNC)) == (LINUX_MS_ASYNC | LINUX_MS_SYNC);
    if ((flags & ~(uint64_t)(LINUX_MS_ASYNC | LINUX_MS_SYNC | LINUX_MS_INVALIDATE)) != 0 || is_both ||
        start % PAGE_BYTES != 0)
        return -LINUX_EINVAL;
    if (!to_end(start, size_bytes, &end))
        return -LINUX_ENOMEM;
    share_lock_take(&space->lock);
    int status = each_area(space, start, end, (flags & LINUX_MS_INVALIDATE) != 0 ? check_locked : leave);
    share_lock_give_up(&space->lock);
    return status;
}

/* In this space's tables, or in the object it would be taken from. */
static bool is_in_core(struct space *space, const struct area *area, uint64_t page) {
    struct page_mapping found;
    uint64_t physical;
    spinlock_lock(&space->tables_lock);
    bool is_there = page_find(&space->tables, page, &found);
    spinlock_unlock(&space->tables_lock);
    struct memory_object *object = area->object;
    if (is_there || object == NULL || object->operations->find_page == NULL)
        return is_there;
    is_there = object->operations->find_page(object, (area->offset + page - area->start) / PAGE_BYTES, &physical);
    if (is_there)
        page_unref(physical);
    return is_there;
}

int64_t memory_call_in_core(struct space *space, uint64_t start, uint8_t *is_there, uint64_t count) {
    int status = 0;
    share_lock_take(&space->lock);
    for (uint64_t i = 0; status == 0 && i < count; i++) {
        uint64_t page = start + i * PAGE_BYTES;
        const struct area *area = areas_find(&space->areas, page);
        if (area != NULL)
            is_there[i] = is_in_core(space, area, page);
        else
            status = -LINUX_ENOMEM;
    }
    share_lock_give_up(&space->lock);
    return status;
}

/* ---- mlock and its like ---- */

static int check_lock_limit(struct space *space, uint64_t start, uint64_t end) {
    uint64_t limit = space->limits.locked_bytes, already = 0;
    for (const struct area *area = areas_from(&space->areas, start); area != NULL && area->start < end;
         area = areas_from(&space->areas, area->end)) {
        uint64_t from = area->start > start ? area->start : start, to = area->end < end ? area->end : end;
        already += (area->flags & (AREA_LOCKED | AREA_LOCKED_LATER)) != 0 ? to - from : 0;
    }
    if (limit == UINT64_MAX)
        return 0;
    if (limit == 0)
        return -LINUX_EPERM;
    return space->locked_bytes - already + (end - start) > limit ? -LINUX_ENOMEM : 0;
}

static int64_t lock_range(struct space *space, uint64_t start, uint64_t end, area_step *step) {
    if (start == end)
        return 0;
    share_lock_take_alone(&space->lock);
    int status = step != unlock ? check_lock_limit(space, start, end) : 0;
    if (status == 0 && areas_find(&space->areas, start) == NULL)
        status = -LINUX_ENOMEM;
    if (status == 0)
        status = change_areas(space, start, end, step);
    share_lock_give_up_alone(&space->lock);
    if (status != 0 || step != lock_now)
        return status;
    return space_populate(space, start, end) == 0 ? 0 : -LINUX_ENOMEM;
}

/* The range begins at the page of `start` and ends with the page of its last byte. */
static bool to_lock_range(uint64_t *start, uint64_t size_bytes, uint64_t *end) {
    uint64_t size = size_bytes + *start % PAGE_BYTES;
    *start = page_of(*start);
    return size >= size_bytes && to_end(*start, size, end);
}

int64_t memory_call_lock(struct space *space, uint64_t start, uint64_t size_bytes, uint64_t flags) {
    uint64_t end;
    if ((flags & ~(uint64_t)LINUX_MLOCK_ONFAULT) != 0 || !to_lock_range(&start, size_bytes, &end))
        return -LINUX_EINVAL;
    return lock_range(space, start, end, (flags & LINUX_MLOCK_ONFAULT) != 0 ? lock_later : lock_now);
}

int64_t memory_call_unlock(struct space *space, uint64_t start, uint64_t size_bytes) {
    uint64_t end;
    if (!to_lock_range(&start, size_bytes, &end))
        return -LINUX_EINVAL;
    return lock_range(space, start, end, unlock);
}

int64_t memory_call_lock_all(struct space *space, uint64_t flags) {
    uint64_t all = LINUX_MCL_CURRENT | LINUX_MCL_FUTURE | LINUX_MCL_ONFAULT;
    if (flags == 0 || (flags & ~all) != 0 || flags == LINUX_MCL_ONFAULT)
        return -LINUX_EINVAL;
    uint32_t kind = (flags & LINUX_MCL_ONFAULT) != 0 ? AREA_LOCKED_LATER : AREA_LOCKED;
    bool is_now = (flags & LINUX_MCL_CURRENT) != 0;
    share_lock_take_alone(&space->lock);
    uint64_t limit = space->limits.locked_bytes;
    int status = limit == 0 ? -LINUX_EPERM : is_now && space->bytes > limit ? -LINUX_ENOMEM : 0;
    if (status == 0)
        space->future = (flags & LINUX_MCL_FUTURE) != 0 ? kind : 0;
    if (status == 0 && is_now)
        (void)each_area(space, SPACE_START, SPACE_END, kind == AREA_LOCKED ? lock_now : lock_later);
    share_lock_give_up_alone(&space->lock);
    if (status == 0 && is_now && kind == AREA_LOCKED)
        for (uint64_t at = SPACE_START, end = 0; at < SPACE_END; at = end) {
            share_lock_take(&space->lock);
            const struct area *area = areas_from(&space->areas, at);
            uint64_t start = area != NULL ? area->start : SPACE_END;
            end = area != NULL ? area->end : SPACE_END;
            share_lock_give_up(&space->lock);
            (void)space_populate(space, start, end); /* as on Linux, as far as it goes */
        }
    return status;
}

int64_t memory_call_unlock_all(struct space *space) {
    share_lock_take_alone(&space->lock);
    space->future = 0;
    (void)each_area(space, SPACE_START, SPACE_END, unlock);
    share_lock_give_up_alone(&space->lock);
    return 0;
}
