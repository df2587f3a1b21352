/* Descriptors: the lowest number, copies, marks, limits, and memory that runs out. */
#include "kernel/services/vfs/descriptors.h"

#include "kernel/services/vfs/test/world.h"

#define LIMIT 40u

struct scene {
    struct world world;
    struct descriptors table;
};

static void begin(struct scene *scene) {
    world_begin(&scene->world, &(struct tmpfs_limits){.mode = 0755});
    descriptors_init(&scene->table, &scene->world.vfs, LIMIT);
}

static void end(struct scene *scene) {
    descriptors_deinit(&scene->table);
    world_end(&scene->world);
}

static uint32_t open_one(struct scene *scene) {
    uint32_t number = UINT32_MAX;
    struct open_file *file = world_open(&scene->world, "f", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(descriptors_add(&scene->table, file, 0, false, &number), 0);
    return number;
}

static void the_lowest_free_number_is_given(void **state) {
    (void)state;
    struct scene scene;
    struct open_file *file;
    uint32_t number;
    begin(&scene);
    for (uint32_t i = 0; i < LIMIT; i++)
        assert_int_equal(open_one(&scene), i);
    file = world_open(&scene.world, "f", LINUX_O_RDWR);
    assert_int_equal(descriptors_add(&scene.table, file, 0, false, &number), -LINUX_EMFILE);
    file_unref(file);
    assert_int_equal(descriptors_close(&scene.table, 30), 0);
    assert_int_equal(descriptors_close(&scene.table, 3), 0);
    assert_int_equal(descriptors_close(&scene.table, 3), -LINUX_EBADF);
    assert_int_equal(descriptors_duplicate(&scene.table, 0, 10, false, &number), 0);
    assert_int_equal(number, 30);
    assert_int_equal(open_one(&scene), 3);
    assert_int_equal(descriptors_duplicate(&scene.table, 0, LIMIT, false, &number), -LINUX_EINVAL);
    assert_int_equal(descriptors_duplicate(&scene.table, 0, 1, false, &number), -LINUX_EMFILE);
    assert_int_equal(descriptors_get(&scene.table, LIMIT, &file), -LINUX_EBADF);
    end(&scene);
}

static void duplicates_share_a_file(void **state) {
    (void)state;
    struct scene scene;
    struct open_file *file, *other;
    bool is_marked = false;
    begin(&scene);
    uint32_t number = open_one(&scene), second = open_one(&scene);
    assert_int_equal(descriptors_replace(&scene.table, number, second, true), 0);
    assert_int_equal(descriptors_replace(&scene.table, number, 33, false), 0);
    assert_int_equal(descriptors_replace(&scene.table, number, LIMIT, false), -LINUX_EBADF);
    assert_int_equal(descriptors_replace(&scene.table, 20, number, false), -LINUX_EBADF);
    assert_int_equal(descriptors_get(&scene.table, number, &file), 0);
    assert_int_equal(descriptors_get(&scene.table, 33, &other), 0);
    assert_ptr_equal(file, other);
    assert_int_equal(file->references, 5);
    file_unref(file);
    file_unref(other);
    assert_int_equal(descriptors_read_mark(&scene.table, second, &is_marked), 0);
    assert_true(is_marked);
    assert_int_equal(descriptors_read_mark(&scene.table, number, &is_marked), 0);
    assert_false(is_marked);
    end(&scene);
}

static void a_copy_has_the_same_files_until_it_executes(void **state) {
    (void)state;
    struct scene scene;
    struct descriptors copy;
    struct open_file *file;
    begin(&scene);
    uint32_t kept = open_one(&scene), marked = open_one(&scene);
    assert_int_equal(descriptors_mark(&scene.table, marked, true), 0);
    assert_int_equal(descriptors_copy(&scene.table, &copy), 0);
    descriptors_execute(&copy);
    assert_int_equal(descriptors_get(&copy, marked, &file), -LINUX_EBADF);
    assert_int_equal(descriptors_get(&copy, kept, &file), 0);
    file_unref(file);
    assert_int_equal(descriptors_get(&scene.table, marked, &file), 0);
    file_unref(file);
    descriptors_deinit(&copy);
    scene.world.requests_left = 0;
    assert_int_equal(descriptors_copy(&scene.table, &copy), -LINUX_ENOMEM);
    assert_int_equal(descriptors_replace(&scene.table, kept, 39, false), -LINUX_ENOMEM);
    descriptors_deinit(&copy);
    end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_free_number_is_given),
        cmocka_unit_test(duplicates_share_a_file),
        cmocka_unit_test(a_copy_has_the_same_files_until_it_executes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
