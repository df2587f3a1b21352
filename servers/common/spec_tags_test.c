/* Tags in a spec: the good ones are read in order, and no bytes are taken for tags that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/common/spec_tags.h"

/* A spec with one section of these bytes; only what the reader of sections looks at is filled in. */
static struct blob {
    struct grove_spec spec;
    uint32_t count, reserved;
    struct grove_spec_section section;
    struct {
        uint32_t version, count;
        char texts[1024];
    } tags;
} blob;

static const struct grove_spec *with(uint32_t version, uint32_t count, const char *texts, uint32_t length) {
    blob = (struct blob){.spec = {.sections_offset_bytes = offsetof(struct blob, count)}, .count = 1};
    blob.section = (struct grove_spec_section){
        .tag = GROVE_SECTION_TAGS, .offset_bytes = offsetof(struct blob, tags), .length_bytes = 8 + length};
    blob.tags.version = version;
    blob.tags.count = count;
    memcpy(blob.tags.texts, texts, length);
    return &blob.spec;
}

static void tags_are_read_in_order(void **state) {
    (void)state;
    const struct grove_spec *spec = with(1, 3, "meter\0north.1\0a_b-c\0", 20);
    static const char *const wanted[] = {"meter", "north.1", "a_b-c"};
    const char *tag = NULL;
    assert_null(spec_tags_fault(spec));
    for (unsigned index = 0; index < 3; index++) {
        tag = spec_tags_next(spec, tag);
        assert_string_equal(tag, wanted[index]);
    }
    assert_null(spec_tags_next(spec, tag));
    const struct grove_spec none = {0};
    assert_null(spec_tags_fault(&none));
    assert_null(spec_tags_next(&none, NULL));
    assert_null(spec_tags_next(with(1, 0, "", 0), NULL));
}

static void what_is_no_list_of_tags_is_refused(void **state) {
    (void)state;
    char long_tag[64];
    memset(long_tag, 'a', sizeof long_tag);
    long_tag[48] = '\0';
    assert_non_null(spec_tags_fault(with(2, 1, "a", 2)));
    assert_non_null(spec_tags_fault(with(1, GROVE_TAGS_MAX + 1, "a", 2)));
    assert_non_null(spec_tags_fault(with(1, 2, "a", 2)));
    assert_non_null(spec_tags_fault(with(1, 1, "a\0b", 4)));
    assert_non_null(spec_tags_fault(with(1, 1, "ab", 2)));
    assert_non_null(spec_tags_fault(with(1, 1, "", 1)));
    assert_non_null(spec_tags_fault(with(1, 1, "a b", 4)));
    assert_non_null(spec_tags_fault(with(1, 1, long_tag, 49)));
    (void)with(1, 1, "a", 2);
    blob.section.length_bytes = 7;
    assert_non_null(spec_tags_fault(&blob.spec));
    long_tag[47] = '\0';
    assert_null(spec_tags_fault(with(1, 1, long_tag, 48)));
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(tags_are_read_in_order),
                                       cmocka_unit_test(what_is_no_list_of_tags_is_refused)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
