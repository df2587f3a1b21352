/*
 * Pages of a program's memory, when they are touched: see space.h. The space's lock is held in common, so areas stay as
 * they are; other threads may fill in the same page at the same moment, and others may cut an object.
 */
#include "grove/abi/status.h"
#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/machine/bare/mm/translation.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define AROUND_PAGES 16u /* of an object that are there already are mapped together */
#define TRY_AGAIN 1

/* One fault in work. */
struct fault {
    struct space *space;
    struct area *area;
    uint64_t page;
    uint32_t cuts; /* of the object, before it was asked */
    bool is_write;
};

static bool is_shared(const struct area *area) {
    return (area->flags & AREA_SHARED) != 0;
}

/* From now on a fork has to look for pages here. Several threads may say so at once. */
static void note_own_page(struct area *area) {
    if ((__atomic_load_n(&area->flags, __ATOMIC_RELAXED) & AREA_HAS_PAGES) == 0)
        __atomic_or_fetch(&area->flags, AREA_HAS_PAGES, __ATOMIC_RELAXED);
}

static uint32_t read_cuts(const struct memory_object *object) {
    return object != NULL ? __atomic_load_n(&object->cuts, __ATOMIC_SEQ_CST) : 0;
}

/* Put a page where none is, with what `flags` say beside the area's own; its reference is taken over. */
static int install(const struct fault *fault, uint64_t physical, unsigned flags) {
    struct space *space = fault->space;
    int status = TRY_AGAIN;
    spinlock_lock(&space->tables_lock);
    /* memory_object_cut counts first and then looks into the tables, with this lock: one of both sees the other. */
    if (read_cuts(fault->area->object) == fault->cuts)
        status = page_map_one(&space->tables, fault->page, physical, flags);
    spinlock_unlock(&space->tables_lock);
    bool is_counted = (flags & PAGE_KEPT) == 0;
    if (status != 0 && is_counted)
        page_unref(physical);
    else if (is_counted)
        __atomic_add_fetch(&space->resident, 1, __ATOMIC_RELAXED);
    if (status == GROVE_EXISTS) /* another thread was faster */
        return 0;
    return status < 0 ? -LINUX_ENOMEM : status;
}

/* ---- pages of its own ---- */

static int fill_private(const struct fault *fault) {
    uint64_t physical;
    int status = page_take(fault->space->account, PAGE_ZEROED, &physical);
    if (status != 0)
        return status;
    note_own_page(fault->area);
    return install(fault, physical, space_page_flags(fault->area));
}

static int copy_page(struct space *space, uint64_t from, uint64_t *copy) {
    int status = page_take(space->account, PAGE_UNDEFINED, copy);
    if (status == 0)
        memcpy(memory_view(*copy), memory_view(from), PAGE_BYTES);
    return status;
}

/* The copy takes the place of what it was made of, unless that is gone meanwhile. */
static void replace(const struct fault *fault, uint64_t original, bool is_counted, uint64_t copy) {
    struct space *space = fault->space;
    struct page_mapping now;
    spinlock_lock(&space->tables_lock);
    bool is_same =
        page_find(&space->tables, fault->page, &now) && now.physical == original && (now.flags & PAGE_WRITE) == 0;
    if (is_same)
        page_replace(&space->tables, fault->page, copy, space_page_flags(fault->area));
    spinlock_unlock(&space->tables_lock);
    if (!is_same) {
        page_unref(copy);
        return;
    }
    /* Other threads of the program must not go on reading the original. */
    translation_forget(space, fault->page, fault->page + PAGE_BYTES);
    if (is_counted)
        page_unref(original);
    else
        __atomic_add_fetch(&space->resident, 1, __ATOMIC_RELAXED);
}

/*
 * A page that is there does not allow the access, or seemed not to. TRY_AGAIN: it is not there. A page with one reference is
 * nobody else's, and cannot become so: that takes the space's lock alone.
 */
