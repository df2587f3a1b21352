/* The builder: sections come out as they went in, a copy keeps them, and what does not fit is said. */
#include "userspace/manifest/builder.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct builder *least(void) {
    struct builder *builder = builder_create();
    assert_non_null(builder);
    struct grove_spec *header = builder_header(builder);
    header->name = builder_text(builder, "grid.a");
    header->project = builder_text(builder, "grid");
    header->executable = builder_text(builder, "/bin/true");
    builder_argument(builder, "/bin/true");
    return builder;
}

static struct grove_spec *finish(struct builder *builder) {
    void *spec = NULL;
    size_t spec_bytes;
    const char *problem = NULL;
    if (builder_finish(builder, &spec, &spec_bytes, &problem) < 0)
        fail_msg("refused: %s", problem);
    builder_destroy(builder);
    return spec;
}

static void assert_refused(struct builder *builder, int status, const char *sentence) {
    void *spec = NULL;
    size_t spec_bytes;
    const char *problem = NULL;
    assert_int_equal(builder_finish(builder, &spec, &spec_bytes, &problem), status);
    assert_null(spec);
    assert_non_null(strstr(problem, sentence));
    builder_destroy(builder);
}

static void assert_section(const struct grove_spec *spec, uint32_t tag, const void *bytes, uint32_t length_bytes) {
    uint32_t found_bytes = UINT32_MAX;
    const void *found = grove_spec_section(spec, tag, &found_bytes);
    assert_non_null(found);
    assert_int_equal(found_bytes, length_bytes);
    assert_memory_equal(found, bytes, length_bytes);
}

static void without_sections_there_is_no_table(void **state) {
    struct grove_spec *spec = finish(least());
    (void)state;
    assert_int_equal(spec->sections_offset_bytes, 0);
    free(spec);
}

static void sections_come_out_as_they_went_in(void **state) {
    struct builder *builder = least();
    char odd[] = "thirteen byte";
    (void)state;
    builder_section(builder, GROVE_SECTION_STORE, odd, sizeof(odd) - 1);
    memset(odd, 'x', sizeof(odd)); /* it was copied */
    builder_section(builder, GROVE_SECTION_BUS, NULL, 0);
    builder_section(builder, 4711, "later", 5);
    struct grove_spec *spec = finish(builder);
    assert_section(spec, GROVE_SECTION_STORE, "thirteen byte", 13);
    assert_section(spec, GROVE_SECTION_BUS, "", 0);
    assert_section(spec, 4711, "later", 5);
    assert_string_equal(grove_spec_text(spec, spec->name), "grid.a");
    assert_string_equal(grove_spec_argument(spec, 0), "/bin/true");
    free(spec);
}

static void a_copy_keeps_them(void **state) {
    struct builder *builder = least();
    (void)state;
    builder_section(builder, GROVE_SECTION_CONFIG, "schema", 6);
    struct grove_spec *spec = finish(builder);
    builder = builder_copy(spec, NULL, NULL);
    assert_non_null(builder);
    free(spec);
    builder_section(builder, GROVE_SECTION_HOOKS, "points", 6);
    spec = finish(builder);
    assert_section(spec, GROVE_SECTION_CONFIG, "schema", 6);
    assert_section(spec, GROVE_SECTION_HOOKS, "points", 6);
    free(spec);
}

static void a_tag_stands_once(void **state) {
    struct builder *builder = least();
    (void)state;
    builder_section(builder, GROVE_SECTION_CONFIG, "a", 1);
    builder_section(builder, GROVE_SECTION_CONFIG, "b", 1);
    assert_refused(builder, GROVE_INVALID, "the tag of another");
    builder = least();
    builder_section(builder, 0, "a", 1);
    assert_refused(builder, GROVE_INVALID, "no tag");
}

static void sixteen_sections_fit(void **state) {
    struct builder *builder = least();
    (void)state;
    for (uint32_t tag = 1; tag <= GROVE_SPEC_SECTIONS_MAX; tag++)
        builder_section(builder, tag, &tag, sizeof(tag));
    struct grove_spec *spec = finish(builder);
    for (uint32_t tag = 1; tag <= GROVE_SPEC_SECTIONS_MAX; tag++)
        assert_section(spec, tag, &tag, sizeof(tag));
    builder = builder_copy(spec, NULL, NULL);
    assert_non_null(builder);
    builder_section(builder, GROVE_SPEC_SECTIONS_MAX + 1, "x", 1);
    assert_refused(builder, GROVE_TOO_LARGE, "more than 16 sections");
    free(spec);
}

static void a_section_may_not_burst_the_spec(void **state) {
    struct builder *builder = least();
    static const char large[GROVE_SPEC_BYTES_MAX];
    (void)state;
    builder_section(builder, GROVE_SECTION_CONFIG, large, sizeof(large));
    assert_refused(builder, GROVE_TOO_LARGE, "larger than 64 KiB");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_sections_there_is_no_table),
        cmocka_unit_test(sections_come_out_as_they_went_in),
        cmocka_unit_test(a_copy_keeps_them),
        cmocka_unit_test(a_tag_stands_once),
        cmocka_unit_test(sixteen_sections_fit),
        cmocka_unit_test(a_section_may_not_burst_the_spec),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
