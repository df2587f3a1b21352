/*
 * A program's memory: areas (areas.h), filled in page by page when they are touched. Portable: what belongs to a processor
 * is behind page_table.h and translation.h.
 *
 * Pages. A private page is shared, not writable, after a fork; whoever writes to it first gets a copy, and the last who
 * has it gets it itself: a page with one reference is its holder's alone. A page of an object in a private mapping is treated
 * the same, the object being one of those who have it. There is no page of zeros that all share: who reads a page before it
 * writes to it, which is rare, would fault twice. No page is writable and executable; whoever wants both is refused.
 *
 * Locks. `lock` is held in common while a page is filled in, and alone while areas change. Faults of several threads go on
 * beside each other and meet in `tables_lock`, a spin lock, for the few instructions in which an entry is written;
 * whoever finds that another was faster gives its page back. Pages that were taken out of the tables are given back
 * after all processors forgot them, with no spin lock held. Order: lock, mappings_lock of an object, tables_lock.
 *
 * All functions but those that say otherwise may sleep, and return 0 or the negative of an enum linux_error.
 */
#ifndef GROVE_BARE_SPACE_H
#define GROVE_BARE_SPACE_H

#include "kernel/machine/bare/futex/futex.h"
#include "kernel/machine/bare/mm/areas.h"
#include "kernel/machine/bare/mm/object.h"
#include "kernel/machine/bare/mm/page_table.h"

#include <stddef.h>

#define SPACE_AREAS_MAX 65530u
#define SPACE_START UINT64_C(0x10000) /* a pointer that is nearly zero never points to anything */
#define SPACE_END UINT64_C(0x00007ffffffff000) /* the last page of the lower half stays free */
#define SPACE_STACK_GAP (UINT64_C(256) * PAGE_BYTES) /* below a stack that grows nothing comes closer by itself */

struct space_limits {
    uint64_t bytes; /* of all areas: RLIMIT_AS */
    uint64_t data_bytes; /* private and writable, the stack left out: RLIMIT_DATA */
    uint64_t stack_bytes; /* how large an area with AREA_GROWS_DOWN may become: RLIMIT_STACK */
    uint64_t locked_bytes; /* RLIMIT_MEMLOCK; UINT64_MAX also for who may lock more */
};

struct space {
    struct futex_space futex; /* first */
    struct share_lock lock;
    struct areas areas;
    uint64_t bytes, data_bytes, locked_bytes; /* sums over the areas, for the limits */
    struct space_limits limits;
    uint64_t break_start, break_end; /* brk(2) */
    uint64_t room_end; /* room for what has no place of its own is looked for below this */
    uint32_t future; /* AREA_LOCKED, AREA_LOCKED_LATER: what mlockall wants for all areas to come */

    struct spinlock tables_lock;
    struct page_tables tables;
    uint64_t resident; /* pages that are mapped; atomic */
    struct memory_account *account; /* a holder of it; NULL: nobody is charged */
    uint64_t processors; /* a bit for each that may remember something of it; atomic, the machine's */
};

/* ---- beginning and end ---- */

/* An empty one without limits, charged to nobody, or to an account. -LINUX_ENOMEM. */
int space_create(struct space *space);
int space_create_charged(struct space *space, struct memory_account *account);
/* fork(2): `to` is undefined memory; it gets the same account. -LINUX_ENOMEM, and then there is no `to`. */
int space_fork(struct space *from, struct space *to);
/* Gives everything back. Nobody runs in it. */
void space_destroy(struct space *space);
/* Use it on this processor, with interrupts off; NULL: the kernel's alone, in which one may stay where one was. */
void space_use(struct space *space);

/* ---- areas; [start, end) is whole pages between SPACE_START and SPACE_END ---- */

/*
 * Map there, where nothing is, private memory of zeros (object NULL) or an object from `offset` on, a multiple of the page.
 * `protection`: enum area_protection, with AREA_MAY what it may become. `flags`: enum area_flags. The object's
 * reference stays the caller's. -LINUX_EEXIST; EINVAL; EACCES: writable and executable; EPERM: the object does
 * not allow it; ENOMEM: also too many areas, or a limit; EAGAIN: too much would be locked.
 */
int space_map(struct space *space, uint64_t start, uint64_t end, uint32_t protection, uint32_t flags,
              struct memory_object *object, uint64_t offset);
/* The same in place of what is there (SPACE_REPLACE), or where there is room, if possible at `hint`. */
enum space_place { SPACE_EXACTLY, SPACE_REPLACE, SPACE_ANYWHERE };
struct space_wish {
    enum space_place place;
    uint64_t start, size_bytes; /* start: a hint with SPACE_ANYWHERE */
    uint32_t protection, flags;
    struct memory_object *object;
    uint64_t offset;
};
int space_map_wish(struct space *space, const struct space_wish *wish, uint64_t *start);
/* For the first programs: what begins with bytes that stay where they are, and goes on with zeros. Errors of space_map. */
int space_add(struct space *space, uint64_t start, uint64_t end, uint32_t protection, const uint8_t *image,
              uint64_t image_bytes);
/*
 * A segment of a program: private, [start, end), which begins with size_bytes of an object from `offset` on, a multiple of the
 * page, and goes on with zeros; if it cannot be written to, the rest of the object's last page may follow instead, as on Linux.
 */
int space_map_segment(struct space *space, uint64_t start, uint64_t end, uint32_t protection,
                      struct memory_object *object, uint64_t offset, uint64_t size_bytes);
/* Take everything in [start, end) away. -LINUX_ENOMEM, with nothing changed. */
int space_remove(struct space *space, uint64_t start, uint64_t end);
/* -LINUX_ENOMEM: some of it is no area; EACCES. As on Linux what came before that has the new protection. */
int space_protect(struct space *space, uint64_t start, uint64_t end, uint32_t protection);

/* ---- pages ---- */

/*
 * An access of this kind (enum area_protection) at `address` failed: make it possible. With SPACE_FAULT_PRESENT there was a
 * page that did not allow it, which is only a hint. -LINUX_EFAULT: there is no such
 * memory; -LINUX_EACCES: that is not allowed there (both SIGSEGV); -LINUX_ENXIO: it is behind the end of what is mapped
 * (SIGBUS); -LINUX_ENOMEM: memory, or the account's budget, is exhausted.
 */
#define SPACE_FAULT_PRESENT 0x100u
int space_fault(struct space *space, uint64_t address, uint32_t access);
/* Fill in all pages that are not there. Errors of space_fault for the first that cannot be. */
int space_populate(struct space *space, uint64_t start, uint64_t end);
/* Whether the program itself may touch all of it this way. */
bool space_allows(struct space *space, uint64_t start, uint64_t size_bytes, uint32_t access);

#endif
