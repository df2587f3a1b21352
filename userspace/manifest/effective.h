/*
 * The effective manifest as a tree: after drop-ins, variables, defaults and implications, each value with its origin.
 */
#ifndef GROVE_MANIFEST_EFFECTIVE_H
#define GROVE_MANIFEST_EFFECTIVE_H

#include "userspace/manifest/parts.h"

/*
 * A new map in `arena`, in the order of the format table. The origin of each text node is "FILE:LINE", "default", or
 * "implied by requires, FILE:LINE". With `defaults` also fields that nobody wrote.
 */
struct node *effective_tree(const struct manifest *manifest, bool defaults, struct arena *arena);

#endif
