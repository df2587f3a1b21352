/*
 * Tables of fixed entries, sections of bytes and one text, joined at the end: header, tables, sections (8-aligned), text.
 */
#include "userspace/manifest/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum table {
    TABLE_CAPABILITIES,
    TABLE_ARGUMENTS,
    TABLE_ENVIRONMENT,
    TABLE_PROVIDES,
    TABLE_REQUIRES,
    TABLE_METHODS,
    TABLE_COUNT,
};

static const struct {
    size_t entry_bytes;
    uint32_t maximum;
    size_t header_offset; /* of the struct grove_table */
    const char *too_many;
} tables[TABLE_COUNT] = {
    [TABLE_CAPABILITIES] = {sizeof(struct grove_spec_capability), GROVE_SPEC_CAPABILITIES_MAX,
                            offsetof(struct grove_spec, capabilities), "there are more than 256 capabilities"},
    [TABLE_ARGUMENTS] = {sizeof(struct grove_span), GROVE_SPEC_ARGUMENTS_MAX, offsetof(struct grove_spec, arguments),
                         "there are more than 256 arguments"},
    [TABLE_ENVIRONMENT] = {sizeof(struct grove_span), GROVE_SPEC_ENVIRONMENT_MAX,
                           offsetof(struct grove_spec, environment), "there are more than 256 environment variables"},
    [TABLE_PROVIDES] = {sizeof(struct grove_spec_interface), GROVE_SPEC_INTERFACES_MAX,
                        offsetof(struct grove_spec, provides), "more than 64 interfaces are provided"},
    [TABLE_REQUIRES] = {sizeof(struct grove_spec_interface), GROVE_SPEC_INTERFACES_MAX,
                        offsetof(struct grove_spec, requires), "more than 64 interfaces are required"},
    [TABLE_METHODS] = {sizeof(struct grove_spec_method), GROVE_SPEC_METHODS_MAX, offsetof(struct grove_spec, methods),
                       "there are more than 128 methods"},
};

/* Entries of one table, grown by doubling up to its maximum. */
struct rows {
    char *bytes;
    uint32_t count, room;
};

struct section {
    uint32_t tag, length_bytes;
    char *bytes; /* its own */
};

struct builder {
    struct grove_spec header;
    struct rows rows[TABLE_COUNT];
    struct section sections[GROVE_SPEC_SECTIONS_MAX];
    uint32_t section_count;
    char *text;
    uint32_t text_bytes, text_room;
    int status;
    const char *problem;
};

static void fail(struct builder *builder, int status, const char *problem) {
    if (builder->status == 0) {
        builder->status = status;
        builder->problem = problem;
    }
}

struct builder *builder_create(void) {
    struct builder *builder = calloc(1, sizeof(*builder));
    if (!builder)
        return NULL;
    builder->header.magic = GROVE_SPEC_MAGIC;
    builder->header.version = GROVE_SPEC_VERSION;
    builder->header.header_bytes = sizeof(struct grove_spec);
    builder->header.ring = 2;
    builder->header.phase = 7;
    builder_text(builder, ""); /* spans that are never set are all zero: an empty text stands there */
    return builder;
}

void builder_destroy(struct builder *builder) {
    if (!builder)
        return;
    for (unsigned i = 0; i < TABLE_COUNT; i++)
        free(builder->rows[i].bytes);
    for (uint32_t i = 0; i < builder->section_count; i++)
        free(builder->sections[i].bytes);
    free(builder->text);
    free(builder);
}

struct grove_spec *builder_header(struct builder *builder) {
    return &builder->header;
}

/* Where a text of this length stands already with a zero byte behind it; UINT32_MAX if nowhere. */
static uint32_t find_text(const struct builder *builder, const char *text, uint32_t length) {
    for (uint32_t at = 0; at + length < builder->text_bytes; at++)
        if (builder->text[at] == text[0] && !memcmp(builder->text + at, text, length + 1))
            return at;
    return UINT32_MAX;
}

