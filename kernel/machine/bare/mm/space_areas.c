/* The areas of a program's memory: see space.h. With the space's lock held alone, except in what space.h declares. */
#include "grove/abi/status.h"
#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/machine/bare/mm/translation.h"
#include "kernel/services/vfs/errors.h"

/* ---- sums and objects ---- */

static bool is_data(uint32_t protection, uint32_t flags) {
    return (protection & AREA_WRITE) != 0 && (flags & (AREA_SHARED | AREA_GROWS_DOWN)) == 0;
}

static bool is_locked(uint32_t flags) {
    return (flags & (AREA_LOCKED | AREA_LOCKED_LATER)) != 0;
}

static void add_to_sums(struct space *space, const struct area *area, uint64_t bytes) {
    space->bytes += bytes;
    space->data_bytes += is_data(area->protection, area->flags) ? bytes : 0;
    space->locked_bytes += is_locked(area->flags) ? bytes : 0;
}

void space_count(struct space *space, const struct area *area) {
    add_to_sums(space, area, area->end - area->start);
}

void space_uncount(struct space *space, const struct area *area) {
    add_to_sums(space, area, area->start - area->end);
}

static bool exceeds(uint64_t used, uint64_t more, uint64_t limit) {
    return limit != UINT64_MAX && (used > limit || more > limit - used);
}

int space_check_limits(const struct space *space, uint64_t bytes, uint32_t protection, uint32_t flags) {
    const struct space_limits *limits = &space->limits;
    if (exceeds(space->bytes, bytes, limits->bytes))
        return -LINUX_ENOMEM;
    if (is_data(protection, flags) && exceeds(space->data_bytes, bytes, limits->data_bytes))
        return -LINUX_ENOMEM;
    return is_locked(flags) && exceeds(space->locked_bytes, bytes, limits->locked_bytes) ? -LINUX_EAGAIN : 0;
}

static bool is_writer(const struct area *area) {
    return (area->flags & AREA_SHARED) != 0 && (area->protection_max & AREA_WRITE) != 0;
}

/* The area holds a reference, and is found by who cuts the object. */
static void hold_object(struct area *area) {
    struct memory_object *object = memory_object_ref(area->object);
    if (is_writer(area))
        __atomic_add_fetch(&object->writers, 1, __ATOMIC_SEQ_CST);
    share_lock_take_alone(&object->mappings_lock);
    list_prepend(&object->mappings, &area->mapping);
    share_lock_give_up_alone(&object->mappings_lock);
}

static void let_object_go(struct area *area) {
    struct memory_object *object = area->object;
    share_lock_take_alone(&object->mappings_lock);
    list_remove(&area->mapping);
    share_lock_give_up_alone(&object->mappings_lock);
    if (is_writer(area))
        __atomic_sub_fetch(&object->writers, 1, __ATOMIC_SEQ_CST);
    memory_object_unref(object);
}

int space_attach(struct space *space, struct area *area) {
    int status = areas_insert(&space->areas, area);
    if (status < 0) {
        memory_give_back(area);
        return status == GROVE_EXISTS ? -LINUX_EEXIST : -LINUX_EINVAL;
    }
    space_count(space, area);
    if (area->object != NULL)
        hold_object(area);
    return 0;
}

void space_detach(struct space *space, struct area *area) {
    space_uncount(space, area);
    areas_remove(&space->areas, area);
    if (area->object != NULL)
        let_object_go(area);
    memory_give_back(area);
}

/* ---- cutting and merging ---- */

static int cut(struct space *space, uint64_t address) {
    struct area *area = areas_find(&space->areas, address);
    if (area == NULL || area->start == address)
        return 0;
    struct area *upper = space->areas.count < SPACE_AREAS_MAX ? memory_take(sizeof(*upper)) : NULL;
    if (upper == NULL)
        return -LINUX_ENOMEM;
    if (area->object == NULL) {
        areas_split(&space->areas, area, address, upper);
        return 0;
    }
    struct memory_object *object = memory_object_ref(area->object);
    share_lock_take_alone(&object->mappings_lock);
    areas_split(&space->areas, area, address, upper);
    list_prepend(&object->mappings, &upper->mapping);
    share_lock_give_up_alone(&object->mappings_lock);
    if (is_writer(upper))
        __atomic_add_fetch(&object->writers, 1, __ATOMIC_SEQ_CST);
    return 0;
}

