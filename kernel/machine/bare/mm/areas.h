/*
 * What lies where in one program's memory: areas in the order of their addresses, in a balanced tree (tree.h).
 *
 * Each node also knows the first and the last address of the tree below it and the largest gap in there, so that room for
 * a new area is found in logarithmic time. Nothing is allocated here; the caller brings the nodes, so that what can fail is
 * done before anything is changed.
 */
#ifndef GROVE_BARE_AREAS_H
#define GROVE_BARE_AREAS_H

#include "kernel/machine/bare/tree/tree.h"

struct area {
    uint64_t start, end; /* multiples of the page; end is the first address behind it */
    uint32_t protection; /* enum area_protection, for its owner */
    const uint8_t *image; /* what its first image_bytes are filled with when they are touched; the rest with zeros */
    uint64_t image_bytes;

    struct tree_node node; /* the rest belongs to the tree */
    uint64_t first, last; /* of the tree below, this node included */
    uint64_t gap_bytes; /* the largest between two areas of that tree */
};

enum area_protection { AREA_READ = 1, AREA_WRITE = 2, AREA_EXECUTE = 4 };

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
/*
 * Cut `area` in two at `address`, a page boundary inside of it. `upper`, undefined memory of the caller's, becomes the
 * upper part, with what was its image.
 */
void areas_split(struct areas *areas, struct area *area, uint64_t address, struct area *upper);
/*
 * The highest room of size_bytes, a multiple of the page, between `low` and `high`, into *start; all areas lie in between.
 * GROVE_NO_MEMORY: there is none.
 */
int areas_find_room(const struct areas *areas, uint64_t size_bytes, uint64_t low, uint64_t high, uint64_t *start);

#endif
