/* Open files: positions, appending, what may be done with which, folders as Linux lays them out, and missing pages. */
#include "kernel/services/vfs/file.h"

#include "kernel/services/vfs/test/world.h"

#include <string.h>

static const struct tmpfs_limits no_limits = {.mode = 0755};

static void a_file_has_a_position(void **state) {
    (void)state;
    struct world world;
    char text[16] = "";
    int64_t at;
    world_begin(&world, &no_limits);
    struct open_file *file = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(world_write_file(&world, file, "abcdef", 6), 6);
    assert_int_equal(world_read_file(file, text, 4), 0);
    assert_int_equal(file_seek(file, -4, LINUX_SEEK_END, &at), 0);
    assert_int_equal(at, 2);
    assert_int_equal(world_read_file(file, text, 2), 2);
    assert_int_equal(file_seek(file, 1, LINUX_SEEK_CUR, &at), 0);
    assert_int_equal(at, 5);
    assert_int_equal(world_read_file(file, text + 2, 9), 1);
    assert_string_equal(text, "cdf");
    assert_int_equal(file_seek(file, -7, LINUX_SEEK_END, &at), -LINUX_EINVAL);
    assert_int_equal(file_seek(file, INT64_MAX, LINUX_SEEK_CUR, &at), -LINUX_EINVAL);
    assert_int_equal(file_seek(file, 0, 9, &at), -LINUX_EINVAL);
    assert_int_equal(file_seek(file, 6, LINUX_SEEK_DATA, &at), -LINUX_ENXIO);
    assert_int_equal(file_seek(file, 2, LINUX_SEEK_HOLE, &at), 0);
    assert_int_equal(at, 6);
    file_unref(file);
    world_end(&world);
}

static void appending_goes_to_the_end(void **state) {
    (void)state;
    struct world world;
    char text[8] = "";
    world_begin(&world, &no_limits);
    struct open_file *first = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR | LINUX_O_APPEND);
    struct open_file *second = world_open(&world, "f", LINUX_O_WRONLY);
    assert_int_equal(world_write_file(&world, first, "ab", 2), 2);
    assert_int_equal(file_change_flags(&world.caller, second, LINUX_O_APPEND), 0);
    assert_int_equal(world_write_file(&world, second, "cd", 2), 2);
    assert_int_equal(world_write_file(&world, first, "ef", 2), 2);
    assert_int_equal(first->position, 6);
    assert_int_equal(world_read(&world, "f", 0, text, 8), 6);
    assert_string_equal(text, "abcdef");
    file_unref(first);
    file_unref(second);
    world_end(&world);
}

static void a_file_is_used_as_it_was_opened(void **state) {
    (void)state;
    struct world world;
    char text[4];
    int64_t at;
    world_begin(&world, &no_limits);
    struct open_file *writing = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_WRONLY);
    struct open_file *reading = world_open(&world, "f", LINUX_O_RDONLY);
    struct open_file *path = world_open(&world, "f", LINUX_O_PATH);
    struct open_file *folder = world_open(&world, "/", LINUX_O_RDONLY);
    assert_int_equal(world_read_file(writing, text, 1), -LINUX_EBADF);
    assert_int_equal(world_write_file(&world, reading, "x", 1), -LINUX_EBADF);
    assert_int_equal(world_read_file(path, text, 1), -LINUX_EBADF);
    assert_int_equal(file_seek(path, 0, LINUX_SEEK_SET, &at), -LINUX_EBADF);
    assert_int_equal(world_read_file(folder, text, 1), -LINUX_EISDIR);
    assert_int_equal(file_resize(&world.caller, reading, 5), -LINUX_EINVAL);
    assert_int_equal(file_resize(&world.caller, writing, -1), -LINUX_EINVAL);
    assert_int_equal(file_resize(&world.caller, writing, 5), 0);
    assert_int_equal(world_read_file(reading, text, 4), 4);
    assert_int_equal(file_seek(writing, INT64_MAX, LINUX_SEEK_SET, &at), 0);
    assert_int_equal(world_write_file(&world, writing, "x", 1), -LINUX_EFBIG);
    world_become(&world, WORLD_USER, WORLD_USER);
    assert_int_equal(file_change_flags(&world.caller, reading, LINUX_O_NOATIME), -LINUX_EPERM);
    world_become_root(&world);
    file_unref(writing);
    file_unref(reading);
    file_unref(path);
    file_unref(folder);
    world_end(&world);
}

static void segments_are_one_transfer(void **state) {
    (void)state;
    struct world world;
    char first[3] = "", second[5] = "";
    struct transfer transfer;
    struct transfer_segment out[] = {{(uint8_t *)first, 2}, {NULL, 0}, {(uint8_t *)second, 4}};
    size_t done = 0;
    world_begin(&world, &no_limits);
    struct open_file *file = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(world_write_file(&world, file, "abcde", 5), 5);
    transfer_init(&transfer, out, ITEMS(out));
    assert_int_equal(file_read_at(file, 0, &transfer, &done), 0);
    assert_int_equal(done, 5);
    assert_string_equal(first, "ab");
    assert_string_equal(second, "cde");
    assert_int_equal(file->position, 5);
    file_unref(file);
    world_end(&world);
}