int space_cut_both(struct space *space, uint64_t start, uint64_t end) {
    int status = cut(space, start);
    return status == 0 ? cut(space, end) : status;
}

static bool are_alike(const struct area *lower, const struct area *upper) {
    return lower->end == upper->start && lower->protection == upper->protection &&
           lower->protection_max == upper->protection_max &&
           ((lower->flags ^ upper->flags) & ~(uint32_t)AREA_HAS_PAGES) == 0 && (lower->flags & AREA_GROWS_DOWN) == 0 &&
           lower->object == upper->object &&
           (lower->object == NULL || lower->offset + (lower->end - lower->start) == upper->offset);
}

/* The upper one becomes part of the lower one. */
static void join(struct space *space, struct area *lower, struct area *upper) {
    struct memory_object *object = lower->object;
    uint64_t end = upper->end;
    lower->flags |= upper->flags & AREA_HAS_PAGES;
    space_uncount(space, lower);
    if (object != NULL)
        share_lock_take_alone(&object->mappings_lock);
    space_uncount(space, upper);
    areas_remove(&space->areas, upper);
    (void)areas_grow(&space->areas, lower, end); /* there is room, where the upper one was */
    if (object != NULL) {
        list_remove(&upper->mapping);
        share_lock_give_up_alone(&object->mappings_lock);
        if (is_writer(upper))
            __atomic_sub_fetch(&object->writers, 1, __ATOMIC_SEQ_CST);
        memory_object_unref(object); /* not the last one: the lower area has it too */
    }
    space_count(space, lower);
    memory_give_back(upper);
}

void space_merge(struct space *space, uint64_t start, uint64_t end) {
    struct area *lower = areas_from(&space->areas, start > 0 ? start - 1 : 0);
    while (lower != NULL && lower->start <= end) {
        struct area *upper = areas_from(&space->areas, lower->end);
        if (upper != NULL && are_alike(lower, upper))
            join(space, lower, upper);
        else
            lower = upper;
    }
}

bool space_is_covered(const struct space *space, uint64_t start, uint64_t end) {
    while (start < end) {
        const struct area *area = areas_find(&space->areas, start);
        if (area == NULL)
            return false;
        start = area->end;
    }
    return true;
}

/* ---- adding ---- */

/* Private memory of zeros right behind such memory becomes part of it, so that a heap that grows stays one area. */
static bool extend(struct space *space, const struct area *like) {
    struct area *lower = areas_find(&space->areas, like->start - 1);
    if (like->object != NULL || lower == NULL || !are_alike(lower, like))
        return false;
    space_uncount(space, lower);
    bool is_done = areas_grow(&space->areas, lower, like->end) == 0;
    space_count(space, lower);
    return is_done;
}

static int check_new(const struct space *space, const struct area *area) {
    const struct memory_object *object = area->object;
    bool is_private = (area->flags & AREA_SHARED) == 0;
    if (!space_is_range(area->start, area->end) || area->offset % PAGE_BYTES != 0)
        return -LINUX_EINVAL;
    if (is_write_and_execute(area->protection))
        return -LINUX_EACCES;
    if (object != NULL && is_private && (object->flags & PAGE_UNCACHED) != 0)
        return -LINUX_EINVAL; /* a device is no memory that could be copied */
    if (space->areas.count >= SPACE_AREAS_MAX)
        return -LINUX_ENOMEM;
    return space_check_limits(space, area->end - area->start, area->protection, area->flags);
}

