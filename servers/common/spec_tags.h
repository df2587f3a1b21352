/*
 * The tags of a spec: section GROVE_SECTION_TAGS, as grove/registry.h lays it out.
 */
#ifndef SERVERS_SPEC_TAGS_H
#define SERVERS_SPEC_TAGS_H

#include <stdbool.h>

#include "grove/registry.h"

/* NULL, or a constant sentence that says what is wrong with the section. A spec without one is good. */
const char *spec_tags_fault(const struct grove_spec *spec);
/* The first tag (`tag` NULL), or the one after `tag`; NULL at the end. The spec has passed spec_tags_fault. */
const char *spec_tags_next(const struct grove_spec *spec, const char *tag);
/* Is this a tag? */
bool spec_tag_is_valid(const char *tag);

#endif
