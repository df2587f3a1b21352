/*
 * From a tree of nodes to the C structure of a group, as format.c describes it.
 */
#ifndef GROVE_MANIFEST_DECODE_H
#define GROVE_MANIFEST_DECODE_H

#include "userspace/manifest/format.h"

/*
 * Decode `root` into `structure` (group->bytes, zeroed by the caller). Every fault is added to errors, and decoding
 * goes on; returns 0, or GROVE_INVALID if there was one. What is decoded lies in the arena and in the tree.
 */
int decode_group(const struct group *group, const struct node *root, struct arena *arena, void *structure,
                 struct manifest_errors *errors);

/* One value of a field in its written form, for defaults and tests. */
const char *decode_type_name(enum field_type type);

#endif
