/* Paths: links, "..", permissions, what openat2 forbids, and a cache that stays small. */
#include "kernel/services/vfs/walk.h"

#include "kernel/services/vfs/test/world.h"

#include <stdio.h>
#include <string.h>

static const struct tmpfs_limits no_limits = {.mode = 0755};

/* /a/b/c, /a/file, /link -> a/b, /absolute -> /a, /dangling -> nowhere, /loop -> loop */
static void begin(struct world *world) {
    world_begin(world, &no_limits);
    assert_int_equal(world_make_folder(world, "a"), 0);
    assert_int_equal(world_make_folder(world, "a/b"), 0);
    assert_int_equal(world_make_folder(world, "/a/b/c"), 0);
    assert_int_equal(world_make_file(world, "a/file"), 0);
    assert_int_equal(world_make_link(world, "a/b", "link"), 0);
    assert_int_equal(world_make_link(world, "/a", "absolute"), 0);
    assert_int_equal(world_make_link(world, "nowhere", "dangling"), 0);
    assert_int_equal(world_make_link(world, "loop", "loop"), 0);
}

/* The name of the place that a path leads to, "" for a root; or NULL and *status. */
static const char *look(struct world *world, const char *text, uint32_t flags, int *status) {
    static char name[256];
    struct path found;
    *status = world_look(world, text, flags, &found);
    if (*status != 0)
        return NULL;
    struct name last = dentry_name(found.dentry);
    memcpy(name, last.text, last.size_bytes);
    name[last.size_bytes] = 0;
    return name;
}

static void expect(struct world *world, const char *text, uint32_t flags, const char *name) {
    int status;
    const char *found = look(world, text, flags, &status);
    if (found == NULL)
        fail_msg("%s: error %d", text, -status);
    assert_string_equal(found, name);
}

static void expect_error(struct world *world, const char *text, uint32_t flags, int error) {
    int status;
    if (look(world, text, flags, &status) != NULL)
        fail_msg("%s was found", text);
    assert_int_equal(-status, error);
}

static void paths_lead_where_they_say(void **state) {
    (void)state;
    struct world world;
    begin(&world);
    expect(&world, "/", 0, "");
    expect(&world, "//", 0, "");
    expect(&world, "..", 0, "");
    expect(&world, "/../../a/../a/.//b", 0, "b");
    expect(&world, "a/b/", 0, "b");
    expect(&world, "a/b/..", 0, "a");
    expect(&world, "link", 0, "link");
    expect(&world, "link", WALK_FOLLOW, "b");
    expect(&world, "link/", 0, "b");
    expect(&world, "link/c", 0, "c");
    expect(&world, "link/../file", 0, "file");
    expect(&world, "absolute/b/c", 0, "c");
    expect(&world, "", WALK_EMPTY, "");
    expect_error(&world, "", 0, LINUX_ENOENT);
    expect_error(&world, "a/none/..", 0, LINUX_ENOENT);
    expect_error(&world, "a/file/", 0, LINUX_ENOTDIR);
    expect_error(&world, "a/file/..", 0, LINUX_ENOTDIR);
    expect_error(&world, "a/file", WALK_FOLDER, LINUX_ENOTDIR);
    expect_error(&world, "dangling", WALK_FOLLOW, LINUX_ENOENT);
    expect_error(&world, "loop", WALK_FOLLOW, LINUX_ELOOP);
    world_end(&world);
}

static void names_and_paths_have_a_greatest_length(void **state) {
    (void)state;
    struct world world;
    char text[VFS_PATH_MAX + 1];
    begin(&world);
    memset(text, 'n', sizeof(text));
    text[VFS_NAME_MAX] = 0;
    assert_int_equal(world_make_file(&world, text), 0);
    expect(&world, text, 0, text);
    text[VFS_NAME_MAX] = 'n';
    text[VFS_NAME_MAX + 1] = 0;
    expect_error(&world, text, 0, LINUX_ENAMETOOLONG);
    memset(text, '/', sizeof(text));
    text[VFS_PATH_MAX - 1] = 0;
    expect(&world, text, 0, "");
    text[VFS_PATH_MAX - 1] = '/';
    text[VFS_PATH_MAX] = 0;
    expect_error(&world, text, 0, LINUX_ENAMETOOLONG);
    world_end(&world);
}

static void forty_links_are_followed_and_no_more(void **state) {
    (void)state;
    struct world world;
    char name[8], target[16];
    begin(&world);
    assert_int_equal(world_make_link(&world, "a", "l1"), 0);
    for (unsigned i = 2; i <= 41; i++) {
        snprintf(target, sizeof(target), "l%u/.", i - 1);
        snprintf(name, sizeof(name), "l%u", i);
        assert_int_equal(world_make_link(&world, target, name), 0);
    }
    expect(&world, "l40", WALK_FOLLOW, "a");
    expect_error(&world, "l41", WALK_FOLLOW, LINUX_ELOOP);
    world_end(&world);
}

