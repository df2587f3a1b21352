/* tmpfs: its limits, holes, files that outlive their names, and memory that runs out at every request. */
#include "kernel/services/vfs/tmpfs.h"

#include "kernel/services/vfs/test/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE UINT64_C(4096)
_Static_assert(PAGE == VFS_PAGE_BYTES, "PAGE");

static const struct tmpfs_limits no_limits = {.mode = 0755};

static void contents_are_what_was_written(void **state) {
    (void)state;
    struct world world;
    char read[16];
    uint8_t *large = malloc(5 * PAGE);
    assert_non_null(large);
    world_begin(&world, &no_limits);
    assert_int_equal(world_make_file(&world, "f"), 0);
    assert_int_equal(world_read(&world, "f", 0, read, 4), 0);
    assert_int_equal(world_write(&world, "f", VFS_PAGE_BYTES - 2, "word", 4), 4);
    assert_int_equal(world_read(&world, "f", VFS_PAGE_BYTES - 4, read, 16), 6);
    assert_memory_equal(read, "\0\0word", 6);
    assert_int_equal(world_read(&world, "f", VFS_PAGE_BYTES + 2, read, 4), 0);
    memset(large, 7, 5 * PAGE);
    assert_int_equal(world_write(&world, "f", 10, large, 5 * PAGE), 5 * PAGE);
    memset(large, 0, 5 * PAGE);
    assert_int_equal(world_read(&world, "f", 10, large, 5 * PAGE), 5 * PAGE);
    for (unsigned i = 0; i < 5 * PAGE; i++)
        assert_int_equal(large[i], 7);
    free(large);
    world_end(&world);
}

static void holes_take_no_pages(void **state) {
    (void)state;
    struct world world;
    char byte = 1;
    uint64_t far = UINT64_C(1) << 40, found;
    struct path file;
    struct walk_path path = world_at("f");
    world_begin(&world, &no_limits);
    assert_int_equal(world_make_file(&world, "f"), 0);
    assert_int_equal(world_write(&world, "f", far, "x", 1), 1);
    assert_int_equal(tmpfs_read_use(world.system).pages, 1);
    assert_int_equal(world_read(&world, "f", far / 2, &byte, 1), 1);
    assert_int_equal(byte, 0);
    assert_int_equal(world_look(&world, "f", 0, &file), 0);
    struct inode *inode = file.dentry->inode;
    assert_int_equal(inode->operations->seek(inode, 5, false, &found), 0);
    assert_int_equal(found, far);
    assert_int_equal(inode->operations->seek(inode, 5, true, &found), 0);
    assert_int_equal(found, 5);
    assert_int_equal(inode->operations->seek(inode, far, true, &found), 0);
    assert_int_equal(found, far + 1);
    assert_int_equal(inode->operations->seek(inode, far + 1, false, &found), -LINUX_ENXIO);
    assert_int_equal(vfs_truncate(&world.caller, &path, 3), 0);
    assert_int_equal(tmpfs_read_use(world.system).pages, 0);
    assert_int_equal(vfs_truncate(&world.caller, &path, INT64_MAX), 0);
    assert_int_equal(tmpfs_read_use(world.system).pages, 0);
    world_end(&world);
}

/* What was cut off does not come back when the file grows again. */
static void a_cut_file_grows_with_zeros(void **state) {
    (void)state;
    struct world world;
    char read[8] = "";
    struct walk_path path = world_at("f");
    world_begin(&world, &no_limits);
    assert_int_equal(world_make_file(&world, "f"), 0);
    assert_int_equal(world_write(&world, "f", 0, "abcdefgh", 8), 8);
    assert_int_equal(vfs_truncate(&world.caller, &path, 3), 0);
    assert_int_equal(vfs_truncate(&world.caller, &path, 8), 0);
    assert_int_equal(world_read(&world, "f", 0, read, 8), 8);
    assert_memory_equal(read, "abc\0\0\0\0\0", 8);
    world_end(&world);
}

static void limits_are_a_budget(void **state) {
    (void)state;
    struct world world;
    static uint8_t pages[4 * PAGE];
    struct walk_path path = world_at("f");
    world_begin(&world, &(struct tmpfs_limits){.mode = 0755, .pages_max = 3, .inodes_max = 3});
    assert_int_equal(world_make_file(&world, "f"), 0);
    assert_int_equal(world_write(&world, "f", 0, pages, sizeof(pages)), 3 * PAGE);
    assert_int_equal(world_write(&world, "f", 3 * PAGE, pages, 1), -LINUX_ENOSPC);
    assert_int_equal(world_write(&world, "f", 10, pages, 100), 100);
    assert_int_equal(world_make_folder(&world, "d"), 0);
    assert_int_equal(world_make_file(&world, "g"), -LINUX_ENOSPC);
    assert_int_equal(vfs_unlink(&world.caller, &path), 0);
    assert_int_equal(tmpfs_read_use(world.system).pages, 0);
    assert_int_equal(world_make_file(&world, "g"), 0);
    assert_int_equal(world_write(&world, "g", 0, pages, 3 * PAGE), 3 * PAGE);
    world_end(&world);
}

