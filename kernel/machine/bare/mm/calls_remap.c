/* mremap: see calls.h. Memory moves by its page tables; nothing is copied. */
#include "kernel/machine/bare/mm/calls.h"
#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/machine/bare/mm/translation.h"
#include "kernel/services/vfs/errors.h"

/* One mremap in work, with the space's lock held alone. Sizes are whole pages. */
struct remap {
    struct space *space;
    uint64_t start, old_bytes, new_bytes, flags;
    uint64_t target; /* with LINUX_MREMAP_FIXED, then where it went */
};

static bool has(const struct remap *remap, uint64_t flag) {
    return (remap->flags & flag) != 0;
}

static int check_arguments(const struct remap *remap) {
    bool is_fixed = has(remap, LINUX_MREMAP_FIXED);
    uint64_t known = LINUX_MREMAP_MAYMOVE | LINUX_MREMAP_FIXED | LINUX_MREMAP_DONTUNMAP;
    if ((remap->flags & ~known) != 0 || remap->start % PAGE_BYTES != 0 || remap->new_bytes == 0)
        return -LINUX_EINVAL;
    if (remap->new_bytes > SPACE_END)
        return -LINUX_EINVAL;
    if (has(remap, LINUX_MREMAP_FIXED | LINUX_MREMAP_DONTUNMAP) && !has(remap, LINUX_MREMAP_MAYMOVE))
        return -LINUX_EINVAL;
    if (has(remap, LINUX_MREMAP_DONTUNMAP) && remap->old_bytes != remap->new_bytes)
        return -LINUX_EINVAL;
    if (!is_fixed)
        return 0;
    if (remap->target % PAGE_BYTES != 0 || remap->target > SPACE_END - remap->new_bytes)
        return -LINUX_EINVAL;
    bool overlaps = remap->target < remap->start + remap->old_bytes && remap->start < remap->target + remap->new_bytes;
    if (overlaps)
        return -LINUX_EINVAL;
    return remap->target < SPACE_START ? -LINUX_EPERM : 0;
}

/* All of the old range must lie in one area, which goes into *area. */
static int check_area(const struct remap *remap, struct area **area) {
    struct area *found = areas_find(&remap->space->areas, remap->start);
    if (found == NULL)
        return -LINUX_EFAULT;
    bool is_shared = (found->flags & AREA_SHARED) != 0;
    if (remap->old_bytes == 0 && !is_shared)
        return -LINUX_EINVAL; /* a second mapping of the same makes no sense without sharing */
    if (has(remap, LINUX_MREMAP_DONTUNMAP) && is_shared)
        return -LINUX_EINVAL;
    if (remap->old_bytes > found->end - remap->start)
        return -LINUX_EFAULT;
    *area = found;
    return 0;
}

/* Before anything is changed: is there enough of what is limited for `bytes` more? */
static int check_growth(const struct remap *remap, const struct area *area) {
    uint64_t more = remap->new_bytes > remap->old_bytes ? remap->new_bytes - remap->old_bytes : 0;
    return space_check_limits(remap->space, more, area->protection, area->flags);
}

/* What a new area for the whole needs, where nothing is; its pages move. */
static int make_target(const struct remap *remap, const struct area *area) {
    struct area *moved = memory_take(sizeof(*moved));
    if (moved == NULL)
        return -LINUX_ENOMEM;
    *moved = *area;
    moved->start = remap->target;
    moved->end = remap->target + remap->new_bytes;
    moved->offset = area->offset + (area->object != NULL ? remap->start - area->start : 0);
    return space_attach(remap->space, moved);
}

static int move_pages(const struct remap *remap) {
    struct space *space = remap->space;
    uint64_t bytes = remap->old_bytes < remap->new_bytes ? remap->old_bytes : remap->new_bytes;
    int status = 0;
    for (uint64_t done = 0; status == 0 && done < bytes;) {
        spinlock_lock(&space->tables_lock);
        done = page_next(&space->tables, remap->start + done, remap->start + bytes) - remap->start;
        uint64_t size = bytes - done < SPACE_STEP_BYTES ? bytes - done : SPACE_STEP_BYTES;
        if (size > 0)
            status = page_move_range(&space->tables, remap->start + done, remap->target + done, size);
        spinlock_unlock(&space->tables_lock);
        done += size;
    }
    /* Before the old place means something else, or the pages are touched in the new one. */
    translation_forget(space, remap->start, remap->start + bytes);
    return status < 0 ? -LINUX_ENOMEM : 0;
}