static void every_step_needs_the_right_to_search(void **state) {
    (void)state;
    struct world world;
    struct path found;
    uint32_t groups[] = {7, 50};
    begin(&world);
    assert_int_equal(world_look(&world, "a", 0, &found), 0);
    assert_int_equal(vfs_change_owner(&world.caller, &found, 1, 50), 0);
    assert_int_equal(vfs_change_mode(&world.caller, &found, 0710), 0);
    world_become(&world, WORLD_USER, WORLD_USER);
    expect_error(&world, "a/b", 0, LINUX_EACCES);
    expect_error(&world, "link", WALK_FOLLOW, LINUX_EACCES);
    world.caller.identity.groups = groups;
    world.caller.identity.group_count = ITEMS(groups);
    expect(&world, "a/b", 0, "b");
    world_become(&world, 1, 50); /* the owner's bits count for the owner, also where they allow less */
    assert_int_equal(vfs_change_mode(&world.caller, &found, 0070), 0);
    expect_error(&world, "a/b", 0, LINUX_EACCES);
    world.caller.identity.capabilities = UINT64_C(1) << LINUX_CAP_DAC_READ_SEARCH;
    expect(&world, "a/b", 0, "b");
    world_become_root(&world);
    world_end(&world);
}

/* What openat2 says of each: a path, how to resolve it from the folder a, and the name or error. */
static void a_walk_stays_in_what_it_may_not_leave(void **state) {
    (void)state;
    static const struct {
        const char *text, *name;
        uint32_t resolve;
        int error;
    } cases[] = {
        {"b/../file", "file", LINUX_RESOLVE_BENEATH, 0},
        {"..", NULL, LINUX_RESOLVE_BENEATH, LINUX_EXDEV},
        {"b/../../a/file", NULL, LINUX_RESOLVE_BENEATH, LINUX_EXDEV},
        {"/a/file", NULL, LINUX_RESOLVE_BENEATH, LINUX_EXDEV},
        {"out", NULL, LINUX_RESOLVE_BENEATH, LINUX_EXDEV},
        {"up", NULL, LINUX_RESOLVE_BENEATH, LINUX_EXDEV},
        {"/file", "file", LINUX_RESOLVE_IN_ROOT, 0},
        {"../../file", "file", LINUX_RESOLVE_IN_ROOT, 0},
        {"up", "b", LINUX_RESOLVE_IN_ROOT, 0},
        {"out", NULL, LINUX_RESOLVE_IN_ROOT, LINUX_ENOENT},
        {"out", NULL, LINUX_RESOLVE_NO_SYMLINKS, LINUX_ELOOP},
        {"out", "b", LINUX_RESOLVE_NO_MAGICLINKS, 0},
        {"file", NULL, LINUX_RESOLVE_BENEATH | LINUX_RESOLVE_IN_ROOT, LINUX_EINVAL},
        {"file", NULL, 0x40, LINUX_EINVAL},
    };
    struct world world;
    struct path start, found;
    begin(&world);
    assert_int_equal(world_make_link(&world, "/a/b", "a/out"), 0);
    assert_int_equal(world_make_link(&world, "../b", "a/up"), 0);
    assert_int_equal(world_look(&world, "a", 0, &start), 0);
    vfs_lock(&world.vfs);
    path_ref(&start);
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        struct walk_path path = {.start = &start, .text = cases[i].text, .resolve = cases[i].resolve};
        int status = walk(&world.caller, &path, WALK_FOLLOW, &found);
        if (status != -cases[i].error)
            fail_msg("%s with %#x: %d", cases[i].text, cases[i].resolve, -status);
        if (status == 0 && cases[i].name != NULL) {
            assert_memory_equal(dentry_name(found.dentry).text, cases[i].name, strlen(cases[i].name));
            path_unref(&found);
        }
    }
    path_unref(&start);
    vfs_unlock(&world.vfs);
    world_end(&world);
}

static void a_cached_walk_does_not_ask_the_file_system(void **state) {
    (void)state;
    struct world world;
    struct path found;
    struct walk_path path = {.text = "a/b/c", .resolve = LINUX_RESOLVE_CACHED};
    begin(&world);
    vfs_lock(&world.vfs);
    dentry_forget_unused(&world.vfs);
    assert_int_equal(walk(&world.caller, &path, 0, &found), -LINUX_EAGAIN);
    vfs_unlock(&world.vfs);
    expect(&world, "a/b/c", 0, "c");
    vfs_lock(&world.vfs);
    assert_int_equal(walk(&world.caller, &path, 0, &found), 0);
    path_unref(&found);
    vfs_unlock(&world.vfs);
    world_end(&world);
}

/* Names that are not there are remembered too, and forgotten when there are too many. */
static void the_cache_is_bounded_and_knows_what_is_not_there(void **state) {
    (void)state;
    struct world world;
    char text[64];
    begin(&world);
    expect_error(&world, "a/none", 0, LINUX_ENOENT);
    uint64_t misses = world.vfs.misses;
    expect_error(&world, "a/none", 0, LINUX_ENOENT);
    assert_int_equal(world.vfs.misses, misses);
    assert_int_equal(world_make_file(&world, "a/none"), 0);
    expect(&world, "a/none", 0, "none");
    for (unsigned i = 0; i < 1000; i++) {
        snprintf(text, sizeof(text), "a/a-name-that-is-not-there-and-has-more-letters-%u", i);
        expect_error(&world, text, 0, LINUX_ENOENT);
        assert_true(world.vfs.dentries <= world.vfs.dentries_max);
    }
    expect(&world, "a/b/c", 0, "c");
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(paths_lead_where_they_say),
        cmocka_unit_test(names_and_paths_have_a_greatest_length),
        cmocka_unit_test(forty_links_are_followed_and_no_more),
        cmocka_unit_test(every_step_needs_the_right_to_search),
        cmocka_unit_test(a_walk_stays_in_what_it_may_not_leave),
        cmocka_unit_test(a_cached_walk_does_not_ask_the_file_system),
        cmocka_unit_test(the_cache_is_bounded_and_knows_what_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
