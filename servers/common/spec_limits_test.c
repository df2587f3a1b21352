/* Limits in a spec: a good list is read, and no bytes are taken for policies that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/common/spec_limits.h"

static struct blob {
    struct grove_spec spec;
    uint32_t count, reserved;
    struct grove_spec_section section;
    uint32_t version, limit_count;
    struct grove_limit limits[GROVE_LIMITS_MAX];
} blob;

static const struct grove_spec *two(void) {
    blob = (struct blob){.spec = {.sections_offset_bytes = offsetof(struct blob, count)}, .count = 1};
    blob.section = (struct grove_spec_section){.tag = GROVE_SECTION_LIMITS,
                                               .offset_bytes = offsetof(struct blob, version),
                                               .length_bytes = 8 + 2 * sizeof blob.limits[0]};
    blob.version = GROVE_LIMITS_VERSION;
    blob.limit_count = 2;
    blob.limits[0] = (struct grove_limit){.resource = GROVE_RESOURCE_MEMORY, .policy = GROVE_LIMIT_TERMINATE};
    blob.limits[1] = (struct grove_limit){
        .resource = GROVE_RESOURCE_PROCESSOR, .policy = GROVE_LIMIT_THROTTLE, .for_ns = GROVE_SECOND, .to_ppm = 50000};
    return &blob.spec;
}

static void a_policy_is_found_by_its_resource(void **state) {
    (void)state;
    const struct grove_spec none = {0};
    const struct grove_spec *spec = two();
    assert_null(spec_limits_fault(spec));
    assert_int_equal(spec_limit(spec, GROVE_RESOURCE_MEMORY).policy, GROVE_LIMIT_TERMINATE);
    assert_int_equal(spec_limit(spec, GROVE_RESOURCE_PROCESSOR).to_ppm, 50000);
    assert_int_equal(spec_limit(spec, GROVE_RESOURCE_CHANNELS).policy, GROVE_LIMIT_TELL);
    assert_null(spec_limits_fault(&none));
    assert_int_equal(spec_limit(&none, GROVE_RESOURCE_MEMORY).policy, GROVE_LIMIT_TELL);
}

/* X(what is changed) */
#define FAULTS(X) \
    X(blob.version = 2) \
    X(blob.limit_count = 3) \
    X(blob.limit_count = 1) \
    X(blob.limit_count = GROVE_LIMITS_MAX + 1) \
    X(blob.section.length_bytes = 7) \
    X(blob.section.length_bytes -= 1) \
    X(blob.limits[0].resource = GROVE_RESOURCE_PROCESSOR) \
    X(blob.limits[0].resource = GROVE_RESOURCE_DESCRIPTORS) \
    X(blob.limits[0].resource = 0) \
    X(blob.limits[0].policy = 4) \
    X(blob.limits[0].after_ns = UINT64_MAX) \
    X(blob.limits[1].for_ns = 0) \
    X(blob.limits[1].for_ns = UINT64_MAX) \
    X(blob.limits[1].to_ppm = 0)

static void every_fault_is_found(void **state) {
    (void)state;
#define TRY(change) \
    (void)two(); \
    change; \
    assert_non_null(spec_limits_fault(&blob.spec));
    FAULTS(TRY)
#undef TRY
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(a_policy_is_found_by_its_resource),
                                       cmocka_unit_test(every_fault_is_found)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