/* A program's memory in which nothing is there before it is asked for, and one page never comes. */
static const uint8_t *missing_page;
static uint32_t brought;
static bool is_there;

static size_t copy_what_is_there(void *to, const void *from, size_t size) {
    if (!is_there)
        size = size > 10 ? 10 : 0; /* short, in the middle of things */
    is_there = false;
    memcpy(to, from, size);
    return size;
}

static int bring_in(const void *address) {
    brought++;
    is_there = true;
    return address >= (const void *)missing_page && missing_page != NULL ? -LINUX_EFAULT : 0;
}

static void missing_pages_are_brought_in(void **state) {
    (void)state;
    struct world world;
    static uint8_t from[3 * VFS_PAGE_BYTES], to[3 * VFS_PAGE_BYTES];
    struct transfer_segment in = {from, sizeof(from)}, out = {to, sizeof(to)};
    struct transfer transfer;
    size_t done = 0;
    for (size_t i = 0; i < sizeof(from); i++)
        from[i] = (uint8_t)(i * 7);
    world_begin(&world, &no_limits);
    struct open_file *file = world_open(&world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    transfer_init(&transfer, &in, 1);
    transfer.copy = copy_what_is_there;
    transfer.bring_in = bring_in;
    assert_int_equal(file_write_at(&world.caller, file, 5, &transfer, &done), 0);
    assert_int_equal(done, sizeof(from));
    done = 0;
    transfer_init(&transfer, &out, 1);
    transfer.copy = copy_what_is_there;
    transfer.bring_in = bring_in;
    assert_int_equal(file_read_at(file, 5, &transfer, &done), 0);
    assert_int_equal(done, sizeof(to));
    assert_memory_equal(from, to, sizeof(to));
    assert_true(brought > 2);
    done = 0;
    missing_page = to + VFS_PAGE_BYTES;
    transfer_init(&transfer, &out, 1);
    transfer.copy = copy_what_is_there;
    transfer.bring_in = bring_in;
    assert_int_equal(file_read_at(file, 0, &transfer, &done), 0); /* what was read before it counts */
    assert_true(done > 0 && done < sizeof(to));
    file_unref(file);
    world_end(&world);
}

static int read_entries(struct open_file *file, void *bytes, size_t size, size_t *done) {
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = size};
    *done = 0;
    transfer_init(&transfer, &segment, 1);
    return file_read_folder(file, &transfer, done);
}

static void entries_are_laid_out_as_linux_does(void **state) {
    (void)state;
    struct world world;
    struct {
        uint64_t number;
        int64_t next;
        uint16_t size_bytes;
        uint8_t kind;
        char name[5];
    } entries[4];
    size_t done;
    int64_t at;
    struct walk_path path = world_at("d");
    world_begin(&world, &no_limits);
    assert_int_equal(world_make_folder(&world, "d"), 0);
    assert_int_equal(world_make_link(&world, "x", "d/link"), 0);
    struct open_file *file = world_open(&world, "d", LINUX_O_RDONLY | LINUX_O_DIRECTORY);
    assert_int_equal(read_entries(file, entries, 23, &done), -LINUX_EINVAL);
    assert_int_equal(read_entries(file, entries, sizeof(entries), &done), 0);
    assert_int_equal(done, 72);
    assert_string_equal(entries[0].name, ".");
    assert_int_equal(entries[0].number, file->inode->number);
    assert_string_equal(entries[1].name, "..");
    assert_int_equal(entries[1].number, world.root.dentry->inode->number);
    assert_string_equal(entries[2].name, "link");
    assert_int_equal(entries[2].kind, 10);
    assert_int_equal(entries[2].size_bytes, 24);
    assert_int_equal(read_entries(file, entries, sizeof(entries), &done), 0);
    assert_int_equal(done, 0);
    assert_int_equal(file_seek(file, entries[1].next, LINUX_SEEK_SET, &at), 0);
    assert_int_equal(read_entries(file, entries, sizeof(entries), &done), 0);
    assert_string_equal(entries[0].name, "link");
    struct walk_path link = world_at("d/link");
    assert_int_equal(vfs_unlink(&world.caller, &link), 0);
    assert_int_equal(vfs_remove_folder(&world.caller, &path), 0);
    assert_int_equal(read_entries(file, entries, sizeof(entries), &done), -LINUX_ENOENT);
    file_unref(file);
    world_end(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_has_a_position),           cmocka_unit_test(appending_goes_to_the_end),
        cmocka_unit_test(a_file_is_used_as_it_was_opened), cmocka_unit_test(segments_are_one_transfer),
        cmocka_unit_test(missing_pages_are_brought_in),    cmocka_unit_test(entries_are_laid_out_as_linux_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
