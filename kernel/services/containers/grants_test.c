/* What a spec grants: rights of one path are added up, and the shortest comes first. */
#include "kernel/services/containers/grants.h"

#include "kernel/services/containers/test/stage.h"

static struct grant grants[GROVE_SPEC_CAPABILITIES_MAX];

static uint32_t collect(const struct stage_permission *permissions, uint32_t count) {
    uint64_t blob[STAGE_SPEC_WORDS];
    static uint64_t kept[STAGE_SPEC_WORDS];
    const struct stage_spec spec = {.name = "grid.one", .permissions = permissions, .count = count};
    uint32_t size_bytes = stage_build(&spec, blob);
    assert_int_equal(grove_spec_check(blob, size_bytes, NULL), GROVE_OK);
    for (uint32_t i = 0; i < STAGE_SPEC_WORDS; i++)
        kept[i] = blob[i];
    return grants_collect((const struct grove_spec *)(const void *)kept, grants);
}

static void rights_of_one_path_are_added_up(void **state) {
    static const struct stage_permission permissions[] = {
        {.kind = GROVE_CAP_FS_READ, .text = "/data/long", .flags = GROVE_SPEC_CAPABILITY_OPTIONAL},
        {.kind = GROVE_CAP_FS_WRITE, .text = "/data", .flags = GROVE_SPEC_CAPABILITY_CREATE},
        {.kind = GROVE_CAP_FS_EXEC, .text = "/data", .flags = GROVE_SPEC_CAPABILITY_OPTIONAL},
        {.kind = GROVE_CAP_IPC_SEND, .text = "grid.two"},
        {.kind = GROVE_CAP_FS_READ, .text = "/held", .flags = GROVE_SPEC_CAPABILITY_HELD},
        {.kind = GROVE_CAP_FS_READ, .text = "/b"},
    };
    (void)state;
    assert_int_equal(collect(permissions, ITEMS(permissions)), 3);
    assert_string_equal(grants[0].path, "/b");
    assert_false(grants[0].can_write || grants[0].can_execute || grants[0].is_optional);
    assert_string_equal(grants[1].path, "/data");
    assert_true(grants[1].can_write && grants[1].can_execute && grants[1].is_created);
    assert_false(grants[1].is_optional);
    assert_string_equal(grants[2].path, "/data/long");
    assert_true(grants[2].is_optional);
}

static void right_without_a_path_is_one_to_all(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_FS_READ, .text = "/a"},
                                                          {.kind = GROVE_CAP_FS_READ}};
    (void)state;
    assert_int_equal(collect(permissions, ITEMS(permissions)), 2);
    assert_string_equal(grants[0].path, "/");
}

static void below_is_inside_and_not_the_same(void **state) {
    (void)state;
    assert_true(grant_is_below("/a/b", "/a"));
    assert_true(grant_is_below("/a", "/"));
    assert_false(grant_is_below("/", "/"));
    assert_false(grant_is_below("/ab", "/a"));
    assert_false(grant_is_below("/a", "/a"));
    assert_false(grant_is_below("/a", "/a/b"));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rights_of_one_path_are_added_up),
        cmocka_unit_test(right_without_a_path_is_one_to_all),
        cmocka_unit_test(below_is_inside_and_not_the_same),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
