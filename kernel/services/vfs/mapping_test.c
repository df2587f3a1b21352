/* Files in the memory of programs: the same pages, truncation, seals. Over both worlds, of files and of memory. */
#include "kernel/services/vfs/mapping.h"

#include "kernel/machine/bare/mm/test/memory_world.h"
#include "kernel/services/vfs/memory_file.h"
#include "kernel/services/vfs/seal.h"
#include "kernel/services/vfs/test/world.h"

#include <string.h>

#define RW (AREA_READ | AREA_WRITE)
#define PAGE(number) (WORLD_BASE + (uint64_t)(number)*PAGE_BYTES)

static void *take_page(void *context) {
    uint64_t physical;
    (void)context;
    return page_take(NULL, PAGE_ZEROED, &physical) == 0 ? memory_view(physical) : NULL;
}

static void give_page_back(void *context, void *page) {
    (void)context;
    page_unref(memory_physical(page));
}

static void begin(struct world *files, struct space *space) {
    static const struct tmpfs_limits limits = {.mode = 0755, .pages_max = 64};
    memory_world_begin();
    world_begin(files, &limits);
    files->machine.take_page = take_page;
    files->machine.give_page_back = give_page_back;
    assert_int_equal(space_create(space), 0);
}

static void end(struct world *files, struct space *space) {
    space_destroy(space);
    world_end(files);
    memory_world_end();
}

/* mmap of an open file at a fixed place. */
static int64_t map(struct space *space, uint64_t at, uint64_t pages, uint32_t protection, uint64_t type,
                   struct open_file *file) {
    struct memory_call_file found;
    mapping_of_file(file, &found);
    int64_t result = memory_call_map(space, at, pages * PAGE_BYTES, protection, type | LINUX_MAP_FIXED, &found, 0);
    memory_object_unref(found.object);
    return result;
}

static struct open_file *open_new(struct world *files, const char *name, uint64_t size) {
    assert_int_equal(world_make_file(files, name), 0);
    struct open_file *file = world_open(files, name, LINUX_O_RDWR);
    assert_int_equal(file_resize(&files->caller, file, (int64_t)size), 0);
    return file;
}

static void a_program_and_a_file_have_the_same_pages(void **state) {
    (void)state;
    struct world files;
    struct space space;
    uint8_t byte = 7;
    begin(&files, &space);
    struct open_file *file = open_new(&files, "f", 3 * PAGE_BYTES);
    assert_int_equal(world_write(&files, "f", PAGE_BYTES, &byte, 1), 1);
    assert_int_equal(map(&space, PAGE(0), 4, RW, LINUX_MAP_SHARED, file), PAGE(0));
    assert_int_equal(map(&space, PAGE(8), 4, RW, LINUX_MAP_PRIVATE, file), PAGE(8));
    assert_int_equal(memory_world_byte(&space, PAGE(1)), 7);
    memory_world_put(&space, PAGE(2) + 5, 9);
    assert_int_equal(world_read(&files, "f", 2 * PAGE_BYTES + 5, &byte, 1), 1);
    assert_int_equal(byte, 9);
    assert_int_equal(memory_world_byte(&space, PAGE(10) + 5), 9);
    memory_world_put(&space, PAGE(10) + 5, 1);
    assert_int_equal(memory_world_byte(&space, PAGE(2) + 5), 9);
    assert_int_equal(memory_world_write(&space, PAGE(3), 1), -LINUX_ENXIO);
    file_unref(file);
    assert_int_equal(vfs_unlink(&files.caller, &(struct walk_path){.text = "f"}), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(2) + 5), 9); /* it lives while it is mapped */
    end(&files, &space);
}

static void truncation_takes_pages_away(void **state) {
    (void)state;
    struct world files;
    struct space space;
    uint8_t byte = 0;
    begin(&files, &space);
    struct open_file *file = open_new(&files, "f", 3 * PAGE_BYTES);
    assert_int_equal(map(&space, PAGE(0), 3, RW, LINUX_MAP_SHARED, file), PAGE(0));
    assert_int_equal(map(&space, PAGE(8), 3, RW, LINUX_MAP_PRIVATE, file), PAGE(8));
    for (unsigned i = 0; i < 3; i++) {
        memory_world_put(&space, PAGE(i) + 200, 5);
        memory_world_put(&space, PAGE(8 + i), 6);
    }
    assert_int_equal(file_resize(&files.caller, file, PAGE_BYTES + 100), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(0) + 200), 5);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 200), 0); /* behind the end, in its page */
    assert_int_equal(memory_world_read(&space, PAGE(2), &byte), -LINUX_ENXIO);
    assert_int_equal(memory_world_read(&space, PAGE(10), &byte), -LINUX_ENXIO); /* also what was a copy */
    assert_int_equal(memory_world_byte(&space, PAGE(9)), 6);
    memory_world_put(&space, PAGE(1) + 300, 4);
    assert_int_equal(file_resize(&files.caller, file, 3 * PAGE_BYTES), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 300), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(2) + 200), 0);
    memory_world_put(&space, PAGE(1), 1);
    assert_int_equal(
        file_allocate(&files.caller, file, LINUX_FALLOC_PUNCH_HOLE | LINUX_FALLOC_KEEP_SIZE, 0, 2 * PAGE_BYTES), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(1)), 0);
    memory_world_put(&space, PAGE(1), 2);
    assert_int_equal(world_read(&files, "f", PAGE_BYTES, &byte, 1), 1);
    assert_int_equal(byte, 2);
    file_unref(file);
    end(&files, &space);
}