int space_map_locked(struct space *space, uint64_t start, uint64_t end, uint32_t protection, uint32_t flags,
                     struct memory_object *object, uint64_t offset) {
    uint32_t may = protection / AREA_MAY(1);
    struct area plan = {.start = start,
                        .end = end,
                        .protection = with_read(protection & AREA_ALL),
                        .protection_max = may != 0 ? with_read(may) : AREA_ALL,
                        .flags = flags | space->future,
                        .object = object,
                        .offset = offset,
                        .space = space};
    int status = check_new(space, &plan);
    if (status != 0 || extend(space, &plan))
        return status;
    struct area *area = memory_take(sizeof(*area));
    if (area == NULL)
        return -LINUX_ENOMEM;
    *area = plan;
    status = space_attach(space, area);
    if (status != 0 || object == NULL || !is_writer(area) || object->operations->check_writer == NULL)
        return status;
    status = object->operations->check_writer(object);
    if (status != 0)
        space_detach(space, area);
    return status;
}

int space_map(struct space *space, uint64_t start, uint64_t end, uint32_t protection, uint32_t flags,
              struct memory_object *object, uint64_t offset) {
    share_lock_take_alone(&space->lock);
    int status = space_map_locked(space, start, end, protection, flags, object, offset);
    if (status == 0)
        space_merge(space, start, end);
    share_lock_give_up_alone(&space->lock);
    return status;
}

int space_add(struct space *space, uint64_t start, uint64_t end, uint32_t protection, const uint8_t *image,
              uint64_t image_bytes) {
    struct memory_object *object = NULL;
    int status = image_bytes > 0 ? memory_image_create(image, image_bytes, space->account, &object) : 0;
    if (status == 0)
        status = space_map(space, start, end, protection, 0, object, 0);
    memory_object_unref(object);
    return status;
}

/* Is there a stack right behind, which must not be met? */
static uint64_t gap_before(const struct space *space, uint64_t end) {
    const struct area *next = areas_from(&space->areas, end);
    return next != NULL && (next->flags & AREA_GROWS_DOWN) != 0 && next->start - end < SPACE_STACK_GAP ? SPACE_STACK_GAP
                                                                                                       : 0;
}

int space_find_room(const struct space *space, uint64_t hint, uint64_t size, uint64_t *start) {
    const struct area *next = areas_from(&space->areas, hint);
    uint64_t end = hint + size;
    if (size == 0 || size > SPACE_END)
        return -LINUX_ENOMEM;
    bool is_free = hint % PAGE_BYTES == 0 && hint >= SPACE_START && hint < SPACE_END && end <= SPACE_END &&
                   (next == NULL || next->start >= end);
    if (is_free && gap_before(space, end) == 0) {
        *start = hint;
        return 0;
    }
    if (areas_find_room(&space->areas, size, SPACE_START, space->room_end, start) < 0)
        return -LINUX_ENOMEM;
    if (gap_before(space, *start + size) == 0)
        return 0;
    /* Below a stack the room has to be larger. */
    if (areas_find_room(&space->areas, size + SPACE_STACK_GAP, SPACE_START, space->room_end, start) < 0)
        return -LINUX_ENOMEM;
    return 0;
}

int space_map_wish(struct space *space, const struct space_wish *wish, uint64_t *start) {
    uint64_t at = wish->start, size = pages_up(wish->size_bytes);
    int status = 0;
    share_lock_take_alone(&space->lock);
    if (wish->place == SPACE_ANYWHERE)
        status = space_find_room(space, wish->start, size, &at);
    else if (wish->place == SPACE_REPLACE && is_write_and_execute(wish->protection & AREA_ALL))
        status = -LINUX_EACCES; /* before anything is taken away for it */
    else if (wish->place == SPACE_REPLACE)
        status = space_is_range(at, at + size) ? space_remove_locked(space, at, at + size) : -LINUX_EINVAL;
    if (status == 0)
        status = space_map_locked(space, at, at + size, wish->protection, wish->flags, wish->object, wish->offset);
    if (status == 0) {
        space_merge(space, at, at + size);
        *start = at;
    }
    share_lock_give_up_alone(&space->lock);
    return status;
}

/* ---- taking away ---- */