static int mend(const struct fault *fault) {
    struct space *space = fault->space;
    struct page_mapping found;
    spinlock_lock(&space->tables_lock);
    if (!page_find(&space->tables, fault->page, &found)) {
        spinlock_unlock(&space->tables_lock);
        return TRY_AGAIN;
    }
    bool is_counted = (found.flags & PAGE_KEPT) == 0, is_refused = fault->is_write && (found.flags & PAGE_WRITE) == 0;
    bool is_free = is_shared(fault->area) || (is_counted && page_references(found.physical) == 1);
    if (is_refused && is_free)
        (void)page_protect(&space->tables, fault->page, space_page_flags(fault->area) | (found.flags & PAGE_KEPT));
    else if (is_refused && is_counted)
        page_ref(found.physical);
    spinlock_unlock(&space->tables_lock);
    translation_forget_here(fault->page);
    if (!is_refused || is_free)
        return 0;
    uint64_t copy;
    int status = copy_page(space, found.physical, &copy);
    note_own_page(fault->area);
    if (status == 0)
        replace(fault, found.physical, is_counted, copy);
    if (is_counted)
        page_unref(found.physical);
    return status;
}

/* ---- pages of objects ---- */

static uint64_t index_of(const struct area *area, uint64_t page) {
    return (area->offset + (page - area->start)) / PAGE_BYTES;
}

/* Behind the end, and where a file system has no room for the page, the program gets SIGBUS. */
static int error_of(int status) {
    return status == -LINUX_ENOMEM ? -LINUX_ENOMEM : -LINUX_ENXIO;
}

static int fill_from_object(struct fault *fault) {
    struct area *area = fault->area;
    struct memory_object *object = area->object;
    unsigned flags = space_page_flags(area) | object->flags;
    uint64_t physical, copy;
    int status = object->operations->get_page(object, index_of(area, fault->page),
                                              is_shared(area) && (area->protection & AREA_WRITE) != 0, &physical);
    if (status != 0)
        return error_of(status);
    bool is_counted = (flags & PAGE_KEPT) == 0, is_own = is_counted && page_references(physical) == 1;
    if (is_shared(area))
        return install(fault, physical, flags);
    if (is_own || fault->is_write)
        note_own_page(area);
    if (is_own || !fault->is_write)
        return install(fault, physical, is_own ? flags : flags & ~(unsigned)PAGE_WRITE);
    status = copy_page(fault->space, physical, &copy);
    if (is_counted)
        page_unref(physical);
    return status == 0 ? install(fault, copy, flags & ~(unsigned)PAGE_KEPT) : status;
}

/* Map the pages around that the object has already, as reading one mostly goes on with the next. */
static void fill_around(const struct fault *fault) {
    struct space *space = fault->space;
    const struct area *area = fault->area;
    struct memory_object *object = area->object;
    uint64_t window = AROUND_PAGES * PAGE_BYTES, at = fault->page & ~(window - 1), pages[AROUND_PAGES] = {0};
    uint64_t start = at > area->start ? at : area->start, end = at + window < area->end ? at + window : area->end;
    unsigned flags = space_page_flags(area) & (is_shared(area) ? ~0u : ~(unsigned)PAGE_WRITE), count = 0;
    for (uint64_t page = start; page < end; page += PAGE_BYTES)
        if (page == fault->page ||
            !object->operations->find_page(object, index_of(area, page), &pages[(page - at) / PAGE_BYTES]))
            pages[(page - at) / PAGE_BYTES] = 0;
    spinlock_lock(&space->tables_lock);
    bool is_same = read_cuts(object) == fault->cuts;
    for (uint64_t page = start; is_same && page < end; page += PAGE_BYTES) {
        uint64_t *physical = &pages[(page - at) / PAGE_BYTES];
        if (*physical != 0 && page_map_one(&space->tables, page, *physical, flags) == 0) {
            *physical = 0;
            count++;
        }
    }
    spinlock_unlock(&space->tables_lock);
    __atomic_add_fetch(&space->resident, count, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < AROUND_PAGES; i++)
        if (pages[i] != 0)
            page_unref(pages[i]);
}

