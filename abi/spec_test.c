/* The binary spec: every single fault in an otherwise good one is found and named. */
#include "grove/abi/spec.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

/* A spec with one item in every table, laid out as a structure. */
struct blob {
    struct grove_spec spec;
    struct grove_spec_capability capability[2];
    struct grove_span argument[1];
    struct grove_span environment[1];
    struct grove_spec_interface provides[1];
    struct grove_spec_interface requires[1];
    struct grove_spec_method method[1];
    struct {
        uint32_t count, reserved;
        struct grove_spec_section entries[2];
    } sections;
    char config[8], unknown[8]; /* 5 and 8 bytes of them are used */
    char text[64];
};

static struct grove_span add(struct blob *blob, const char *text) {
    struct grove_span span = {blob->spec.text_bytes, (uint32_t)strlen(text)};
    memcpy(blob->text + span.offset_bytes, text, span.length_bytes + 1);
    blob->spec.text_bytes += span.length_bytes + 1;
    return span;
}

static struct blob good(void) {
    struct blob blob;
    memset(&blob, 0, sizeof(blob));
    struct grove_spec *spec = &blob.spec;
    *spec = (struct grove_spec){.magic = GROVE_SPEC_MAGIC,
                                .version = GROVE_SPEC_VERSION,
                                .header_bytes = sizeof(*spec),
                                .total_bytes = sizeof(blob),
                                .ring = 2,
                                .capabilities = {offsetof(struct blob, capability), 2},
                                .arguments = {offsetof(struct blob, argument), 1},
                                .environment = {offsetof(struct blob, environment), 1},
                                .provides = {offsetof(struct blob, provides), 1},
                                .requires = {offsetof(struct blob, requires), 1},
                                .methods = {offsetof(struct blob, method), 1},
                                .sections_offset_bytes = offsetof(struct blob, sections),
                                .text_offset_bytes = offsetof(struct blob, text)};
    spec->name = add(&blob, "grid.acquire");
    spec->project = add(&blob, "grid");
    spec->executable = add(&blob, "/bin/a");
    blob.capability[0] = (struct grove_spec_capability){
        .kind = GROVE_CAP_FS_READ, .rights = 1, .argument_kind = GROVE_ARGUMENT_PATH, .text = add(&blob, "/d")};
    blob.capability[1] = (struct grove_spec_capability){
        .kind = GROVE_CAP_SHM_CREATE, .rights = 1, .argument_kind = GROVE_ARGUMENT_QUANTITY, .quantity = 7};
    blob.argument[0] = add(&blob, "-v");
    blob.environment[0] = add(&blob, "A=b");
    blob.provides[0].name = add(&blob, "grid.one");
    blob.requires[0].name = blob.provides[0].name;
    blob.method[0].name = add(&blob, "trip");
    blob.sections.count = 2;
    blob.sections.entries[0] = (struct grove_spec_section){GROVE_SECTION_CONFIG, offsetof(struct blob, config), 5, 0};
    blob.sections.entries[1] = (struct grove_spec_section){UINT32_MAX, offsetof(struct blob, unknown), 8, 0};
    memcpy(blob.config, "range", 5);
    memcpy(blob.unknown, "whatever", 8);
    return blob;
}

static int check(const struct blob *blob) {
    const char *problem = NULL;
    int status = grove_spec_check(blob, sizeof(*blob), &problem);
    assert_true((status == 0) == (problem == NULL));
    return status;
}

static void a_good_spec_passes_and_reads_back(void **state) {
    (void)state;
    struct blob blob = good();
    struct grove_capability capability;
    uint16_t flags = 9;
    assert_int_equal(check(&blob), 0);
    assert_string_equal(grove_spec_text(&blob.spec, blob.spec.name), "grid.acquire");
    assert_string_equal(grove_spec_text(&blob.spec, blob.spec.directory), "");
    assert_string_equal(grove_spec_argument(&blob.spec, 0), "-v");
    assert_string_equal(grove_spec_environment(&blob.spec, 0), "A=b");
    grove_spec_capability(&blob.spec, 0, &capability, &flags);
    assert_int_equal(flags, 0);
    assert_int_equal(capability.argument.length_bytes, 2);
    assert_memory_equal(capability.argument.value.text, "/d", 2);
    grove_spec_capability(&blob.spec, 1, &capability, NULL);
    assert_int_equal(capability.argument.value.quantity, 7);
    assert_ptr_equal(grove_spec_provided(&blob.spec, 0), &blob.provides[0]);
    assert_ptr_equal(grove_spec_required(&blob.spec, 0), &blob.requires[0]);
    assert_ptr_equal(grove_spec_method(&blob.spec, 0), &blob.method[0]);
}