void space_drop_pages(struct space *space, uint64_t start, uint64_t end) {
    for (uint64_t at = start; at < end;) {
        struct page_batch batch = {.count = 0};
        uint64_t from = at;
        spinlock_lock(&space->tables_lock);
        at = page_unmap_some(&space->tables, at, end, &batch);
        spinlock_unlock(&space->tables_lock);
        if (batch.is_changed)
            translation_forget(space, from, at);
        __atomic_sub_fetch(&space->resident, batch.count, __ATOMIC_RELAXED);
        for (unsigned i = 0; i < batch.count; i++)
            page_unref(batch.pages[i]);
    }
}

int space_remove_locked(struct space *space, uint64_t start, uint64_t end) {
    int status = space_cut_both(space, start, end);
    if (status != 0)
        return status;
    for (struct area *area = areas_from(&space->areas, start); area != NULL && area->start < end;
         area = areas_from(&space->areas, start)) {
        space_drop_pages(space, area->start, area->end);
        space_detach(space, area);
    }
    return 0;
}

int space_remove(struct space *space, uint64_t start, uint64_t end) {
    if (!space_is_range(start, end))
        return -LINUX_EINVAL;
    share_lock_take_alone(&space->lock);
    int status = space_remove_locked(space, start, end);
    share_lock_give_up_alone(&space->lock);
    return status;
}

/* ---- protection ---- */

static bool is_its_own(uint64_t physical) {
    return page_references(physical) == 1;
}

static bool always(uint64_t physical) {
    (void)physical;
    return true;
}

unsigned space_page_flags(const struct area *area) {
    if (area->protection == 0)
        return PAGE_HELD;
    return PAGE_USER | ((area->protection & AREA_WRITE) != 0 ? PAGE_WRITE : 0u) |
           ((area->protection & AREA_EXECUTE) != 0 ? PAGE_EXECUTE : 0u);
}

/* In pieces, since it is done with a spin lock held. Returns whether a page lost a right. */
static bool protect_pages(struct space *space, const struct area *area) {
    bool (*may_write)(uint64_t) = (area->flags & AREA_SHARED) != 0 ? always : is_its_own;
    bool is_less = false;
    for (uint64_t at = area->start; at < area->end;) {
        spinlock_lock(&space->tables_lock);
        at = page_next(&space->tables, at, area->end);
        uint64_t next = area->end - at < SPACE_STEP_BYTES ? area->end : at + SPACE_STEP_BYTES;
        is_less |= page_protect_range(&space->tables, at, next, space_page_flags(area), may_write);
        spinlock_unlock(&space->tables_lock);
        at = next;
    }
    return is_less;
}

static int protect_area(struct space *space, struct area *area, uint32_t protection) {
    if ((protection & ~area->protection_max) != 0)
        return -LINUX_EACCES;
    space_uncount(space, area);
    bool is_more = is_data(protection, area->flags) && !is_data(area->protection, area->flags);
    int status = is_more ? space_check_limits(space, area->end - area->start, protection, area->flags) : 0;
    if (status == 0)
        area->protection = protection;
    space_count(space, area);
    if (status != 0)
        return status;
    if (protect_pages(space, area))
        translation_forget(space, area->start, area->end);
    return 0;
}

int space_protect(struct space *space, uint64_t start, uint64_t end, uint32_t protection) {
    if (!space_is_range(start, end))
        return -LINUX_ENOMEM;
    if (is_write_and_execute(protection))
        return -LINUX_EACCES;
    share_lock_take_alone(&space->lock);
    int status = areas_find(&space->areas, start) != NULL ? space_cut_both(space, start, end) : -LINUX_ENOMEM;
    for (uint64_t at = start; status == 0 && at < end;) {
        struct area *area = areas_find(&space->areas, at);
        status = area != NULL ? protect_area(space, area, with_read(protection)) : -LINUX_ENOMEM;
        if (area != NULL)
            at = area->end;
    }
    space_merge(space, start, end);
    share_lock_give_up_alone(&space->lock);
    return status;
}
