/* Memory operations: seals, words that are changed after the owner lost its right to write, kernel pages, blobs. */
#include "kernel/services/containers/test/stage.h"

#include <string.h>

#define SIZE_SEALS (LINUX_F_SEAL_SHRINK | LINUX_F_SEAL_GROW)

static int set_up(void **state) {
    (void)state;
    stage_set_up();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_close();
    return 0;
}

static void memory_is_of_fixed_size_and_sealed_for_good(void **state) {
    machine_object memory;
    (void)state;
    assert_int_equal(machine_memory_create(8192, 0, &memory), GROVE_OK);
    struct open_file *file = objects_find(&containers.objects, memory);
    assert_int_equal(fake_size(file), 8192);
    assert_int_equal(fake_seals(file), SIZE_SEALS);
    assert_int_equal(machine_memory_seal(memory), GROVE_OK);
    assert_int_equal(fake_seals(file), SIZE_SEALS | LINUX_F_SEAL_FUTURE_WRITE | LINUX_F_SEAL_SEAL);
    assert_int_equal(machine_memory_seal(memory), GROVE_IO);
    machine_object_close(memory);
    assert_int_equal(fake_host.memories, 0);
}

static uint32_t word_at(machine_object memory, uint64_t offset) {
    uint32_t word;
    memcpy(&word, fake_bytes(objects_find(&containers.objects, memory)) + offset, sizeof(word));
    return word;
}

static void sealed_memory_is_still_signalled(void **state) {
    machine_object memory;
    (void)state;
    assert_int_equal(machine_memory_create(8192, 0, &memory), GROVE_OK);
    assert_int_equal(machine_memory_seal(memory), GROVE_OK);
    machine_memory_signal(memory, 64, 5);
    machine_memory_signal(memory, 64, 2);
    assert_int_equal(word_at(memory, 64), 7);
    machine_memory_count(memory, 64);
    assert_int_equal(word_at(memory, 64), 8);
    assert_int_equal(fake_host.wakes, 3);
    machine_memory_signal(memory, 4096, 1); /* behind the first page, and between two words */
    machine_memory_signal(memory, 66, 1);
    assert_int_equal(fake_host.wakes, 3);
    machine_object_close(memory);
}

static void clone_has_the_contents_and_is_its_own(void **state) {
    machine_object memory, clone;
    (void)state;
    assert_int_equal(machine_memory_create(8192, 0, &memory), GROVE_OK);
    memset(fake_bytes(objects_find(&containers.objects, memory)), 7, 8192);
    assert_int_equal(machine_memory_clone(memory, 4096, 0, &clone), GROVE_OK);
    assert_int_equal(fake_size(objects_find(&containers.objects, clone)), 4096);
    assert_int_equal(fake_seals(objects_find(&containers.objects, clone)), SIZE_SEALS);
    machine_memory_signal(memory, 0, UINT32_MAX);
    assert_int_equal(word_at(clone, 0), 0x07070707);
    machine_object_close(memory);
    machine_object_close(clone);
}

static void kernel_page_is_written_by_the_kernel_alone(void **state) {
    machine_object memory;
    struct grove_kernel_page *page;
    (void)state;
    assert_int_equal(machine_kernel_page_create(&memory, &page), GROVE_OK);
    struct open_file *file = objects_find(&containers.objects, memory);
    assert_int_equal(fake_seals(file), SIZE_SEALS | LINUX_F_SEAL_FUTURE_WRITE | LINUX_F_SEAL_SEAL);
    page->notices = 3;
    assert_int_equal(word_at(memory, offsetof(struct grove_kernel_page, notices)), 3);
    machine_kernel_page_wake(page);
    assert_int_equal(fake_host.wakes, 1);
    machine_kernel_page_destroy(memory, page);
}

static machine_object blob(const char *bytes, size_t size, uint32_t seals) {
    machine_object object;
    assert_int_equal(objects_add(&containers.objects, fake_memory(bytes, size, seals), &object), GROVE_OK);
    return object;
}

static void only_what_cannot_change_is_read(void **state) {
    char bytes[8];
    (void)state;
    machine_object fixed = blob("contents", 8, SIZE_SEALS | LINUX_F_SEAL_WRITE);
    machine_object writable = blob("contents", 8, SIZE_SEALS | LINUX_F_SEAL_FUTURE_WRITE);
    machine_object shrinking = blob("contents", 8, LINUX_F_SEAL_WRITE | LINUX_F_SEAL_GROW);
    assert_int_equal(machine_blob_read(fixed, bytes, 8), GROVE_OK);
    assert_memory_equal(bytes, "contents", 8);
    assert_int_equal(machine_blob_read(fixed, bytes, 9), GROVE_INVALID);
    assert_int_equal(machine_blob_read(writable, bytes, 8), GROVE_INVALID);
    assert_int_equal(machine_blob_read(shrinking, bytes, 8), GROVE_INVALID);
    machine_object_close(fixed);
    machine_object_close(writable);
    machine_object_close(shrinking);
    assert_int_equal(world_make_file(&stage.world, "/file"), 0);
    machine_object file;
    assert_int_equal(objects_add(&containers.objects, world_open(&stage.world, "/file", LINUX_O_RDWR), &file),
                     GROVE_OK);
    assert_int_equal(machine_blob_read(file, bytes, 0), GROVE_INVALID);
    machine_object_close(file);
}

static void bells_have_two_numbers_or_none(void **state) {
    machine_object ends[2];
    (void)state;
    uint32_t used = containers.objects.used;
    assert_int_equal(machine_bell_create(ends), GROVE_OK);
    assert_int_not_equal(ends[0], ends[1]);
    machine_object_close(ends[0]);
    machine_object_close(ends[1]);
    stage.world.requests_left = 1;
    assert_int_equal(machine_bell_create(ends), GROVE_NO_DESCRIPTORS);
    stage.world.requests_left = UINT64_MAX;
    assert_int_equal(containers.objects.used, used);
    machine_object_close(MACHINE_OBJECT_NONE);
}

static void nothing_is_left_without_memory(void **state) {
    machine_object memory;
    struct grove_kernel_page *page;
    (void)state;
    stage.world.requests_left = 0;
    assert_int_equal(machine_memory_create(4096, 0, &memory), GROVE_NO_MEMORY);
    assert_int_equal(machine_kernel_page_create(&memory, &page), GROVE_NO_MEMORY);
    stage.world.requests_left = 1;
    assert_int_equal(machine_kernel_page_create(&memory, &page), GROVE_NO_MEMORY);
    stage.world.requests_left = UINT64_MAX;
    assert_int_equal(fake_host.memories, 0);
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(memory_is_of_fixed_size_and_sealed_for_good),
        STAGED(sealed_memory_is_still_signalled),
        STAGED(clone_has_the_contents_and_is_its_own),
        STAGED(kernel_page_is_written_by_the_kernel_alone),
        STAGED(only_what_cannot_change_is_read),
        STAGED(bells_have_two_numbers_or_none),
        STAGED(nothing_is_left_without_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
