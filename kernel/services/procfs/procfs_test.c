/* File systems of printed text: tables and lists, one state for each open file, names that go, links, and memory that runs out. */
#include "kernel/services/procfs/procfs.h"

#include "kernel/services/vfs/test/world.h"

#include <stdio.h>
#include <string.h>

static struct world world;
static struct file_system *system_of_test;
static uint32_t version;
static int32_t lowest = 3, highest = 5; /* numbers that there are */

static int print_version(const struct proc_place *place, struct proc_text *text) {
    (void)place;
    for (uint32_t i = 0; i < 200; i++)
        proc_print(text, "%u ", version);
    return 0;
}

static int print_place(const struct proc_place *place, struct proc_text *text) {
    proc_print(text, "%d", place->process);
    return place->process == 4 ? -LINUX_ESRCH : 0;
}

static int link_inside(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    (void)place;
    (void)to;
    return snprintf(text, size_bytes, "3/place");
}

/* To the file "far" of the root, whatever its text says. */
static int link_outside(const struct proc_place *place, char *text, size_t size_bytes, struct path *to) {
    struct walk_path path = {.text = "/far"};
    (void)place;
    int status = walk(&world.caller, &path, 0, to);
    return status != 0 ? status : snprintf(text, size_bytes, "far: [1]");
}

static int32_t next(const struct proc_place *folder, int32_t after) {
    (void)folder;
    int32_t number = after + 1 > lowest ? after + 1 : lowest;
    return number <= highest ? number : -1;
}

static struct proc_place place_of(const struct proc_place *folder, int32_t number) {
    (void)folder;
    return (struct proc_place){.process = number, .number = -1};
}

static const struct proc_node place_files[] = {{.name = "place", .mode = LINUX_S_IFREG | 0444, .print = print_place},
                                               {0}};
static const struct proc_node place = {.mode = LINUX_S_IFDIR | 0555, .children = place_files};
static const struct proc_list list = {.next = next, .place = place_of, .node = &place};
static const struct proc_list named_list = {.prefix = "cpu", .next = next, .place = place_of, .node = &place};
static const struct proc_node files[] = {{.name = "named", .mode = LINUX_S_IFDIR | 0555, .list = &named_list},
                                         {.name = "version", .mode = LINUX_S_IFREG | 0444, .print = print_version},
                                         {.name = "inside", .mode = LINUX_S_IFLNK | 0777, .link = link_inside},
                                         {.name = "outside", .mode = LINUX_S_IFLNK | 0777, .link = link_outside},
                                         {0}};
static const struct proc_node root = {.mode = LINUX_S_IFDIR | 0555, .children = files, .list = &list};

static void begin(void) {
    struct path path;
    lowest = 3;
    highest = 5;
    version = 1;
    world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
    assert_int_equal(world_make_folder(&world, "proc"), 0);
    assert_int_equal(procfs_create(&world.vfs, "proc", &root, NULL, &system_of_test), 0);
    assert_int_equal(world_look(&world, "proc", 0, &path), 0);
    assert_int_equal(view_mount(&world.view, &path, system_of_test->root, 0), 0);
}

static void end(void) {
    vfs_lock(&world.vfs);
    file_system_unref(system_of_test);
    vfs_unlock(&world.vfs);
    world_end(&world);
}

static void expect(const char *path, const char *text) {
    char got[32] = "";
    struct open_file *file = world_open(&world, path, LINUX_O_RDONLY);
    assert_int_equal(world_read_file(file, got, sizeof(got)), strlen(text));
    assert_memory_equal(got, text, strlen(text));
    file_unref(file);
}

static void numbers_may_have_a_word_before_them(void **state) {
    struct path path;
    (void)state;
    begin();
    expect("proc/named/cpu3/place", "3");
    expect("proc/named/cpu5/place", "5");
    assert_int_equal(world_look(&world, "proc/named/cpu6", 0, &path), -LINUX_ENOENT);
    assert_int_equal(world_look(&world, "proc/named/cpu", 0, &path), -LINUX_ENOENT);
    assert_int_equal(world_look(&world, "proc/named/3", 0, &path), -LINUX_ENOENT);
    assert_int_equal(world_look(&world, "proc/named/cp", 0, &path), -LINUX_ENOENT);
    end();
}

static void an_open_file_is_of_one_state(void **state) {
    char got[4] = "";
    int64_t at;
    (void)state;
    begin();
    struct open_file *file = world_open(&world, "proc/version", LINUX_O_RDONLY);
    version = 2;
    for (int i = 0; i < 200; i++) {
        assert_int_equal(world_read_file(file, got, 2), 2);
        assert_memory_equal(got, "1 ", 2);
    }
    assert_int_equal(world_read_file(file, got, 2), 0);
    assert_int_equal(file_seek(file, 1, LINUX_SEEK_SET, &at), 0);
    assert_int_equal(world_read_file(file, got, 3), 3);
    assert_memory_equal(got, " 1 ", 3);
    file_unref(file);
    file = world_open(&world, "proc/version", LINUX_O_RDONLY);
    assert_int_equal(world_read_file(file, got, 1), 1);
    assert_int_equal(got[0], '2');
    file_unref(file);
    end();
}

