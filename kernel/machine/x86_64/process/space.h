/*
 * A program's memory: areas, filled in page by page when they are touched, each page with a frame of its own.
 *
 * One thread at a time looks at a space or changes it. No page is writable and executable; whoever wants both gets an error.
 */
#ifndef GROVE_X86_64_SPACE_H
#define GROVE_X86_64_SPACE_H

#include "kernel/machine/bare/futex/futex.h"
#include "kernel/machine/bare/mm/areas.h"
#include "kernel/machine/x86_64/mm/page_table.h"

#include <stdbool.h>
#include <stddef.h>

#define SPACE_AREAS_MAX 4096u
#define SPACE_START UINT64_C(0x10000) /* a pointer that is nearly zero never points to anything */

struct space {
    struct futex_space futex; /* first */
    struct areas areas;
    struct page_tables tables;
};

/* An empty one. GROVE_NO_MEMORY. */
int space_create(struct space *space);
/* Gives everything back. It must not be the one in use. */
void space_destroy(struct space *space);
/* Use it on this processor; NULL for the kernel's alone. */
void space_use(const struct space *space);

/*
 * Add an area that begins with `image_bytes` bytes of `image` (which stays where it is) and goes on with zeros.
 * `protection`: enum area_protection. GROVE_INVALID, GROVE_EXISTS, GROVE_DENIED (writable and executable),
 * GROVE_EXHAUSTED (too many areas), GROVE_NO_MEMORY.
 */
int space_add(struct space *space, uint64_t start, uint64_t end, uint32_t protection, const uint8_t *image,
              uint64_t image_bytes);
/* Take everything in [start, end) away, whole pages. GROVE_NO_MEMORY, with nothing changed. */
int space_remove(struct space *space, uint64_t start, uint64_t end);
/* Give all of [start, end) this protection. GROVE_NOT_FOUND: some of it is no area; GROVE_DENIED; GROVE_NO_MEMORY. */
int space_protect(struct space *space, uint64_t start, uint64_t end, uint32_t protection);

/* Whether the program itself may touch all of it this way. */
bool space_allows(const struct space *space, uint64_t start, uint64_t size_bytes, uint32_t access);

/*
 * The page at `address` is missing, for an access of this kind: fill it in. GROVE_DENIED: there is no such memory, or the
 * access is not allowed; GROVE_NO_MEMORY.
 */
int space_fault(struct space *space, uint64_t address, uint32_t access);

#endif