static bool grow_text(struct builder *builder, uint32_t more) {
    if (more > GROVE_SPEC_BYTES_MAX - builder->text_bytes) {
        fail(builder, GROVE_TOO_LARGE, "its texts are longer than 64 KiB in all");
        return false;
    }
    if (builder->text_bytes + more <= builder->text_room)
        return true;
    uint32_t room = builder->text_bytes + more + 4096;
    char *grown = realloc(builder->text, room);
    if (!grown) {
        fail(builder, GROVE_NO_MEMORY, "memory is exhausted");
        return false;
    }
    builder->text = grown;
    builder->text_room = room;
    return true;
}

struct grove_span builder_text(struct builder *builder, const char *text) {
    size_t length = strlen(text);
    if (length >= GROVE_SPEC_BYTES_MAX) {
        fail(builder, GROVE_TOO_LARGE, "its texts are longer than 64 KiB in all");
        return (struct grove_span){0, 0};
    }
    uint32_t length_bytes = (uint32_t)length, at = find_text(builder, text, length_bytes);
    if (at == UINT32_MAX) {
        if (!grow_text(builder, length_bytes + 1))
            return (struct grove_span){0, 0};
        at = builder->text_bytes;
        memcpy(builder->text + at, text, length_bytes + 1);
        builder->text_bytes += length_bytes + 1;
    }
    return (struct grove_span){at, length_bytes};
}

static void add_row(struct builder *builder, enum table table, const void *row) {
    struct rows *rows = &builder->rows[table];
    size_t entry_bytes = tables[table].entry_bytes;
    if (rows->count == tables[table].maximum) {
        fail(builder, GROVE_TOO_LARGE, tables[table].too_many);
        return;
    }
    if (rows->count == rows->room) {
        uint32_t room = rows->room ? 2 * rows->room : 16;
        char *grown = realloc(rows->bytes, room * entry_bytes);
        if (!grown) {
            fail(builder, GROVE_NO_MEMORY, "memory is exhausted");
            return;
        }
        rows->bytes = grown;
        rows->room = room;
    }
    memcpy(rows->bytes + rows->count * entry_bytes, row, entry_bytes);
    rows->count++;
}

void builder_argument(struct builder *builder, const char *text) {
    struct grove_span span = builder_text(builder, text);
    add_row(builder, TABLE_ARGUMENTS, &span);
}

void builder_environment(struct builder *builder, const char *name, const char *value) {
    char *text;
    if (asprintf(&text, "%s=%s", name, value) < 0) {
        fail(builder, GROVE_NO_MEMORY, "memory is exhausted");
        return;
    }
    struct grove_span span = builder_text(builder, text);
    free(text);
    add_row(builder, TABLE_ENVIRONMENT, &span);
}

void builder_forget_environment(struct builder *builder) {
    builder->rows[TABLE_ENVIRONMENT].count = 0;
}

void builder_capability(struct builder *builder, const struct grove_capability *capability, uint16_t flags) {
    const struct grove_argument *argument = &capability->argument;
    struct grove_spec_capability row = {
        .kind = capability->kind, .rights = capability->rights, .argument_kind = argument->kind, .flags = flags};
    if (argument->kind == GROVE_ARGUMENT_ADDRESS)
        row.address = argument->value.address;
    else if (argument->kind == GROVE_ARGUMENT_QUANTITY)
        row.quantity = argument->value.quantity;
    else if (argument->kind != GROVE_ARGUMENT_NONE) {
        char text[GROVE_ARGUMENT_TEXT_MAX + 1];
        memcpy(text, argument->value.text, argument->length_bytes);
        text[argument->length_bytes] = '\0';
        row.text = builder_text(builder, text);
    }
    add_row(builder, TABLE_CAPABILITIES, &row);
}

uint32_t builder_provides(struct builder *builder, const char *name, struct grove_version version) {
    const struct grove_spec_interface row = {.name = builder_text(builder, name), .version = version};
    add_row(builder, TABLE_PROVIDES, &row);
    return builder->rows[TABLE_PROVIDES].count - 1;
}

void builder_requires(struct builder *builder, const char *name, struct grove_version from, struct grove_version below,
                      uint32_t flags) {
    const struct grove_spec_interface row = {
        .name = builder_text(builder, name), .version = from, .below = below, .flags = flags};
    add_row(builder, TABLE_REQUIRES, &row);
}