static void sections_are_found_by_their_tag(void **state) {
    (void)state;
    struct blob blob = good();
    uint32_t length_bytes = 77;
    assert_null(grove_spec_section(&blob.spec, GROVE_SECTION_HEALTH, &length_bytes));
    assert_int_equal(length_bytes, 77);
    assert_ptr_equal(grove_spec_section(&blob.spec, GROVE_SECTION_CONFIG, &length_bytes), blob.config);
    assert_int_equal(length_bytes, 5);
    assert_ptr_equal(grove_spec_section(&blob.spec, UINT32_MAX, &length_bytes), blob.unknown);
    assert_int_equal(length_bytes, 8);
    blob.sections.entries[0].length_bytes = 0;
    assert_int_equal(check(&blob), 0);
    assert_non_null(grove_spec_section(&blob.spec, GROVE_SECTION_CONFIG, &length_bytes));
    assert_int_equal(length_bytes, 0);
    blob.spec.sections_offset_bytes = 0; /* as every spec was before there were sections */
    assert_int_equal(check(&blob), 0);
    assert_null(grove_spec_section(&blob.spec, GROVE_SECTION_CONFIG, &length_bytes));
}

/* X(what is changed, the status expected) */
#define FAULTS(X) \
    X(blob.spec.magic++, GROVE_INVALID) \
    X(blob.spec.version++, GROVE_VERSION) \
    X(blob.spec.header_bytes += 8, GROVE_INVALID) \
    X(blob.spec.total_bytes++, GROVE_INVALID) \
    X(blob.spec.ring = 0, GROVE_INVALID) \
    X(blob.spec.ring = 4, GROVE_INVALID) \
    X(blob.spec.flags = 1u << 31, GROVE_INVALID) \
    X(blob.spec.stream_out = 3, GROVE_INVALID) \
    X(blob.spec.phase = 8, GROVE_INVALID) \
    X(blob.spec.name.length_bytes = 0, GROVE_INVALID) \
    X(blob.spec.name.length_bytes--, GROVE_INVALID) \
    X(blob.spec.name.offset_bytes = UINT32_MAX, GROVE_INVALID) \
    X(blob.spec.name.length_bytes = UINT32_MAX, GROVE_INVALID) \
    X(blob.text[4] = '/', GROVE_INVALID) \
    X(blob.text[5] = '.', GROVE_INVALID) \
    X(blob.text[2] = '\0', GROVE_INVALID) \
    X(blob.spec.executable = blob.spec.name, GROVE_INVALID) \
    X(blob.spec.directory = blob.spec.name, GROVE_INVALID) \
    X(blob.spec.text_bytes = UINT32_MAX, GROVE_INVALID) \
    X(blob.spec.text_offset_bytes = 0, GROVE_INVALID) \
    X(blob.spec.capabilities.count = UINT32_MAX, GROVE_INVALID) \
    X(blob.spec.capabilities.offset_bytes += 4, GROVE_INVALID) \
    X(blob.spec.arguments.offset_bytes = UINT32_MAX & ~7u, GROVE_INVALID) \
    X(blob.spec.environment.offset_bytes = 8, GROVE_INVALID) \
    X(blob.spec.provides.count = GROVE_SPEC_INTERFACES_MAX + 1, GROVE_INVALID) \
    X(blob.spec.requires.count = GROVE_SPEC_INTERFACES_MAX + 1, GROVE_INVALID) \
    X(blob.spec.methods.count = GROVE_SPEC_METHODS_MAX + 1, GROVE_INVALID) \
    X(blob.capability[0].kind = 0, GROVE_INVALID) \
    X(blob.capability[0].kind = GROVE_CAP_CONTAINER, GROVE_INVALID) \
    X(blob.capability[0].rights = 0x80, GROVE_INVALID) \
    X(blob.capability[0].flags = 0x80, GROVE_INVALID) \
    X(blob.capability[0].argument_kind = GROVE_ARGUMENT_PATTERN, GROVE_INVALID) \
    X(blob.capability[0].text = blob.spec.name, GROVE_INVALID) \
    X(blob.argument[0].length_bytes++, GROVE_INVALID) \
    X(blob.environment[0].offset_bytes = sizeof(blob), GROVE_INVALID) \
    X(blob.provides[0].name = blob.spec.executable, GROVE_INVALID) \
    X(blob.requires[0].flags = 2, GROVE_INVALID) \
    X(blob.method[0].interface = 1, GROVE_INVALID) \
    X(blob.method[0].name.length_bytes = 99, GROVE_INVALID) \
    X(blob.spec.sections_offset_bytes = 8, GROVE_INVALID) \
    X(blob.spec.sections_offset_bytes += 4, GROVE_INVALID) \
    X(blob.spec.sections_offset_bytes = offsetof(struct blob, text), GROVE_INVALID) \
    X(blob.spec.sections_offset_bytes = UINT32_MAX & ~7u, GROVE_INVALID) \
    X(blob.sections.count = 0, GROVE_INVALID) \
    X(blob.sections.count = GROVE_SPEC_SECTIONS_MAX + 1, GROVE_INVALID) \
    X(blob.sections.count = UINT32_MAX, GROVE_INVALID) \
    X(blob.sections.count = 4, GROVE_INVALID) \
    X(blob.sections.reserved = 1, GROVE_INVALID) \
    X(blob.sections.entries[0].tag = 0, GROVE_INVALID) \
    X(blob.sections.entries[0].tag = UINT32_MAX, GROVE_INVALID) \
    X(blob.sections.entries[0].offset_bytes++, GROVE_INVALID) \
    X(blob.sections.entries[0].offset_bytes = 0, GROVE_INVALID) \
    X(blob.sections.entries[0].offset_bytes = UINT32_MAX & ~7u, GROVE_INVALID) \
    X(blob.sections.entries[0].reserved = 1, GROVE_INVALID) \
    X(blob.sections.entries[1].length_bytes++, GROVE_INVALID) \
    X(blob.sections.entries[1].length_bytes = UINT32_MAX, GROVE_INVALID) \
    X(blob.spec.schedule.class = 5, GROVE_INVALID) \
    X(blob.spec.schedule.priority = 20, GROVE_INVALID) \
    X(blob.spec.readiness.kind = 6, GROVE_INVALID) \
    X(blob.spec.health.kind = 5, GROVE_INVALID) \
    X(blob.spec.restart.policy = 3, GROVE_INVALID)

