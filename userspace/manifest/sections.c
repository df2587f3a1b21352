/* See sections.h. What is absent from the manifest is no section. */
#include "userspace/manifest/sections.h"

#include <string.h>

#include "grove/registry.h"

void section_tags(const struct manifest *manifest, struct builder *builder) {
    const struct text_list *tags = &manifest->values.tags;
    _Alignas(8) char bytes[sizeof(struct grove_tags) + GROVE_TAGS_MAX * (GROVE_TAG_MAX + 1)];
    struct grove_tags *section = (void *)bytes;
    uint32_t length = sizeof *section;
    if (tags->count == 0)
        return;
    *section = (struct grove_tags){.version = GROVE_TAGS_VERSION, .count = tags->count};
    for (unsigned index = 0; index < tags->count; index++) { /* checks.c has seen that they fit */
        size_t size = strlen(tags->nodes[index]->text) + 1;
        memcpy(bytes + length, tags->nodes[index]->text, size);
        length += (uint32_t)size;
    }
    builder_section(builder, GROVE_SECTION_TAGS, bytes, length);
}