void builder_method(struct builder *builder, uint32_t interface, const char *name, uint32_t number, const char *request,
                    const char *reply) {
    const struct grove_spec_method row = {.name = builder_text(builder, name),
                                          .request = builder_text(builder, request),
                                          .reply = builder_text(builder, reply),
                                          .method = number,
                                          .interface = interface};
    add_row(builder, TABLE_METHODS, &row);
}

static bool has_section(const struct builder *builder, uint32_t tag) {
    for (uint32_t i = 0; i < builder->section_count; i++)
        if (builder->sections[i].tag == tag)
            return true;
    return false;
}

void builder_section(struct builder *builder, uint32_t tag, const void *bytes, uint32_t length_bytes) {
    if (tag == 0 || has_section(builder, tag)) {
        fail(builder, GROVE_INVALID, "a section has no tag, or the tag of another one");
        return;
    }
    if (builder->section_count == GROVE_SPEC_SECTIONS_MAX) {
        fail(builder, GROVE_TOO_LARGE, "there are more than 16 sections");
        return;
    }
    struct section *section = &builder->sections[builder->section_count];
    section->bytes = malloc(length_bytes ? length_bytes : 1);
    if (!section->bytes) {
        fail(builder, GROVE_NO_MEMORY, "memory is exhausted");
        return;
    }
    if (length_bytes)
        memcpy(section->bytes, bytes, length_bytes);
    section->tag = tag;
    section->length_bytes = length_bytes;
    builder->section_count++;
}

static void copy_sections(struct builder *builder, const struct grove_spec *spec) {
    if (!spec->sections_offset_bytes)
        return;
    const struct grove_spec_sections *sections = (const void *)((const char *)spec + spec->sections_offset_bytes);
    for (uint32_t i = 0; i < sections->count; i++)
        builder_section(builder, sections->entries[i].tag, (const char *)spec + sections->entries[i].offset_bytes,
                        sections->entries[i].length_bytes);
}

static void copy_capabilities(struct builder *builder, const struct grove_spec *spec,
                              bool (*keeps)(const struct grove_capability *capability, void *context), void *context) {
    for (uint32_t i = 0; i < spec->capabilities.count; i++) {
        struct grove_capability capability;
        uint16_t flags;
        grove_spec_capability(spec, i, &capability, &flags);
        if (!keeps || keeps(&capability, context))
            builder_capability(builder, &capability, flags);
    }
}

static void copy_program(struct builder *builder, const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->arguments.count; i++)
        builder_argument(builder, grove_spec_argument(spec, i));
    for (uint32_t i = 0; i < spec->environment.count; i++) {
        struct grove_span span = builder_text(builder, grove_spec_environment(spec, i));
        add_row(builder, TABLE_ENVIRONMENT, &span);
    }
}

static void copy_interfaces(struct builder *builder, const struct grove_spec *spec) {
    for (uint32_t i = 0; i < spec->provides.count; i++) {
        const struct grove_spec_interface *provided = grove_spec_provided(spec, i);
        builder_provides(builder, grove_spec_text(spec, provided->name), provided->version);
    }
    for (uint32_t i = 0; i < spec->requires.count; i++) {
        const struct grove_spec_interface *required = grove_spec_required(spec, i);
        builder_requires(builder, grove_spec_text(spec, required->name), required->version, required->below,
                         required->flags);
    }
    for (uint32_t i = 0; i < spec->methods.count; i++) {
        const struct grove_spec_method *method = grove_spec_method(spec, i);
        builder_method(builder, method->interface, grove_spec_text(spec, method->name), method->method,
                       grove_spec_text(spec, method->request), grove_spec_text(spec, method->reply));
    }
}