static void every_fault_is_found(void **state) {
    (void)state;
    struct blob blob;
#define TRY_FAULT(change, status) \
    blob = good(); \
    change; \
    if (check(&blob) != (status)) \
        fail_msg("not found: %s", #change);
    FAULTS(TRY_FAULT)
}

static void real_time_schedules_are_checked(void **state) {
    (void)state;
    struct blob blob = good();
    blob.spec.schedule = (struct grove_schedule){.class = GROVE_SCHEDULE_FIXED, .priority = 0};
    assert_int_equal(check(&blob), GROVE_INVALID);
    blob.spec.schedule.priority = 99;
    assert_int_equal(check(&blob), 0);
    blob.spec.schedule =
        (struct grove_schedule){.class = GROVE_SCHEDULE_DEADLINE, .runtime_ns = 2, .deadline_ns = 2, .period_ns = 3};
    assert_int_equal(check(&blob), 0);
    blob.spec.schedule.runtime_ns = 3;
    assert_int_equal(check(&blob), GROVE_INVALID);
    blob.spec.schedule.runtime_ns = 2;
    blob.spec.schedule.period_ns = GROVE_SCHEDULE_PERIOD_NS_MAX;
    assert_int_equal(check(&blob), 0);
    blob.spec.schedule.period_ns++;
    assert_int_equal(check(&blob), GROVE_INVALID);
}

static void sizes_are_checked_first(void **state) {
    (void)state;
    struct blob blob = good();
    assert_int_equal(grove_spec_check(&blob, 8, NULL), GROVE_INVALID);
    assert_int_equal(grove_spec_check(&blob, GROVE_SPEC_BYTES_MAX + 1, NULL), GROVE_TOO_LARGE);
    assert_int_equal(grove_spec_check((const char *)&blob + 1, sizeof(blob) - 1, NULL), GROVE_INVALID);
}

static void versions_are_ordered(void **state) {
    (void)state;
    const struct grove_version versions[] = {{0, 0, 0, 0}, {0, 0, 1, 0}, {0, 1, 0, 0}, {1, 0, 0, 0}, {1, 0, 7, 0}};
    for (int i = 0; i < 5; i++)
        for (int j = 0; j < 5; j++) {
            int order = grove_version_compare(versions[i], versions[j]);
            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
        }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_spec_passes_and_reads_back),
        cmocka_unit_test(sections_are_found_by_their_tag),
        cmocka_unit_test(every_fault_is_found),
        cmocka_unit_test(real_time_schedules_are_checked),
        cmocka_unit_test(sizes_are_checked_first),
        cmocka_unit_test(versions_are_ordered),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
