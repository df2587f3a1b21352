/* Devices: those that are always there, one of a driver, and the file system that shows them. */
#include "kernel/services/vfs/device.h"

#include "kernel/services/vfs/test/world.h"

#include <string.h>

static int read_greeting(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct device *device = file->device;
    *done_bytes = transfer_out(transfer, device->context, strlen(device->context));
    return 0;
}

static void begin(struct world *world, struct file_system **devices) {
    struct path place;
    world_begin(world, &(struct tmpfs_limits){.mode = 0755});
    assert_int_equal(world_make_folder(world, "dev"), 0);
    assert_int_equal(devfs_create(&world->vfs, devices), 0);
    assert_int_equal(world_look(world, "dev", 0, &place), 0);
    assert_int_equal(view_mount(&world->view, &place, (*devices)->root, 0), 0);
}

static void end(struct world *world, struct file_system *devices) {
    vfs_lock(&world->vfs);
    file_system_unref(devices);
    vfs_unlock(&world->vfs);
    world_end(world);
}

static void devices_do_what_their_names_say(void **state) {
    (void)state;
    static const struct {
        const char *path;
        int64_t write, read;
        uint8_t byte;
    } cases[] = {
        {"dev/null", 5, 0, 9},      {"dev/zero", 5, 5, 0},       {"dev/full", -LINUX_ENOSPC, 5, 0},
        {"dev/random", 5, 5, 0x5c}, {"dev/urandom", 5, 5, 0x5c},
    };
    struct world world;
    struct file_system *devices;
    begin(&world, &devices);
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        uint8_t bytes[5] = {9, 9, 9, 9, 9};
        int64_t at = 7;
        struct open_file *file = world_open(&world, cases[i].path, LINUX_O_RDWR);
        assert_int_equal(world_write_file(&world, file, "bytes", 5), cases[i].write);
        assert_int_equal(world_read_file(file, bytes, 5), cases[i].read);
        assert_int_equal(bytes[4], cases[i].byte);
        assert_int_equal(file_seek(file, 3, LINUX_SEEK_SET, &at), 0);
        assert_int_equal(at, 0);
        file_unref(file);
    }
    end(&world, devices);
}

static void a_driver_adds_its_device(void **state) {
    (void)state;
    static const struct file_operations operations = {.read = read_greeting};
    struct device console = {.name = "console",
                             .major = 5,
                             .minor = 1,
                             .mode = 0600,
                             .operations = &operations,
                             .context = (char[]){"hello"}};
    struct device again = {.name = "other", .major = 1, .minor = 3, .operations = &operations};
    struct world world;
    struct file_system *devices, *more;
    struct path place;
    struct open_file *file;
    char text[8] = "";
    begin(&world, &devices);
    struct walk_path path = world_at("dev/console");
    assert_int_equal(file_open(&world.caller, &path, LINUX_O_RDONLY, 0, &file), -LINUX_ENOENT);
    assert_int_equal(vfs_make_node(&world.caller, &path, LINUX_S_IFCHR | 0600, vfs_device(5, 1)), 0);
    assert_int_equal(file_open(&world.caller, &path, LINUX_O_RDONLY, 0, &file), -LINUX_ENXIO);
    assert_int_equal(device_add(&world.vfs, &console), 0);
    assert_int_equal(device_add(&world.vfs, &console), -LINUX_EEXIST);
    assert_int_equal(device_add(&world.vfs, &again), -LINUX_EEXIST);
    assert_int_equal(devfs_create(&world.vfs, &more), 0);
    assert_int_equal(world_look(&world, "dev", 0, &place), 0);
    assert_int_equal(view_mount(&world.view, &place, more->root, MOUNT_NO_DEVICES), 0);
    assert_int_equal(file_open(&world.caller, &path, LINUX_O_RDONLY, 0, &file), -LINUX_EACCES);
    assert_int_equal(world_look(&world, "dev", 0, &place), 0);
    assert_int_equal(view_unmount(&world.view, &place), 0);
    file = world_open(&world, "dev/console", LINUX_O_RDONLY);
    int64_t at;
    assert_int_equal(world_read_file(file, text, sizeof(text)), 5);
    assert_string_equal(text, "hello");
    assert_int_equal(file_seek(file, 0, LINUX_SEEK_SET, &at), -LINUX_ESPIPE);
    file_unref(file);
    vfs_lock(&world.vfs);
    file_system_unref(more);
    vfs_unlock(&world.vfs);
    end(&world, devices);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(devices_do_what_their_names_say),
        cmocka_unit_test(a_driver_adds_its_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