struct builder *builder_copy(const struct grove_spec *spec,
                             bool (*keeps)(const struct grove_capability *capability, void *context), void *context) {
    struct builder *builder = builder_create();
    if (!builder)
        return NULL;
    builder->header = *spec;
    struct grove_span *const spans[] = {&builder->header.name,
                                        &builder->header.project,
                                        &builder->header.executable,
                                        &builder->header.directory,
                                        &builder->header.manifest,
                                        &builder->header.description,
                                        &builder->header.readiness.argument,
                                        &builder->header.health.argument};
    for (size_t i = 0; i < sizeof(spans) / sizeof(spans[0]); i++)
        *spans[i] = builder_text(builder, grove_spec_text(spec, *spans[i]));
    copy_program(builder, spec);
    copy_capabilities(builder, spec, keeps, context);
    copy_interfaces(builder, spec);
    copy_sections(builder, spec);
    return builder;
}

static size_t aligned(size_t offset_bytes) {
    return (offset_bytes + 7) & ~(size_t)7;
}

/* How much the table of sections and the sections take. */
static size_t sections_bytes(const struct builder *builder) {
    if (builder->section_count == 0)
        return 0;
    size_t bytes = sizeof(struct grove_spec_sections) + builder->section_count * sizeof(struct grove_spec_section);
    for (uint32_t i = 0; i < builder->section_count; i++)
        bytes += aligned(builder->sections[i].length_bytes);
    return bytes;
}

/* Offsets of all parts; returns the size of the whole. */
static size_t lay_out(struct builder *builder) {
    size_t offset = sizeof(struct grove_spec);
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        struct grove_table *table = (struct grove_table *)(void *)((char *)&builder->header + tables[i].header_offset);
        offset = aligned(offset);
        table->offset_bytes = (uint32_t)offset;
        table->count = builder->rows[i].count;
        offset += tables[i].entry_bytes * builder->rows[i].count;
    }
    offset = aligned(offset);
    builder->header.sections_offset_bytes = builder->section_count ? (uint32_t)offset : 0;
    offset += sections_bytes(builder);
    builder->header.text_offset_bytes = (uint32_t)offset;
    builder->header.text_bytes = builder->text_bytes;
    offset = aligned(offset + builder->text_bytes);
    builder->header.total_bytes = (uint32_t)offset;
    return offset;
}

static void write_sections(const struct builder *builder, char *blob) {
    struct grove_spec_sections *table = (void *)(blob + builder->header.sections_offset_bytes);
    size_t offset = builder->header.sections_offset_bytes + sizeof(*table) +
                    builder->section_count * sizeof(struct grove_spec_section);
    table->count = builder->section_count;
    for (uint32_t i = 0; i < builder->section_count; i++) {
        const struct section *section = &builder->sections[i];
        table->entries[i] = (struct grove_spec_section){section->tag, (uint32_t)offset, section->length_bytes, 0};
        memcpy(blob + offset, section->bytes, section->length_bytes);
        offset += aligned(section->length_bytes);
    }
}

static void write_blob(const struct builder *builder, char *blob) {
    memcpy(blob, &builder->header, sizeof(builder->header));
    for (unsigned i = 0; i < TABLE_COUNT; i++) {
        const struct grove_table *table =
            (const struct grove_table *)(const void *)((const char *)&builder->header + tables[i].header_offset);
        if (table->count)
            memcpy(blob + table->offset_bytes, builder->rows[i].bytes, tables[i].entry_bytes * table->count);
    }
    if (builder->section_count)
        write_sections(builder, blob);
    memcpy(blob + builder->header.text_offset_bytes, builder->text, builder->text_bytes);
}

int builder_finish(struct builder *builder, void **spec, size_t *spec_bytes, const char **problem) {
    const char *sentence = NULL;
    char *blob = NULL;
    size_t size_bytes = lay_out(builder);
    if (size_bytes > GROVE_SPEC_BYTES_MAX)
        fail(builder, GROVE_TOO_LARGE, "compiled it is larger than 64 KiB");
    if (builder->status == 0 && !(blob = calloc(1, size_bytes)))
        fail(builder, GROVE_NO_MEMORY, "memory is exhausted");
    int status = builder->status;
    if (status == 0) {
        write_blob(builder, blob);
        status = grove_spec_check(blob, size_bytes, &sentence);
    }
    if (status < 0) {
        free(blob);
        if (problem)
            *problem = builder->problem ? builder->problem : sentence ? sentence : "it is no valid spec";
        return status;
    }
    *spec = blob;
    *spec_bytes = size_bytes;
    return 0;
}
