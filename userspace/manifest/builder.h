/*
 * Building a binary spec piece by piece: the manifest compiler and `grove run` both end here.
 *
 *     struct builder *builder = builder_create();
 *     builder_header(builder)->ring = 2;
 *     builder_name(builder, "grid.historian");
 *     builder_capability(builder, &capability, 0);
 *     int status = builder_finish(builder, &spec, &spec_bytes, &problem);
 *     builder_destroy(builder);
 *
 * Failures inside (memory, a table that is full) are remembered and reported by builder_finish, so that the steps need no
 * checks.
 */
#ifndef GROVE_MANIFEST_BUILDER_H
#define GROVE_MANIFEST_BUILDER_H

#include "grove/abi/spec.h"
#include "grove/abi/status.h"

struct builder;

struct builder *builder_create(void); /* NULL without memory */
void builder_destroy(struct builder *builder);
/*
 * A builder that holds what a checked spec holds, to change it. `keeps` (NULL: all) decides about each capability. NULL
 * without memory.
 */
struct builder *builder_copy(const struct grove_spec *spec,
                             bool (*keeps)(const struct grove_capability *capability, void *context), void *context);
/* Flags, ring, streams, versions, budget, schedule, restart and so on: set them in place. Tables and texts are the builder's. */
struct grove_spec *builder_header(struct builder *builder);

/* A text for a span of the header, such as header->executable. Equal texts are stored once. */
struct grove_span builder_text(struct builder *builder, const char *text);
void builder_argument(struct builder *builder, const char *text);
void builder_environment(struct builder *builder, const char *name, const char *value);
void builder_forget_environment(struct builder *builder); /* what builder_copy brought */
void builder_capability(struct builder *builder, const struct grove_capability *capability, uint16_t flags);
/* Returns the index of the interface, for builder_method. */
uint32_t builder_provides(struct builder *builder, const char *name, struct grove_version version);
void builder_requires(struct builder *builder, const char *name, struct grove_version from, struct grove_version below,
                      uint32_t flags);
void builder_method(struct builder *builder, uint32_t interface, const char *name, uint32_t number, const char *request,
                    const char *reply);

/*
 * Add a section: a copy of these bytes under a tag of enum grove_spec_section_tag (0 is none). A tag that is there already,
 * or a section too many, is a failure.
 */
void builder_section(struct builder *builder, uint32_t tag, const void *bytes, uint32_t length_bytes);

/*
 * Lay out the blob (malloc'ed, 8-aligned) and check it with grove_spec_check. *problem, if not NULL, gets a constant
 * sentence on failure: GROVE_INVALID, GROVE_TOO_LARGE, GROVE_NO_MEMORY.
 */
int builder_finish(struct builder *builder, void **spec, size_t *spec_bytes, const char **problem);

#endif
