/* Memory files as the core uses them, mapped by programs: law 3, the closed bit, copies without holes. */
#include "kernel/services/containers/memory_files.h"

#include "kernel/machine/bare/mm/test/memory_world.h"
#include "kernel/services/containers/inside.h"
#include "kernel/services/containers/test/fake_host.h"
#include "kernel/services/vfs/mapping.h"

#define RW (AREA_READ | AREA_WRITE)
#define PAGES 8u
#define SECOND (WORLD_BASE + UINT64_C(0x100000))

static struct world world;
static struct space owner, peer;

static void *take_page(void *context) {
    uint64_t physical;
    (void)context;
    return page_take(NULL, PAGE_ZEROED, &physical) == 0 ? memory_view(physical) : NULL;
}

static void give_page_back(void *context, void *page) {
    (void)context;
    page_unref(memory_physical(page));
}

static uint64_t clock_ns(void *context) {
    (void)context;
    return 1;
}

static int set_up(void **state) {
    const struct tmpfs_limits limits = {.mode = 0755};
    (void)state;
    memory_world_begin();
    world_begin(&world, &limits);
    world.machine.take_page = take_page;
    world.machine.give_page_back = give_page_back;
    world.machine.clock_ns = clock_ns;
    fake_host_open(&world);
    memory_files_serve(&fake_host.host.memory);
    const struct containers_plan plan = {.vfs = &world.vfs,
                                         .host = &fake_host.host,
                                         .caller = world.caller,
                                         .limits = {.containers = 8, .text_bytes = 1 << 16, .spec_bytes = 1 << 16},
                                         .objects = 64};
    assert_int_equal(containers_init(&plan), 0);
    assert_int_equal(space_create(&owner), 0);
    assert_int_equal(space_create(&peer), 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    space_destroy(&owner);
    space_destroy(&peer);
    containers_deinit();
    world_end(&world);
    memory_world_end();
    return 0;
}

static int64_t map(struct space *space, uint64_t at, machine_object memory, uint32_t protection) {
    struct memory_call_file found;
    mapping_of_file(objects_find(&containers.objects, memory), &found);
    int64_t result =
        memory_call_map(space, at, PAGES * PAGE_BYTES, protection, LINUX_MAP_SHARED | LINUX_MAP_FIXED, &found, 0);
    memory_object_unref(found.object);
    return result;
}

static machine_object create(void) {
    machine_object memory;
    assert_int_equal(machine_memory_create(PAGES * PAGE_BYTES, 0, &memory), GROVE_OK);
    return memory;
}

/* The owner's mapping stays writable, nobody makes another, and the kernel still writes its bit. */
static void one_writer_is_left_after_the_seal(void **state) {
    machine_object memory = create();
    (void)state;
    assert_int_equal(map(&owner, WORLD_BASE, memory, RW), WORLD_BASE);
    assert_int_equal(machine_memory_seal(memory), GROVE_OK);
    assert_int_equal(map(&peer, WORLD_BASE, memory, RW), -LINUX_EPERM);
    assert_int_equal(map(&peer, WORLD_BASE, memory, AREA_READ), WORLD_BASE);
    memory_world_put(&owner, WORLD_BASE + PAGE_BYTES, 7);
    assert_int_equal(memory_world_byte(&peer, WORLD_BASE + PAGE_BYTES), 7);
    assert_int_equal(world_write_file(&world, objects_find(&containers.objects, memory), "x", 1), -LINUX_EPERM);
    fake_host.wakes = 0;
    machine_memory_signal(memory, 8, 0x80);
    assert_int_equal(memory_world_byte(&peer, WORLD_BASE + 8), 0x80);
    machine_object_close(memory);
    assert_int_equal(memory_world_byte(&peer, WORLD_BASE + PAGE_BYTES), 7); /* what maps it keeps it */
}

static void size_never_changes(void **state) {
    machine_object memory = create();
    struct open_file *file = objects_find(&containers.objects, memory);
    (void)state;
    assert_int_equal(file_resize(&world.caller, file, 0), -LINUX_EPERM);
    assert_int_equal(file_resize(&world.caller, file, (PAGES + 1) * PAGE_BYTES), -LINUX_EPERM);
    machine_object_close(memory);
}

static void copy_has_contents_and_holes(void **state) {
    machine_object memory = create(), clone;
    (void)state;
    assert_int_equal(map(&owner, WORLD_BASE, memory, RW), WORLD_BASE);
    memory_world_put(&owner, WORLD_BASE + 5 * PAGE_BYTES + 9, 5);
    assert_int_equal(machine_memory_clone(memory, PAGES * PAGE_BYTES, 0, &clone), GROVE_OK);
    memory_world_put(&owner, WORLD_BASE + 5 * PAGE_BYTES + 9, 6);
    assert_int_equal(objects_find(&containers.objects, clone)->inode->pages, 2); /* the first, and that one */
    assert_int_equal(map(&owner, SECOND, clone, RW), SECOND);
    assert_int_equal(memory_world_byte(&owner, SECOND + 5 * PAGE_BYTES + 9), 5);
    machine_object_close(memory);
    machine_object_close(clone);
}

static void kernel_page_is_read_by_its_container(void **state) {
    machine_object memory;
    struct grove_kernel_page *page;
    struct memory_call_file found;
    (void)state;
    assert_int_equal(machine_kernel_page_create(&memory, &page), GROVE_OK);
    mapping_of_file(objects_find(&containers.objects, memory), &found);
    assert_int_equal(memory_call_map(&owner, WORLD_BASE, PAGE_BYTES, RW, LINUX_MAP_SHARED | LINUX_MAP_FIXED, &found, 0),
                     -LINUX_EPERM);
    assert_int_equal(
        memory_call_map(&owner, WORLD_BASE, PAGE_BYTES, AREA_READ, LINUX_MAP_SHARED | LINUX_MAP_FIXED, &found, 0),
        WORLD_BASE);
    memory_object_unref(found.object);
    page->tracing = 1;
    assert_int_equal(memory_world_byte(&owner, WORLD_BASE + offsetof(struct grove_kernel_page, tracing)), 1);
    machine_kernel_page_destroy(memory, page);
}

int main(void) {
#define SET(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        SET(one_writer_is_left_after_the_seal),
        SET(size_never_changes),
        SET(copy_has_contents_and_holes),
        SET(kernel_page_is_read_by_its_container),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
