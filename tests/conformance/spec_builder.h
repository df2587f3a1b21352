/*
 * Builds a binary spec (abi/spec.h) in C, for programs that start containers without a manifest.
 */
#ifndef GROVE_CONFORMANCE_SPEC_BUILDER_H
#define GROVE_CONFORMANCE_SPEC_BUILDER_H

#include "grove/grove.h"

#define SPEC_BUILDER_CAPABILITIES 16u
#define SPEC_BUILDER_ARGUMENTS 16u
#define SPEC_BUILDER_TEXT 4096u

struct spec_builder {
    struct grove_spec header;
    struct grove_spec_capability capabilities[SPEC_BUILDER_CAPABILITIES];
    struct grove_span arguments[SPEC_BUILDER_ARGUMENTS];
    char text[SPEC_BUILDER_TEXT];
    bool has_failed; /* something did not fit or was malformed; spec_finish reports it */
};

/* `name` is "project.service"; the executable becomes the first argument as well. */
void spec_begin(struct spec_builder *builder, const char *name, const char *executable);
void spec_argument(struct spec_builder *builder, const char *argument);
void spec_capability(struct spec_builder *builder, const char *text);
/* The blob is malloc'd. GROVE_INVALID with the last error of the library. */
int spec_finish(struct spec_builder *builder, void **blob, size_t *blob_bytes);

#endif