static void numbers_come_and_go(void **state) {
    struct path path;
    (void)state;
    begin();
    expect("proc/3/place", "3");
    assert_int_equal(world_look(&world, "proc/6", 0, &path), -LINUX_ENOENT);
    highest = 6;
    expect("proc/6/place", "6");
    lowest = 4;
    assert_int_equal(world_look(&world, "proc/3", 0, &path), -LINUX_ENOENT);
    assert_int_equal(world_look(&world, "proc/05", 0, &path), -LINUX_ENOENT);
    assert_int_equal(world_look(&world, "proc/99999999999", 0, &path), -LINUX_ENOENT);
    struct walk_path gone = world_at("proc/4/place");
    struct open_file *file;
    assert_int_equal(file_open(&world.caller, &gone, LINUX_O_RDONLY, 0, &file), -LINUX_ESRCH);
    end();
}

static void expect_entries(const char *folder, const char *const expected[], unsigned count) {
    uint8_t bytes[1024];
    size_t done = 0, at = 0;
    struct open_file *file = world_open(&world, folder, LINUX_O_RDONLY | LINUX_O_DIRECTORY);
    struct transfer transfer;
    struct transfer_segment segment = {.base = bytes, .size_bytes = sizeof(bytes)};
    transfer_init(&transfer, &segment, 1);
    assert_int_equal(file_read_folder(file, &transfer, &done), 0);
    for (unsigned i = 0; i < count; i++) {
        uint16_t size;
        memcpy(&size, bytes + at + 16, sizeof(size));
        assert_string_equal((const char *)bytes + at + 19, expected[i]);
        at += size;
    }
    assert_int_equal(at, done);
    file_unref(file);
}

static void folders_list_tables_and_numbers(void **state) {
    static const char *const expected[] = {".", "..", "named", "version", "inside", "outside", "3", "4", "5"};
    static const char *const named[] = {".", "..", "cpu3", "cpu4", "cpu5"};
    (void)state;
    begin();
    expect_entries("proc", expected, ITEMS(expected));
    expect_entries("proc/named", named, ITEMS(named));
    end();
}

static void links_lead_by_text_or_further(void **state) {
    (void)state;
    begin();
    expect("proc/inside", "3");
    assert_int_equal(world_make_file(&world, "far"), 0);
    struct open_file *file = world_open(&world, "far", LINUX_O_WRONLY);
    assert_int_equal(world_write_file(&world, file, "far away", 8), 8);
    file_unref(file);
    expect("proc/outside", "far away");
    struct walk_path scoped = {.text = "proc/outside", .resolve = LINUX_RESOLVE_NO_MAGICLINKS};
    assert_int_equal(file_open(&world.caller, &scoped, LINUX_O_RDONLY, 0, &file), -LINUX_ELOOP);
    end();
}

static void nothing_can_be_changed(void **state) {
    struct walk_path path = world_at("proc/version"), other = world_at("proc/other");
    struct open_file *file;
    (void)state;
    begin();
    assert_int_equal(vfs_make_folder(&world.caller, &other, 0755), -LINUX_ENOENT);
    assert_int_equal(vfs_unlink(&world.caller, &path), -LINUX_EPERM);
    assert_int_equal(vfs_rename(&world.caller, &path, &other, 0), -LINUX_EPERM);
    world_become(&world, WORLD_USER, WORLD_USER);
    assert_int_equal(file_open(&world.caller, &path, LINUX_O_RDWR, 0, &file), -LINUX_EACCES);
    world_become_root(&world);
    end();
}

static void memory_may_run_out(void **state) {
    struct walk_path path = world_at("proc/version");
    struct open_file *file;
    int status = -1;
    (void)state;
    begin();
    for (uint64_t requests = 0; status != 0; requests++) {
        world.requests_left = requests;
        status = file_open(&world.caller, &path, LINUX_O_RDONLY, 0, &file);
        assert_true(status == 0 || status == -LINUX_ENOMEM);
    }
    file_unref(file);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_may_have_a_word_before_them),
        cmocka_unit_test(an_open_file_is_of_one_state),
        cmocka_unit_test(numbers_come_and_go),
        cmocka_unit_test(folders_list_tables_and_numbers),
        cmocka_unit_test(links_lead_by_text_or_further),
        cmocka_unit_test(nothing_can_be_changed),
        cmocka_unit_test(memory_may_run_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
