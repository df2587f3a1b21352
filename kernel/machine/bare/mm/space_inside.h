/* What the files of spaces share. Nothing but them, and objects, includes this. */
#ifndef GROVE_BARE_SPACE_INSIDE_H
#define GROVE_BARE_SPACE_INSIDE_H

#include "kernel/machine/bare/mm/space.h"

#define SPACE_STEP_BYTES (UINT64_C(256) * PAGE_BYTES) /* looked at while a spin lock is held */

static inline uint64_t page_of(uint64_t address) {
    return address & ~(PAGE_BYTES - 1);
}

static inline uint64_t pages_up(uint64_t size_bytes) {
    return (size_bytes + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
}

/* Whole pages, at least one, of what programs can have. */
static inline bool space_is_range(uint64_t start, uint64_t end) {
    return (start | end) % PAGE_BYTES == 0 && start >= SPACE_START && start < end && end <= SPACE_END;
}

static inline bool is_write_and_execute(uint32_t protection) {
    return (protection & AREA_WRITE) != 0 && (protection & AREA_EXECUTE) != 0;
}

/* The processor knows no page that can be written or executed and not read. */
static inline uint32_t with_read(uint32_t protection) {
    return protection != 0 ? protection | AREA_READ : 0;
}

/* enum page_flags for an area's pages; writing has further conditions. */
unsigned space_page_flags(const struct area *area);

/* Take the pages away that are mapped in [start, end), and give them back once all processors forgot them. */
void space_drop_pages(struct space *space, uint64_t start, uint64_t end);

/* ---- with `lock` held alone ---- */

/* The area enters or leaves the sums and the tree; a new one also its object. */
int space_check_limits(const struct space *space, uint64_t bytes, uint32_t protection, uint32_t flags);
int space_attach(struct space *space, struct area *area);
/* Without its pages, and its memory goes back. */
void space_detach(struct space *space, struct area *area);
/* Out of the sums, before something of it that counts there changes, and in again. */
void space_uncount(struct space *space, const struct area *area);
void space_count(struct space *space, const struct area *area);
/* Make the ends of the range boundaries between areas. -LINUX_ENOMEM; cutting changes nothing that a program sees. */
int space_cut_both(struct space *space, uint64_t start, uint64_t end);
/* Areas in and beside the range become one again where they are the same. */
void space_merge(struct space *space, uint64_t start, uint64_t end);
bool space_is_covered(const struct space *space, uint64_t start, uint64_t end);
int space_map_locked(struct space *space, uint64_t start, uint64_t end, uint32_t protection, uint32_t flags,
                     struct memory_object *object, uint64_t offset);
int space_remove_locked(struct space *space, uint64_t start, uint64_t end);
int space_find_room(const struct space *space, uint64_t hint, uint64_t size_bytes, uint64_t *start);

/* The lock is held, in common at least: the page, which is missing or does not allow the access, that the area does. */
int space_fill(struct space *space, struct area *area, uint64_t page, uint32_t access);

/* Words of the program, for futexes. */
extern const struct futex_memory space_futex_memory;

#endif