/* What did move goes back, for which there are tables. */
static void move_back(const struct remap *remap) {
    struct remap back = *remap;
    back.start = remap->target;
    back.target = remap->start;
    back.old_bytes = back.new_bytes = remap->old_bytes < remap->new_bytes ? remap->old_bytes : remap->new_bytes;
    (void)move_pages(&back);
    (void)space_remove_locked(remap->space, remap->target, remap->target + remap->new_bytes);
}

/* Whoever cuts the object finds a page in the old area or in the new one, not on its way. */
static int move_pages_of(const struct remap *remap, struct memory_object *object) {
    if (object == NULL)
        return move_pages(remap);
    share_lock_take_alone(&object->mappings_lock);
    int status = move_pages(remap);
    share_lock_give_up_alone(&object->mappings_lock);
    return status;
}

static int move(struct remap *remap) {
    struct space *space = remap->space;
    int status = 0;
    if (has(remap, LINUX_MREMAP_FIXED))
        status = space_remove_locked(space, remap->target, remap->target + remap->new_bytes);
    else
        status = space_find_room(space, 0, remap->new_bytes, &remap->target);
    /* Taking something away may have cut the area in two. */
    const struct area *area = areas_find(&space->areas, remap->start);
    if (status == 0)
        status = area != NULL ? make_target(remap, area) : -LINUX_EFAULT;
    if (status != 0)
        return status;
    status = move_pages_of(remap, area->object);
    if (status == 0 && remap->old_bytes > 0 && !has(remap, LINUX_MREMAP_DONTUNMAP))
        status = space_remove_locked(space, remap->start, remap->start + remap->old_bytes);
    if (status != 0)
        move_back(remap);
    return status;
}

/* The end of the old range is the end of its area, and nothing is behind it. */
static bool can_grow(const struct remap *remap, const struct area *area) {
    const struct area *next = areas_from(&remap->space->areas, area->end);
    uint64_t end = remap->start + remap->new_bytes;
    return remap->start + remap->old_bytes == area->end && end <= SPACE_END && (next == NULL || next->start >= end);
}

static void grow(const struct remap *remap, struct area *area) {
    struct space *space = remap->space;
    uint64_t end = remap->start + remap->new_bytes;
    space_uncount(space, area);
    if (area->object != NULL)
        share_lock_take_alone(&area->object->mappings_lock);
    (void)areas_grow(&space->areas, area, end);
    if (area->object != NULL)
        share_lock_give_up_alone(&area->object->mappings_lock);
    space_count(space, area);
}

static int remap_locked(struct remap *remap) {
    struct area *area;
    int status = check_area(remap, &area);
    if (status != 0)
        return status;
    bool is_moved = has(remap, LINUX_MREMAP_FIXED | LINUX_MREMAP_DONTUNMAP);
    if (!is_moved && remap->old_bytes >= remap->new_bytes) {
        remap->target = remap->start;
        return remap->old_bytes == remap->new_bytes ? 0
                                                    : space_remove_locked(remap->space, remap->start + remap->new_bytes,
                                                                          remap->start + remap->old_bytes);
    }
    status = check_growth(remap, area);
    if (status != 0)
        return status;
    if (!is_moved && remap->old_bytes > 0 && can_grow(remap, area)) {
        grow(remap, area);
        remap->target = remap->start;
        return 0;
    }
    return has(remap, LINUX_MREMAP_MAYMOVE) ? move(remap) : -LINUX_ENOMEM;
}

int64_t memory_call_remap(struct space *space, uint64_t old_start, uint64_t old_bytes, uint64_t new_bytes,
                          uint64_t flags, uint64_t new_start) {
    struct remap remap = {.space = space,
                          .start = old_start,
                          .old_bytes = pages_up(old_bytes),
                          .new_bytes = pages_up(new_bytes),
                          .flags = flags,
                          .target = new_start};
    int status = check_arguments(&remap);
    bool is_locked = false;
    if (status != 0)
        return status;
    share_lock_take_alone(&space->lock);
    status = remap_locked(&remap);
    if (status == 0) {
        const struct area *area = areas_find(&space->areas, remap.target);
        is_locked = area != NULL && (area->flags & AREA_LOCKED) != 0;
        space_merge(space, remap.target, remap.target + remap.new_bytes);
    }
    share_lock_give_up_alone(&space->lock);
    if (status != 0)
        return status;
    if (is_locked && remap.new_bytes > remap.old_bytes)
        (void)space_populate(space, remap.target + remap.old_bytes, remap.target + remap.new_bytes);
    return (int64_t)remap.target;
}