static void a_file_lives_while_it_is_open(void **state) {
    (void)state;
    struct world world;
    struct path open, other;
    struct walk_path path = world_at("f");
    world_begin(&world, &no_limits);
    assert_int_equal(vfs_open_path(&world.caller, &path, LINUX_O_CREAT | LINUX_O_RDWR, 0600, &open), 0);
    assert_int_equal(world_write(&world, "f", 0, "alive", 5), 5);
    assert_int_equal(vfs_unlink(&world.caller, &path), 0);
    assert_int_equal(world_look(&world, "f", 0, &other), -LINUX_ENOENT);
    assert_int_equal(world_make_file(&world, "f"), 0);
    assert_int_equal(open.dentry->inode->links, 0);
    assert_int_equal(open.dentry->inode->size_bytes, 5);
    assert_int_equal(tmpfs_read_use(world.system).pages, 1);
    vfs_lock(&world.vfs);
    path_unref(&open);
    vfs_unlock(&world.vfs);
    assert_int_equal(tmpfs_read_use(world.system).pages, 0);
    world_end(&world);
}

/* Positions of entries hold while others come and go. */
static void a_folder_is_read_whole_while_it_changes(void **state) {
    (void)state;
    struct world world;
    struct path root;
    char text[16];
    uint64_t at = 0;
    unsigned seen = 0;
    struct folder_entry entry;
    world_begin(&world, &no_limits);
    for (unsigned i = 0; i < 100; i++) {
        snprintf(text, sizeof(text), "f%u", i);
        assert_int_equal(world_make_file(&world, text), 0);
    }
    assert_int_equal(world_look(&world, "/", 0, &root), 0);
    struct inode *folder = root.dentry->inode;
    while (folder->operations->entry_at(folder, at, &entry)) {
        snprintf(text, sizeof(text), "%.*s", (int)entry.name.size_bytes, entry.name.text);
        at = entry.next;
        struct walk_path path = world_at(text);
        assert_int_equal(vfs_unlink(&world.caller, &path), 0);
        seen++;
    }
    assert_int_equal(seen, 100);
    assert_int_equal(folder->size_bytes, 40);
    world_end(&world);
}

/* Deep enough that releasing it by recursion would not end well. */
static void a_deep_tree_is_released(void **state) {
    (void)state;
    struct world world;
    struct path folder;
    world_begin(&world, &no_limits);
    for (unsigned i = 0; i < 20000; i++) {
        struct walk_path path = world_at("d");
        assert_int_equal(world_make_folder(&world, "d"), 0);
        vfs_lock(&world.vfs);
        assert_int_equal(walk(&world.caller, &path, 0, &folder), 0);
        if (i > 0)
            path_unref(&world.caller.folder);
        vfs_unlock(&world.vfs);
        world.caller.folder = folder;
    }
    vfs_lock(&world.vfs);
    path_unref(&folder);
    vfs_unlock(&world.vfs);
    world.caller.folder = world.root;
    world_end(&world);
}

/* Each request of a run of work fails once: the answer is ENOMEM, and nothing is lost or left. */
static void every_request_for_memory_may_fail(void **state) {
    (void)state;
    bool has_failed = true;
    for (uint64_t left = 0; has_failed; left++) {
        struct world world;
        struct walk_path from = world_at("d/a-name-that-does-not-fit-into-a-dentry"), to = world_at("d/f");
        int statuses[6];
        world_begin(&world, &no_limits);
        world.requests_left = left;
        statuses[0] = world_make_folder(&world, "d");
        statuses[1] = world_make_file(&world, from.text);
        statuses[2] = world_make_link(&world, "d", "l");
        int64_t written = world_write(&world, from.text, 70 * PAGE, "x", 1);
        statuses[3] = written < 0 ? (int)written : 0;
        statuses[4] = vfs_link(&world.caller, &from, &to, 0);
        statuses[5] = vfs_rename(&world.caller, &to, &from, 0);
        has_failed = false;
        for (unsigned i = 0; i < ITEMS(statuses); i++) {
            assert_true(statuses[i] == 0 || statuses[i] == -LINUX_ENOMEM || statuses[i] == -LINUX_ENOENT);
            has_failed |= statuses[i] != 0;
        }
        world_end(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(contents_are_what_was_written), cmocka_unit_test(holes_take_no_pages),
        cmocka_unit_test(a_cut_file_grows_with_zeros),   cmocka_unit_test(limits_are_a_budget),
        cmocka_unit_test(a_file_lives_while_it_is_open), cmocka_unit_test(a_folder_is_read_whole_while_it_changes),
        cmocka_unit_test(a_deep_tree_is_released),       cmocka_unit_test(every_request_for_memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
