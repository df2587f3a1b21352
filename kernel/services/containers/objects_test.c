/* The table of machine objects: numbers that are closed are found out, and places are used in turn. */
#include "kernel/services/containers/objects.h"

#include "kernel/services/vfs/test/world.h"

static struct world world;
static struct objects objects;

static const struct file_operations nothing = {.name = "nothing"};

static struct open_file *make_file(void) {
    struct open_file *file = file_create(&world.vfs, &nothing, NULL, LINUX_O_RDWR);
    assert_non_null(file);
    return file;
}

static int set_up(void **state) {
    const struct tmpfs_limits limits = {.mode = 0755};
    (void)state;
    world_begin(&world, &limits);
    return objects_init(&objects, &world.machine, 4);
}

static int tear_down(void **state) {
    (void)state;
    objects_deinit(&objects, &world.machine);
    world_end(&world);
    return 0;
}

static void closed_number_is_found_out(void **state) {
    machine_object first, second;
    struct open_file *file = make_file();
    (void)state;
    assert_int_equal(objects_add(&objects, file, &first), GROVE_OK);
    assert_true(first >= 0);
    assert_ptr_equal(objects_find(&objects, first), file);
    assert_ptr_equal(objects_take(&objects, first), file);
    assert_null(objects_find(&objects, first));
    assert_null(objects_take(&objects, first));
    assert_int_equal(objects.stale, 2);
    for (uint32_t i = 0; i < 20; i++) {
        assert_int_equal(objects_add(&objects, file, &second), GROVE_OK);
        assert_int_not_equal(second, first);
        assert_ptr_equal(objects_take(&objects, second), file);
    }
    file_unref(file);
}

static void full_table_says_so_and_takes_again(void **state) {
    machine_object numbers[4], more;
    struct open_file *file = make_file();
    (void)state;
    for (uint32_t i = 0; i < 4; i++)
        assert_int_equal(objects_add(&objects, make_file(), &numbers[i]), GROVE_OK);
    assert_false(objects_have_room(&objects, 1));
    assert_int_equal(objects_add(&objects, file, &more), GROVE_NO_DESCRIPTORS);
    file_unref(objects_take(&objects, numbers[2]));
    assert_true(objects_have_room(&objects, 1));
    assert_int_equal(objects_add(&objects, file, &more), GROVE_OK);
    assert_ptr_equal(objects_find(&objects, more), file);
    assert_null(objects_find(&objects, numbers[2]));
    assert_non_null(objects_find(&objects, numbers[3]));
}

static void numbers_that_never_were_are_none(void **state) {
    (void)state;
    assert_null(objects_find(&objects, MACHINE_OBJECT_NONE));
    assert_null(objects_find(&objects, 0));
    assert_null(objects_find(&objects, INT32_MAX));
    assert_null(objects_find(&objects, INT32_MIN));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(closed_number_is_found_out, set_up, tear_down),
        cmocka_unit_test_setup_teardown(full_table_says_so_and_takes_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(numbers_that_never_were_are_none, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