static void a_full_file_system_is_a_bus_error(void **state) {
    (void)state;
    struct world files;
    struct space space;
    begin(&files, &space);
    struct open_file *file = open_new(&files, "f", 100 * PAGE_BYTES);
    assert_int_equal(map(&space, PAGE(0), 100, RW, LINUX_MAP_SHARED, file), PAGE(0));
    for (unsigned i = 0; i < 64; i++)
        memory_world_put(&space, PAGE(i), 1);
    assert_int_equal(memory_world_write(&space, PAGE(64), 1), -LINUX_ENXIO);
    file_unref(file);
    end(&files, &space);
}

static void seals_hold(void **state) {
    (void)state;
    struct world files;
    struct space space;
    struct open_file *file, *other;
    begin(&files, &space);
    assert_int_equal(memory_file_create(&files.caller, "a/b", 0777, true, &file), 0);
    assert_int_equal(memory_file_create(&files.caller, "a/b", 0777, false, &other), 0);
    assert_int_equal(file_seals(other), LINUX_F_SEAL_SEAL);
    assert_int_equal(file_add_seals(other, LINUX_F_SEAL_GROW), -LINUX_EPERM);
    assert_int_equal(file_seals(file), 0);
    assert_int_equal(file_resize(&files.caller, file, 2 * PAGE_BYTES), 0);
    assert_int_equal(file_add_seals(file, LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW), 0);
    assert_int_equal(file_resize(&files.caller, file, PAGE_BYTES), -LINUX_EPERM);
    assert_int_equal(file_resize(&files.caller, file, 3 * PAGE_BYTES), -LINUX_EPERM);
    assert_int_equal(world_write_file(&files, file, "x", 1), 1);
    assert_int_equal(map(&space, PAGE(0), 2, RW, LINUX_MAP_SHARED, file), PAGE(0));
    assert_int_equal(file_add_seals(file, LINUX_F_SEAL_WRITE), -LINUX_EBUSY);
    assert_int_equal(file_seals(file), LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW);
    assert_int_equal(file_add_seals(file, LINUX_F_SEAL_FUTURE_WRITE), 0);
    memory_world_put(&space, PAGE(0), 8); /* what is mapped stays so */
    assert_int_equal(world_write_file(&files, file, "x", 1), -LINUX_EPERM);
    assert_int_equal(map(&space, PAGE(4), 2, RW, LINUX_MAP_SHARED, file), -LINUX_EPERM);
    assert_int_equal(map(&space, PAGE(4), 2, AREA_READ, LINUX_MAP_SHARED, file), PAGE(4));
    assert_int_equal(memory_call_protect(&space, PAGE(4), PAGE_BYTES, RW), -LINUX_EACCES);
    assert_int_equal(map(&space, PAGE(6), 2, RW, LINUX_MAP_PRIVATE, file), PAGE(6));
    assert_int_equal(memory_call_unmap(&space, PAGE(0), 2 * PAGE_BYTES), 0);
    assert_int_equal(file_add_seals(file, LINUX_F_SEAL_WRITE | LINUX_F_SEAL_SEAL), 0);
    assert_int_equal(file_add_seals(file, LINUX_F_SEAL_WRITE), -LINUX_EPERM);
    assert_int_equal(memory_world_byte(&space, PAGE(4)), 8);
    file_unref(file);
    file_unref(other);
    end(&files, &space);
}

static void what_is_no_file_cannot_be_mapped(void **state) {
    (void)state;
    struct world files;
    struct space space;
    begin(&files, &space);
    assert_int_equal(world_make_folder(&files, "d"), 0);
    struct open_file *folder = world_open(&files, "d", LINUX_O_RDONLY);
    assert_int_equal(map(&space, PAGE(0), 1, AREA_READ, LINUX_MAP_PRIVATE, folder), -LINUX_ENODEV);
    assert_int_equal(file_seals(folder), -LINUX_EINVAL);
    file_unref(folder);
    struct open_file *path = world_open(&files, "d", LINUX_O_PATH);
    assert_int_equal(map(&space, PAGE(0), 1, AREA_READ, LINUX_MAP_PRIVATE, path), -LINUX_EBADF);
    file_unref(path);
    end(&files, &space);
}

static void a_segment_ends_in_zeros(void **state) {
    (void)state;
    struct world files;
    struct space space;
    struct memory_object *object;
    uint8_t bytes[3 * PAGE_BYTES];
    begin(&files, &space);
    memset(bytes, 3, sizeof(bytes));
    struct open_file *file = open_new(&files, "f", 0);
    assert_int_equal(world_write(&files, "f", 0, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(mapping_open(file->inode, &object), 0);
    assert_int_equal(space_map_segment(&space, PAGE(0), PAGE(4), RW, object, PAGE_BYTES, PAGE_BYTES + 10), 0);
    assert_int_equal(space_map_segment(&space, PAGE(8), PAGE(9), AREA_READ | AREA_EXECUTE, object, 0, 10), 0);
    memory_object_unref(object);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 9), 3);
    assert_int_equal(memory_world_byte(&space, PAGE(1) + 10), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(2)), 0);
    assert_int_equal(memory_world_byte(&space, PAGE(8) + 10), 3);
    assert_int_equal(world_read(&files, "f", 2 * PAGE_BYTES + 10, bytes, 1), 1);
    assert_int_equal(bytes[0], 3); /* the file has not changed */
    file_unref(file);
    end(&files, &space);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_program_and_a_file_have_the_same_pages), cmocka_unit_test(truncation_takes_pages_away),
        cmocka_unit_test(a_full_file_system_is_a_bus_error),        cmocka_unit_test(seals_hold),
        cmocka_unit_test(what_is_no_file_cannot_be_mapped),         cmocka_unit_test(a_segment_ends_in_zeros),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
