/*
 * Reading plans: from the section, from the spec's one probe, and what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/common/health_plan.h"

/* A spec with one section behind its header, and an empty text. */
static struct grove_spec *spec_with(uint32_t tag, const void *bytes, uint32_t length_bytes) {
    const struct grove_spec_sections head = {.count = 1};
    uint32_t at = (uint32_t)(sizeof(struct grove_spec) + 7) & ~7u;
    uint32_t body = (at + (uint32_t)(sizeof head + sizeof(struct grove_spec_section)) + 7) & ~7u;
    uint32_t text = (body + length_bytes + 7) & ~7u;
    const char name[] = "\0a.b\0a\0/bin/true";
    char *blob = calloc(1, text + 64);
    assert_non_null(blob);
    struct grove_spec *spec = (struct grove_spec *)(void *)blob;
    *spec = (struct grove_spec){.magic = GROVE_SPEC_MAGIC,
                                .version = GROVE_SPEC_VERSION,
                                .header_bytes = sizeof *spec,
                                .total_bytes = text + 64,
                                .ring = 2,
                                .name = {1, 3},
                                .project = {5, 1},
                                .executable = {7, 9},
                                .text_offset_bytes = text,
                                .text_bytes = 64,
                                .sections_offset_bytes = tag == 0 ? 0 : at};
    struct grove_table empty = {.offset_bytes = sizeof *spec};
    spec->capabilities = spec->arguments = spec->environment = spec->provides = spec->requires = spec->methods = empty;
    struct grove_spec_section entry = {.tag = tag, .offset_bytes = body, .length_bytes = length_bytes};
    memcpy(blob + at, &head, sizeof head);
    memcpy(blob + at + sizeof head, &entry, sizeof entry);
    memcpy(blob + body, bytes, length_bytes);
    memcpy(blob + text, name, sizeof name);
    const char *problem = "";
    if (grove_spec_check(spec, spec->total_bytes, &problem) < 0)
        fail_msg("%s", problem);
    return spec;
}

struct section {
    struct grove_health_section head;
    struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX + 1];
};

static struct section two(void) {
    return (struct section){.head = {.version = GROVE_HEALTH_VERSION, .count = 2},
                            .plans = {{.kind = GROVE_CHECK_HEARTBEAT, .name = "one"},
                                      {.kind = GROVE_CHECK_HTTP, .name = "two", .severity = GROVE_SEVERITY_CRITICAL}}};
}

static unsigned read_section(const struct section *section, uint32_t bytes, bool *is_broken,
                             struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX]) {
    struct grove_spec *spec = spec_with(GROVE_SECTION_HEALTH, section, bytes);
    unsigned count = health_plans(spec, plans, is_broken);
    free(spec);
    return count;
}

#define BYTES_OF(count) ((uint32_t)(sizeof(struct grove_health_section) + (count) * sizeof(struct grove_health_plan)))

static void plans_are_read_and_completed(void **state) {
    (void)state;
    struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
    struct section section = two();
    bool is_broken = true;
    assert_int_equal(read_section(&section, BYTES_OF(2), &is_broken, plans), 2);
    assert_false(is_broken);
    assert_string_equal(plans[0].name, "one");
    assert_int_equal(plans[0].failures, 3);
    assert_int_equal(plans[0].timeout_ns, 2 * GROVE_SECOND);
    assert_int_equal(plans[0].interval_ns, 10 * GROVE_SECOND);
    assert_int_equal(plans[0].severity, GROVE_SEVERITY_WARNING);
    assert_int_equal(plans[1].severity, GROVE_SEVERITY_CRITICAL);
}

static void broken_sections_are_refused_as_a_whole(void **state) {
    (void)state;
    for (unsigned which = 0; which < 10; which++) {
        struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
        struct section section = two();
        uint32_t bytes = BYTES_OF(2);
        bool is_broken = false;
        switch (which) {
        case 0:
            section.head.version = 9;
            break;
        case 1:
            section.head.count = 3;
            break;
        case 2:
            section.head.count = 1;
            break;
        case 3:
            section.head.count = GROVE_HEALTH_CHECKS_MAX + 1;
            bytes = BYTES_OF(17);
            break;
        case 4:
            bytes = 4;
            break;
        case 5:
            section.plans[1].kind = 99;
            break;
        case 6:
            memcpy(section.plans[1].name, section.plans[0].name, sizeof section.plans[0].name);
            break;
        case 7:
            memset(section.plans[1].name, 'x', sizeof section.plans[1].name);
            break;
        case 8:
            memset(section.plans[0].argument, 'x', sizeof section.plans[0].argument);
            break;
        case 9:
            section.plans[0].interval_ns = 1;
            break;
        default:
            break;
        }
        if (read_section(&section, bytes, &is_broken, plans) != 0 || !is_broken)
            fail_msg("case %u was taken", which);
    }
}

static void the_one_probe_counts_without_a_section(void **state) {
    (void)state;
    struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
    bool is_broken = true;
    struct grove_spec *spec = spec_with(0, "", 0);
    assert_int_equal(health_plans(spec, plans, &is_broken), 0);
    assert_false(is_broken);
    spec->health = (struct grove_probe){.kind = GROVE_HEALTH_PING, .failures = 5};
    assert_int_equal(health_plans(spec, plans, &is_broken), 1);
    assert_int_equal(plans[0].kind, GROVE_CHECK_HEARTBEAT);
    assert_string_equal(plans[0].name, "heartbeat");
    assert_int_equal(plans[0].failures, 5);
    assert_int_equal(plans[0].severity, GROVE_SEVERITY_CRITICAL);
    free(spec);
}

static void recovery_is_all_or_nothing(void **state) {
    (void)state;
    struct grove_recovery_section made = {.version = GROVE_HEALTH_VERSION}, found;
    for (unsigned cause = 0; cause < GROVE_RECOVERY_CAUSES; cause++)
        made.causes[cause] = (struct grove_recovery_policy){
            .factor_percent = 200, .restarts = cause, .step_count = 1, .steps = {GROVE_STEP_TREE}};
    struct grove_spec *spec = spec_with(GROVE_SECTION_RECOVERY, &made, sizeof made);
    assert_true(health_recovery(spec, &found));
    assert_memory_equal(&made, &found, sizeof made);
    free(spec);
    spec = spec_with(GROVE_SECTION_RECOVERY, &made, sizeof made - 8);
    assert_false(health_recovery(spec, &found));
    free(spec);
    for (unsigned which = 0; which < 5; which++) {
        struct grove_recovery_section bad = made;
        switch (which) {
        case 0:
            bad.version = 2;
            break;
        case 1:
            bad.causes[3].factor_percent = 99;
            break;
        case 2:
            bad.causes[0].step_count = GROVE_RECOVERY_STEPS_MAX + 1;
            break;
        case 3:
            bad.causes[1].steps[0] = GROVE_RECOVERY_STEPS;
            break;
        case 4:
            bad.causes[2].delay_ns = UINT64_MAX;
            break;
        default:
            break;
        }
        spec = spec_with(GROVE_SECTION_RECOVERY, &bad, sizeof bad);
        assert_false(health_recovery(spec, &found));
        free(spec);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_are_read_and_completed),
        cmocka_unit_test(broken_sections_are_refused_as_a_whole),
        cmocka_unit_test(the_one_probe_counts_without_a_section),
        cmocka_unit_test(recovery_is_all_or_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
