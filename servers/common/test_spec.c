/*
 * Header, two tables, text.
 */
#include "servers/common/test_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TEXT_BYTES 4096u

struct text {
    char bytes[TEXT_BYTES];
    uint32_t used;
};

static struct grove_span put(struct text *text, const char *word) {
    uint32_t length = (uint32_t)strlen(word);
    struct grove_span span = {text->used, length};
    if (text->used + length + 1 > TEXT_BYTES)
        abort();
    memcpy(text->bytes + text->used, word, length + 1);
    text->used += length + 1;
    return span;
}

static uint32_t fill(struct text *text, const struct test_interface *from, struct grove_spec_interface *to) {
    uint32_t count = 0;
    for (; from != NULL && from->name != NULL; from++)
        to[count++] = (struct grove_spec_interface){
            .name = put(text, from->name), .version = from->version, .below = from->below, .flags = from->flags};
    return count;
}

struct grove_spec *test_spec(const char *name, const struct test_interface *provides,
                             const struct test_interface *requires) {
    struct text text = {.used = 0};
    struct grove_spec_interface tables[2 * GROVE_SPEC_INTERFACES_MAX] = {0};
    const char *dot = strchr(name, '.');
    char project[GROVE_NAME_MAX + 1];
    (void)snprintf(project, sizeof project, "%.*s", dot == NULL ? 0 : (int)(dot - name), name);
    (void)put(&text, "");
    struct grove_spec header = {
        .magic = GROVE_SPEC_MAGIC,
        .version = GROVE_SPEC_VERSION,
        .header_bytes = sizeof header,
        .ring = 2,
        .service_version = {1, 0, 0, 0},
        .name = put(&text, name),
        .project = put(&text, project),
        .executable = put(&text, "/bin/true"),
    };
    header.provides.count = fill(&text, provides, tables);
    header.requires.count = fill(&text, requires, tables + header.provides.count);
    size_t provides_bytes = header.provides.count * sizeof tables[0];
    size_t tables_bytes = provides_bytes + header.requires.count * sizeof tables[0];
    struct grove_table empty = {.offset_bytes = sizeof header};
    header.capabilities = header.arguments = header.environment = header.methods = empty;
    header.provides.offset_bytes = sizeof header;
    header.requires.offset_bytes = (uint32_t)(sizeof header + provides_bytes);
    header.text_offset_bytes = (uint32_t)(sizeof header + tables_bytes);
    header.text_bytes = text.used;
    header.total_bytes = header.text_offset_bytes + header.text_bytes;
    char *blob = calloc(1, header.total_bytes);
    if (blob == NULL)
        abort();
    memcpy(blob, &header, sizeof header);
    memcpy(blob + sizeof header, tables, tables_bytes);
    memcpy(blob + header.text_offset_bytes, text.bytes, text.used);
    return (struct grove_spec *)(void *)blob;
}
