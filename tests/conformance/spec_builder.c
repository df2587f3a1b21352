#include "tests/conformance/spec_builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct grove_span put(struct spec_builder *builder, const char *text, size_t length_bytes) {
    uint32_t used = builder->header.text_bytes;
    if (used + length_bytes + 1 > sizeof builder->text) {
        builder->has_failed = true;
        return (struct grove_span){0};
    }
    memcpy(builder->text + used, text, length_bytes);
    builder->text[used + length_bytes] = '\0';
    builder->header.text_bytes = used + (uint32_t)length_bytes + 1;
    return (struct grove_span){.offset_bytes = used, .length_bytes = (uint32_t)length_bytes};
}

void spec_begin(struct spec_builder *builder, const char *name, const char *executable) {
    *builder = (struct spec_builder){0};
    struct grove_spec *header = &builder->header;
    put(builder, "", 0); /* the empty text stands at offset 0, for every span left at zero */
    header->magic = GROVE_SPEC_MAGIC;
    header->version = GROVE_SPEC_VERSION;
    header->header_bytes = sizeof *header;
    header->flags = GROVE_SPEC_NATIVE;
    header->ring = 2;
    header->stream_in = GROVE_STREAM_NULL;
    header->stream_error = GROVE_STREAM_PASSED;
    header->service_version = (struct grove_version){.major = 1};
    header->name = put(builder, name, strlen(name));
    header->project = put(builder, name, strcspn(name, "."));
    header->executable = put(builder, executable, strlen(executable));
    header->stop_timeout_ns = 2 * GROVE_SECOND;
    spec_argument(builder, executable);
}

void spec_argument(struct spec_builder *builder, const char *argument) {
    if (builder->header.arguments.count == SPEC_BUILDER_ARGUMENTS)
        builder->has_failed = true;
    else
        builder->arguments[builder->header.arguments.count++] = put(builder, argument, strlen(argument));
}

void spec_capability(struct spec_builder *builder, const char *text) {
    struct grove_capability parsed;
    if (builder->header.capabilities.count == SPEC_BUILDER_CAPABILITIES || grove_capability_parse(text, &parsed) < 0) {
        builder->has_failed = true;
        return;
    }
    struct grove_spec_capability *entry = &builder->capabilities[builder->header.capabilities.count++];
    entry->kind = parsed.kind;
    entry->rights = parsed.rights;
    entry->argument_kind = parsed.argument.kind;
    if (parsed.argument.kind == GROVE_ARGUMENT_ADDRESS)
        entry->address = parsed.argument.value.address;
    else if (parsed.argument.kind == GROVE_ARGUMENT_QUANTITY)
        entry->quantity = parsed.argument.value.quantity;
    else if (parsed.argument.kind != GROVE_ARGUMENT_NONE)
        entry->text = put(builder, parsed.argument.value.text, parsed.argument.length_bytes);
}

int spec_finish(struct spec_builder *builder, void **blob, size_t *blob_bytes) {
    struct grove_spec *header = &builder->header;
    size_t capabilities_bytes = header->capabilities.count * sizeof builder->capabilities[0];
    size_t arguments_bytes = header->arguments.count * sizeof builder->arguments[0];
    header->capabilities.offset_bytes = sizeof *header;
    header->arguments.offset_bytes = (uint32_t)(sizeof *header + capabilities_bytes);
    header->text_offset_bytes = (uint32_t)(sizeof *header + capabilities_bytes + arguments_bytes);
    header->environment.offset_bytes = header->provides.offset_bytes = header->requires.offset_bytes =
        header->methods.offset_bytes = sizeof *header;
    header->total_bytes = header->text_offset_bytes + header->text_bytes;
    char *made = builder->has_failed ? NULL : calloc(1, header->total_bytes);
    if (made == NULL)
        return GROVE_INVALID;
    memcpy(made, header, sizeof *header);
    memcpy(made + header->capabilities.offset_bytes, builder->capabilities, capabilities_bytes);
    memcpy(made + header->arguments.offset_bytes, builder->arguments, arguments_bytes);
    memcpy(made + header->text_offset_bytes, builder->text, header->text_bytes);
    const char *problem = NULL;
    if (grove_spec_check(made, header->total_bytes, &problem) < 0) {
        fprintf(stderr, "spec_builder: %s\n", problem != NULL ? problem : "malformed");
        free(made);
        return GROVE_INVALID;
    }
    *blob = made;
    *blob_bytes = header->total_bytes;
    return 0;
}
