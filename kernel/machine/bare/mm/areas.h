/*
 * What lies where in one program's memory: areas in the order of their addresses, in a balanced tree (tree.h).
 *
 * Each node also knows the first and the last address of the tree below it and the largest gap in there, so that room for
 * a new area is found in logarithmic time. Nothing is allocated here; the caller brings the nodes, so that what can fail is
 * done before anything is changed.
 */
#ifndef GROVE_BARE_AREAS_H
#define GROVE_BARE_AREAS_H

#include "kernel/core/list.h"
#include "kernel/machine/bare/tree/tree.h"

struct memory_object;
struct space;

struct area {
    uint64_t start, end; /* multiples of the page; end is the first address behind it */
    uint32_t protection; /* enum area_protection, for its owner */
    uint32_t protection_max; /* what it may become */
    uint32_t flags; /* enum area_flags */
    struct memory_object *object; /* what is mapped there from `offset` on; NULL: private memory of zeros */
    uint64_t offset; /* a multiple of the page */
    struct space *space; /* its owner */
    struct list mapping; /* in the object's `mappings` */

    struct tree_node node; /* the rest belongs to the tree */
    uint64_t first, last; /* of the tree below, this node included */
    uint64_t gap_bytes; /* the largest between two areas of that tree */
};

enum area_protection { AREA_READ = 1, AREA_WRITE = 2, AREA_EXECUTE = 4, AREA_ALL = 7 };
/* In a call that makes an area, beside its protection: what it may become. Without: everything. */
#define AREA_MAY(protection) ((uint32_t)(protection) << 4)
enum area_flags {
    AREA_SHARED = 1, /* what is written there goes into the object */
    AREA_GROWS_DOWN = 2, /* a stack */
    AREA_LOCKED = 4, /* all of its pages stay in memory */
    AREA_LOCKED_LATER = 8, /* once they were touched */
    AREA_NOT_FORKED = 16,
    AREA_WIPED_ON_FORK = 32, /* the child begins with zeros */
    AREA_HAS_PAGES =
        64, /* it may hold pages of its own, not the object's; set while the space's lock is held in common: atomic */
};

struct areas {
    struct tree_node *root; /* NULL for none */
    uint32_t count;
};

/* The area that holds `address`, or NULL. */
struct area *areas_find(const struct areas *areas, uint64_t address);
/* The first area that ends behind `address`: the one that holds it, or else the next; NULL if there is none. */
struct area *areas_from(const struct areas *areas, uint64_t address);
/* GROVE_EXISTS: it overlaps another; GROVE_INVALID: it is empty or not of whole pages. It stays the caller's memory. */
int areas_insert(struct areas *areas, struct area *area);
/* It must be one of them. */
void areas_remove(struct areas *areas, struct area *area);
/*
 * Let one of them reach up to `end`, a page boundary behind its own. GROVE_EXISTS: another lies there;
 * GROVE_INVALID: it is no such boundary.
 */
int areas_grow(struct areas *areas, struct area *area, uint64_t end);
/* The same downwards, for one without an object: `start` is a page boundary before its own. */
int areas_grow_down(struct areas *areas, struct area *area, uint64_t start);
/*
 * Cut `area` in two at `address`, a page boundary inside of it. `upper`, undefined memory of the caller's, becomes the
 * upper part, with its part of the object; counting that is the caller's.
 */
void areas_split(struct areas *areas, struct area *area, uint64_t address, struct area *upper);
/*
 * The highest room of size_bytes, a multiple of the page, between `low` and `high`, into *start. GROVE_NO_MEMORY: there is
 * none.
 */
int areas_find_room(const struct areas *areas, uint64_t size_bytes, uint64_t low, uint64_t high, uint64_t *start);

#endif
