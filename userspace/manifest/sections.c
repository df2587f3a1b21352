/* See sections.h. What is absent from the manifest is no section. */
#include "userspace/manifest/sections.h"

#include <string.h>

#include "grove/registry.h"
#include "grove/resource.h"
#include "grove/store_wire.h"

void section_tags(const struct manifest *manifest, struct builder *builder) {
    const struct text_list *tags = &manifest->values.tags;
    _Alignas(8) char bytes[sizeof(struct grove_tags) + (size_t)GROVE_TAGS_MAX * (GROVE_TAG_MAX + 1)];
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

void section_limits(const struct manifest *manifest, struct builder *builder) {
    const struct limits *limits = &manifest->values.limits;
    const struct {
        uint32_t resource;
        const struct limit *limit;
    } table[] = {
        {GROVE_RESOURCE_MEMORY, &limits->memory},       {GROVE_RESOURCE_PROCESSOR, &limits->processor},
        {GROVE_RESOURCE_PROCESSES, &limits->processes}, {GROVE_RESOURCE_SHARED, &limits->shared},
        {GROVE_RESOURCE_CHANNELS, &limits->channels},   {GROVE_RESOURCE_DISK, &limits->disk},
        {GROVE_RESOURCE_NETWORK, &limits->network},     {GROVE_RESOURCE_NETWORK_TOTAL, &limits->network_total}};
    _Alignas(8) char bytes[sizeof(struct grove_limits) + GROVE_LIMITS_MAX * sizeof(struct grove_limit)];
    struct grove_limits *section = (void *)bytes;
    *section = (struct grove_limits){.version = GROVE_LIMITS_VERSION};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        if (table[i].limit->policy != GROVE_LIMIT_TELL)
            section->limits[section->count++] = (struct grove_limit){.resource = table[i].resource,
                                                                     .policy = table[i].limit->policy,
                                                                     .after_ns = table[i].limit->after,
                                                                     .for_ns = table[i].limit->lasting,
                                                                     .to_ppm = table[i].limit->to};
    if (section->count > 0)
        builder_section(builder, GROVE_SECTION_LIMITS, bytes,
                        (uint32_t)(sizeof *section + section->count * sizeof section->limits[0]));
}

void section_store(const struct manifest *manifest, struct builder *builder) {
    const struct stored *stored = &manifest->values.store;
    if (stored->node == NULL)
        return;
    struct grove_store_section section = {.version = GROVE_STORE_SECTION_VERSION,
                                          .flags = (stored->map ? GROVE_STORE_NAMESPACE_MAP : 0u) |
                                                   (stored->events ? GROVE_STORE_NAMESPACE_EVENTS : 0u),
                                          .quota_bytes = stored->bytes,
                                          .quota_keys = (uint64_t)stored->keys};
    builder_section(builder, GROVE_SECTION_STORE, &section, sizeof section);
}
