/* The beginning, the end and the copy of a program's memory: see space.h. */
#include "kernel/machine/bare/mm/space.h"

#include "kernel/machine/bare/mm/space_inside.h"
#include "kernel/machine/bare/mm/translation.h"
#include "kernel/services/vfs/errors.h"

/* ---- tables ---- */

static int take_table(void *context, uint64_t *physical) {
    return page_take(context, PAGE_ZEROED, physical);
}

static void give_table_back(void *context, uint64_t physical) {
    (void)context;
    page_unref(physical);
}

static uint64_t *view_table(void *context, uint64_t physical) {
    (void)context;
    return memory_view(physical);
}

static const struct page_table_memory table_memory = {
    .take = take_table, .give_back = give_table_back, .view = view_table};

/* ---- beginning and end ---- */

int space_create_charged(struct space *space, struct memory_account *account) {
    *space = (struct space){.futex = {.memory = &space_futex_memory},
                            .limits = {UINT64_MAX, UINT64_MAX, UINT64_MAX, UINT64_MAX},
                            .room_end = SPACE_END,
                            .tables = {.memory = &table_memory, .context = account},
                            .account = account};
    if (page_tables_create(&space->tables) < 0)
        return -LINUX_ENOMEM;
    if (account != NULL)
        memory_account_ref(account);
    return 0;
}

int space_create(struct space *space) {
    return space_create_charged(space, NULL);
}

void space_destroy(struct space *space) {
    struct area *area;
    translation_leave(space);
    while ((area = areas_from(&space->areas, 0)) != NULL)
        space_detach(space, area);
    page_clear_lower_half(&space->tables, page_unref);
    page_tables_destroy(&space->tables);
    if (space->account != NULL)
        memory_account_unref(space->account);
}

/* ---- fork ---- */

/* In pieces, since it is done with a spin lock held. The new space is nobody else's yet. */
static int copy_pages(struct space *from, struct space *to, const struct area *area) {
    int status = 0;
    for (uint64_t at = area->start; status == 0 && at < area->end;) {
        uint64_t count = 0;
        spinlock_lock(&from->tables_lock);
        at = page_next(&from->tables, at, area->end);
        uint64_t next = area->end - at < SPACE_STEP_BYTES ? area->end : at + SPACE_STEP_BYTES;
        status = page_copy_range(&from->tables, &to->tables, at, next, page_ref, &count);
        spinlock_unlock(&from->tables_lock);
        to->resident += count;
        at = next;
    }
    return status < 0 ? -LINUX_ENOMEM : 0;
}

/* What is an object's alone is found again when it is touched. */
static bool has_own_pages(const struct area *area) {
    return (area->flags & (AREA_SHARED | AREA_WIPED_ON_FORK)) == 0 && (area->flags & AREA_HAS_PAGES) != 0;
}

static int copy_area(struct space *from, struct space *to, const struct area *area) {
    struct area *copy = memory_take(sizeof(*copy));
    if (copy == NULL)
        return -LINUX_ENOMEM;
    *copy = *area;
    copy->space = to;
    copy->flags &= ~(uint32_t)(AREA_LOCKED | AREA_LOCKED_LATER);
    int status = space_attach(to, copy);
    return status == 0 && has_own_pages(area) ? copy_pages(from, to, area) : status;
}

int space_fork(struct space *from, struct space *to) {
    int status = space_create_charged(to, from->account);
    if (status != 0)
        return status;
    share_lock_take_alone(&from->lock);
    to->limits = from->limits;
    to->room_end = from->room_end;
    to->break_start = from->break_start;
    to->break_end = from->break_end;
    for (struct area *area = areas_from(&from->areas, 0); status == 0 && area != NULL;
         area = areas_from(&from->areas, area->end))
        if ((area->flags & AREA_NOT_FORKED) == 0)
            status = copy_area(from, to, area);
    translation_forget(from, SPACE_START, SPACE_END); /* no thread writes to what is shared from now on */
    share_lock_give_up_alone(&from->lock);
    if (status != 0)
        space_destroy(to);
    return status;
}
