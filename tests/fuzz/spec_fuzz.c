/*
 * Fuzz target: the binary spec. What grove_spec_check lets through must be readable by every accessor, with strings of
 * just the length that their spans say, arguments that are valid and cover themselves, and sections that lie inside.
 */
#include "grove/abi/spec.h"
#include "grove/abi/status.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static void read_span(const struct grove_spec *spec, struct grove_span span) {
    expect(strlen(grove_spec_text(spec, span)) == span.length_bytes);
}

static void read_header(const struct grove_spec *spec) {
    const struct grove_span spans[] = {
        spec->name,     spec->project,     spec->executable,         spec->directory,
        spec->manifest, spec->description, spec->readiness.argument, spec->health.argument};
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
        read_span(spec, spans[i]);
    expect(spec->name.length_bytes > 0 && spec->name.length_bytes <= GROVE_NAME_MAX);
}

static void read_capabilities(const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags = 0;
        grove_spec_capability(spec, i, &capability, &flags);
        expect(grove_argument_is_valid(&capability.argument));
        expect(grove_argument_covers(&capability.argument, &capability.argument));
    }
}

static void read_interface(const struct grove_spec *spec, const struct grove_spec_interface *interface) {
    read_span(spec, interface->name);
    expect(grove_version_compare(interface->version, interface->version) == 0);
}

static void read_tables(const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->arguments.count; i++)
        (void)strlen(grove_spec_argument(spec, i));
    for (uint32_t i = 0; i < spec->environment.count; i++)
        (void)strlen(grove_spec_environment(spec, i));
    for (uint32_t i = 0; i < spec->provides.count; i++)
        read_interface(spec, grove_spec_provided(spec, i));
    for (uint32_t i = 0; i < spec->requires.count; i++)
        read_interface(spec, grove_spec_required(spec, i));
    for (uint32_t i = 0; i < spec->methods.count; i++) {
        const struct grove_spec_method *method = grove_spec_method(spec, i);
        read_span(spec, method->name);
        read_span(spec, method->request);
        read_span(spec, method->reply);
        expect(method->interface < spec->provides.count);
    }
}

/* By each small tag, and by the tags that the table says; every byte is read. */
static void read_section(const struct grove_spec *spec, uint32_t tag) {
    uint32_t length_bytes = 0;
    const uint8_t *bytes = grove_spec_section(spec, tag, &length_bytes);
    unsigned sum = 0;
    for (uint32_t i = 0; bytes != NULL && i < length_bytes; i++)
        sum += bytes[i];
    expect(sum <= 255u * length_bytes);
    expect(bytes == NULL || (uintptr_t)bytes % 8 == 0);
}

static void read_sections(const struct grove_spec *spec) {
    for (uint32_t tag = 0; tag <= GROVE_SPEC_SECTIONS_MAX; tag++)
        read_section(spec, tag);
    if (spec->sections_offset_bytes == 0)
        return;
    const struct grove_spec_sections *sections = (const void *)((const uint8_t *)spec + spec->sections_offset_bytes);
    expect(sections->count > 0 && sections->count <= GROVE_SPEC_SECTIONS_MAX);
    for (uint32_t i = 0; i < sections->count; i++)
        read_section(spec, sections->entries[i].tag);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    /* Its own block: 8-aligned, and a read past its end is seen. */
    void *blob = calloc(1, size_bytes > 0 ? size_bytes : 1);
    const char *problem = NULL;
    if (blob == NULL)
        return 0;
    memcpy(blob, data, size_bytes);
    if (grove_spec_check(blob, size_bytes, &problem) == GROVE_OK) {
        read_header(blob);
        read_capabilities(blob);
        read_tables(blob);
        read_sections(blob);
    } else {
        expect(problem != NULL); /* a refusal explains itself */
    }
    free(blob);
    return 0;
}
