/*
 * The sections HEALTH and RECOVERY of a spec, as anybody who can register a service may write them: the first byte chooses
 * the section, the rest is its bytes. What is taken must be in range.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/health_plan.h"

#define HEAD_BYTES ((sizeof(struct grove_spec) + 7) & ~(size_t)7)
#define TABLE_BYTES (sizeof(struct grove_spec_sections) + sizeof(struct grove_spec_section))

static struct grove_spec *spec_around(uint32_t tag, const uint8_t *bytes, size_t size) {
    size_t body = (HEAD_BYTES + TABLE_BYTES + 7) & ~(size_t)7, text = (body + size + 7) & ~(size_t)7;
    char *blob = calloc(1, text + 32);
    if (blob == NULL)
        return NULL;
    struct grove_spec *spec = (struct grove_spec *)(void *)blob;
    struct grove_spec_sections *table = (struct grove_spec_sections *)(void *)(blob + HEAD_BYTES);
    struct grove_table empty = {.offset_bytes = sizeof *spec};
    *spec = (struct grove_spec){.magic = GROVE_SPEC_MAGIC,
                                .version = GROVE_SPEC_VERSION,
                                .header_bytes = sizeof *spec,
                                .total_bytes = (uint32_t)text + 32,
                                .ring = 2,
                                .name = {1, 3},
                                .project = {5, 1},
                                .executable = {7, 2},
                                .text_offset_bytes = (uint32_t)text,
                                .text_bytes = 32,
                                .sections_offset_bytes = HEAD_BYTES};
    spec->capabilities = spec->arguments = spec->environment = spec->provides = spec->requires = spec->methods = empty;
    table->count = 1;
    table->entries[0] =
        (struct grove_spec_section){.tag = tag, .offset_bytes = (uint32_t)body, .length_bytes = (uint32_t)size};
    memcpy(blob + body, bytes, size);
    memcpy(blob + text, "\0a.b\0a\0/x", 10);
    return spec;
}

static void check_plans(const struct grove_spec *spec) {
    struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
    bool is_broken;
    unsigned count = health_plans(spec, plans, &is_broken);
    for (unsigned i = 0; i < count; i++)
        if (plans[i].failures == 0 || plans[i].interval_ns < HEALTH_INTERVAL_MIN_NS || plans[i].kind == 0 ||
            memchr(plans[i].name, '\0', sizeof plans[i].name) == NULL ||
            memchr(plans[i].argument, '\0', sizeof plans[i].argument) == NULL)
            abort();
}

static void check_recovery(const struct grove_spec *spec) {
    struct grove_recovery_section recovery;
    if (!health_recovery(spec, &recovery))
        return;
    for (unsigned cause = 0; cause < GROVE_RECOVERY_CAUSES; cause++)
        if (recovery.causes[cause].step_count > GROVE_RECOVERY_STEPS_MAX || recovery.causes[cause].factor_percent < 100)
            abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 || size > 16384)
        return 0;
    struct grove_spec *spec =
        spec_around(data[0] % 2 == 0 ? GROVE_SECTION_HEALTH : GROVE_SECTION_RECOVERY, data + 1, size - 1);
    if (spec == NULL)
        return 0;
    if (grove_spec_check(spec, spec->total_bytes, NULL) == 0) {
        check_plans(spec);
        check_recovery(spec);
    }
    free(spec);
    return 0;
}
