/*
 * What a manifest says to one system service alone, written as that service's section of the spec.
 */
#ifndef GROVE_MANIFEST_SECTIONS_H
#define GROVE_MANIFEST_SECTIONS_H

#include "userspace/manifest/builder.h"
#include "userspace/manifest/parts.h"

/* GROVE_SECTION_TAGS, for the registry. */
void section_tags(const struct manifest *manifest, struct builder *builder);
/* GROVE_SECTION_LIMITS, for the resource service. */
void section_limits(const struct manifest *manifest, struct builder *builder);

/* GROVE_SECTION_STORE, for the store. */
void section_store(const struct manifest *manifest, struct builder *builder);

#endif