/* ---- faults ---- */

int space_fill(struct space *space, struct area *area, uint64_t page, uint32_t access) {
    struct fault fault = {.space = space, .area = area, .page = page, .is_write = (access & AREA_WRITE) != 0};
    int status = (access & SPACE_FAULT_PRESENT) != 0 ? mend(&fault) : TRY_AGAIN;
    while (status == TRY_AGAIN) {
        fault.cuts = read_cuts(area->object);
        if (area->object == NULL)
            status = fill_private(&fault);
        else
            status = fill_from_object(&fault);
    }
    if (status == 0 && area->object != NULL && !fault.is_write && area->object->operations->find_page != NULL)
        fill_around(&fault);
    return status;
}

/* A stack that is touched below its end grows, if nothing else comes too close. */
static int grow_stack(struct space *space, uint64_t address) {
    uint64_t start = page_of(address);
    int status = 0;
    share_lock_take_alone(&space->lock);
    struct area *area = areas_from(&space->areas, address);
    if (area == NULL || (area->start > address && (area->flags & AREA_GROWS_DOWN) == 0)) {
        status = -LINUX_EFAULT;
    } else if (area->start > address) { /* else another thread was faster */
        const struct area *before = areas_from(&space->areas, start > SPACE_STACK_GAP ? start - SPACE_STACK_GAP : 0);
        bool is_near = before != area && before->protection != 0;
        if (start < SPACE_START || is_near || area->end - start > space->limits.stack_bytes ||
            space_check_limits(space, area->start - start, area->protection, area->flags) != 0) {
            status = -LINUX_EFAULT;
        } else {
            space_uncount(space, area);
            status = areas_grow_down(&space->areas, area, start) < 0 ? -LINUX_EFAULT : 0;
            space_count(space, area);
        }
    }
    share_lock_give_up_alone(&space->lock);
    return status;
}

int space_fault(struct space *space, uint64_t address, uint32_t access) {
    int status = 0;
    if (address >= SPACE_END)
        return -LINUX_EFAULT;
    share_lock_take(&space->lock);
    struct area *area = areas_find(&space->areas, address);
    bool is_area = area != NULL;
    if (is_area)
        status = (~area->protection & access & AREA_ALL) == 0 ? space_fill(space, area, page_of(address), access)
                                                              : -LINUX_EACCES;
    share_lock_give_up(&space->lock);
    if (is_area)
        return status;
    status = grow_stack(space, address);
    return status == 0 ? space_fault(space, address, access) : status;
}

int space_populate(struct space *space, uint64_t start, uint64_t end) {
    int status = 0;
    for (uint64_t at = start; status == 0 && at < end; at += PAGE_BYTES) {
        struct page_mapping found;
        share_lock_take(&space->lock);
        struct area *area = areas_find(&space->areas, at);
        bool is_wanted = area != NULL && area->protection != 0;
        if (is_wanted) {
            spinlock_lock(&space->tables_lock);
            is_wanted = !page_find(&space->tables, at, &found);
            spinlock_unlock(&space->tables_lock);
        }
        if (is_wanted)
            status = space_fill(space, area, at, area->protection & (is_shared(area) ? AREA_READ : AREA_ALL));
        share_lock_give_up(&space->lock);
    }
    return status;
}

bool space_allows(struct space *space, uint64_t start, uint64_t size, uint32_t access) {
    bool is_allowed = start < SPACE_END && size <= SPACE_END - start;
    share_lock_take(&space->lock);
    for (uint64_t at = start; is_allowed && at < start + size;) {
        const struct area *area = areas_find(&space->areas, at);
        is_allowed = area != NULL && (~area->protection & access) == 0;
        at = is_allowed ? area->end : at;
    }
    share_lock_give_up(&space->lock);
    return is_allowed;
}
