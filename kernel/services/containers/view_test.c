/* File views: what is granted is there with its rights, and nothing else is; what fails leaves nothing. */
#include "kernel/services/containers/test/stage.h"

#include <string.h>

static int set_up(void **state) {
    (void)state;
    stage_open();
    assert_int_equal(world_make_folder(&stage.world, "/data"), 0);
    assert_int_equal(world_make_folder(&stage.world, "/data/in"), 0);
    assert_int_equal(world_make_file(&stage.world, "/data/in/file"), 0);
    assert_int_equal(world_make_file(&stage.world, "/data/secret"), 0);
    assert_int_equal(world_make_folder(&stage.world, "/usr"), 0);
    assert_int_equal(world_make_folder(&stage.world, "/usr/lib"), 0);
    assert_int_equal(world_make_file(&stage.world, "/usr/lib/library"), 0);
    assert_int_equal(world_make_link(&stage.world, "usr/lib", "/lib"), 0);
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    stage_close();
    return 0;
}

/* Starts a service with these permissions; its program. */
static struct program *start(const struct stage_spec *spec) {
    return fake_program(stage_service(spec, NULL, NULL));
}

static int open_in(struct program *program, const char *text, uint32_t flags, struct open_file **file) {
    struct walk_path path = {.text = text};
    return file_open(&program->plan.caller, &path, flags, 0644, file);
}

static int try_open(struct program *program, const char *text, uint32_t flags) {
    struct open_file *file;
    int status = open_in(program, text, flags, &file);
    if (status == 0)
        file_unref(file);
    return status;
}

static int try_execute(struct program *program, const char *text) {
    struct walk_path path = {.text = text};
    struct path found;
    vfs_lock(&stage.world.vfs);
    int status = walk(&program->plan.caller, &path, WALK_FOLLOW, &found);
    if (status == 0) {
        status = (found.mount->flags & MOUNT_NO_EXECUTE) != 0 ? -LINUX_EACCES : 0;
        path_unref(&found);
    }
    vfs_unlock(&stage.world.vfs);
    return status;
}

static void only_what_is_granted_is_there(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_FS_READ, .text = "/data/in"}};
    static const struct stage_spec spec = {.name = "grid.one", .permissions = permissions, .count = 1};
    struct program *program = start(&spec);
    (void)state;
    assert_int_equal(try_open(program, "/data/in/file", LINUX_O_RDONLY), 0);
    assert_int_equal(try_open(program, "/data/in/file", LINUX_O_RDWR), -LINUX_EROFS);
    assert_int_equal(try_open(program, "/data/in/new", LINUX_O_CREAT | LINUX_O_WRONLY), -LINUX_EROFS);
    assert_int_equal(try_open(program, "/data/secret", LINUX_O_RDONLY), -LINUX_ENOENT);
    assert_int_equal(try_open(program, "/data/in/../secret", LINUX_O_RDONLY), -LINUX_ENOENT);
    assert_int_equal(try_open(program, "/../../init.spec", LINUX_O_RDONLY), -LINUX_ENOENT);
    assert_int_equal(try_open(program, "/usr", LINUX_O_RDONLY), -LINUX_ENOENT);
    assert_int_equal(try_open(program, "/new", LINUX_O_CREAT | LINUX_O_WRONLY), -LINUX_EROFS);
    assert_int_equal(try_execute(program, "/data/in/file"), -LINUX_EACCES);
}

static void who_knows_nothing_of_grove_has_its_processes(void **state) {
    static const struct stage_spec native = {.name = "grid.one"};
    static const struct stage_spec plain = {.name = "grid.two", .flags = GROVE_SPEC_SYSTEM_FILES};
    (void)state;
    assert_int_equal(try_open(start(&native), "/proc", LINUX_O_RDONLY), -LINUX_ENOENT);
    struct program *program = start(&plain);
    assert_int_equal(try_open(program, "/proc", LINUX_O_RDONLY), 0);
    assert_int_equal(try_execute(program, "/proc"), -LINUX_EACCES);
}

static void standard_places_are_there(void **state) {
    static const struct stage_spec spec = {.name = "grid.one"};
    struct program *program = start(&spec);
    struct open_file *file;
    char byte = 'x';
    (void)state;
    assert_int_equal(open_in(program, "/dev/zero", LINUX_O_RDONLY, &file), 0);
    assert_int_equal(world_read_file(file, &byte, 1), 1);
    assert_int_equal(byte, 0);
    file_unref(file);
    assert_int_equal(try_open(program, "/dev/null", LINUX_O_RDWR), 0);
    assert_int_equal(try_open(program, "/dev/urandom", LINUX_O_RDONLY), 0);
    assert_int_equal(try_open(program, "/dev/new", LINUX_O_CREAT | LINUX_O_WRONLY), -LINUX_EROFS);
    assert_int_equal(try_open(program, "/tmp/new", LINUX_O_CREAT | LINUX_O_WRONLY), 0);
    assert_int_equal(try_open(program, "/dev/shm/new", LINUX_O_CREAT | LINUX_O_WRONLY), 0);
    assert_int_equal(try_execute(program, "/tmp/new"), -LINUX_EACCES);
    struct walk_path device = {.text = "/tmp/device"};
    assert_int_equal(vfs_make_node(&program->plan.caller, &device, LINUX_S_IFCHR | 0666, vfs_device(1, 3)),
                     -LINUX_EPERM);
}

static void longer_grant_lies_in_the_shorter_one(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_FS_WRITE, .text = "/data/in"},
                                                          {.kind = GROVE_CAP_FS_READ, .text = "/data"}};
    static const struct stage_spec spec = {.name = "grid.one", .permissions = permissions, .count = 2};
    struct program *program = start(&spec);
    (void)state;
    assert_int_equal(try_open(program, "/data/secret", LINUX_O_RDONLY), 0);
    assert_int_equal(try_open(program, "/data/secret", LINUX_O_RDWR), -LINUX_EROFS);
    assert_int_equal(try_open(program, "/data/in/file", LINUX_O_RDWR), 0); /* root's, and granted all the same */
    assert_int_equal(try_open(program, "/data/in/new", LINUX_O_CREAT | LINUX_O_WRONLY), 0);
    assert_int_equal(world_look(&stage.world, "/data/in/new", 0, &(struct path){0}), 0);
}

static void single_file_is_granted(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_FS_WRITE, .text = "/data/secret"}};
    static const struct stage_spec spec = {.name = "grid.one", .permissions = permissions, .count = 1};
    struct program *program = start(&spec);
    (void)state;
    assert_int_equal(try_open(program, "/data/secret", LINUX_O_RDWR), 0);
    assert_int_equal(try_open(program, "/data/in", LINUX_O_RDONLY), -LINUX_ENOENT);
}

static void everything_is_granted(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_FS_READ}};
    static const struct stage_spec spec = {.name = "grid.one", .permissions = permissions, .count = 1};
    (void)state;
    assert_int_equal(world_make_folder(&stage.world, "/dev"), 0);
    assert_int_equal(world_make_folder(&stage.world, "/tmp"), 0);
    struct program *program = start(&spec);
    assert_int_equal(try_open(program, "/init.spec", LINUX_O_RDONLY), 0);
    assert_int_equal(try_open(program, "/data/in/file", LINUX_O_RDWR), -LINUX_EROFS);
    assert_int_equal(try_open(program, "/dev/null", LINUX_O_RDWR), 0);
    assert_int_equal(try_open(program, "/tmp/new", LINUX_O_CREAT | LINUX_O_WRONLY), 0);
    assert_int_equal(world_look(&stage.world, "/tmp/new", 0, &(struct path){0}), -LINUX_ENOENT);
}

static void system_files_are_read_and_executed(void **state) {
    static const struct stage_spec spec = {
        .name = "grid.one", .flags = GROVE_SPEC_NATIVE | GROVE_SPEC_SYSTEM_FILES, .directory = "/usr/lib"};
    struct program *program = start(&spec);
    (void)state;
    assert_int_equal(try_open(program, "/lib/library", LINUX_O_RDONLY), 0);
    assert_int_equal(try_open(program, "library", LINUX_O_RDONLY), 0); /* its folder */
    assert_int_equal(try_open(program, "/usr/lib/library", LINUX_O_RDWR), -LINUX_EROFS);
    assert_int_equal(try_execute(program, "/lib/library"), 0);
}

static void folder_of_its_own_is_made(void **state) {
    static const struct stage_permission permissions[] = {
        {.kind = GROVE_CAP_FS_WRITE, .text = "/state/grid/one", .flags = GROVE_SPEC_CAPABILITY_CREATE}};
    static const struct stage_spec spec = {.name = "grid.one", .permissions = permissions, .count = 1};
    struct program *program = start(&spec);
    (void)state;
    assert_int_equal(try_open(program, "/state/grid/one/new", LINUX_O_CREAT | LINUX_O_WRONLY), 0);
    assert_int_equal(world_look(&stage.world, "/state/grid/one/new", 0, &(struct path){0}), 0);
}

/* The status of a start that must fail, and its layer and Linux's error. */
static int fail_start(const struct stage_spec *spec, uint32_t *layer) {
    struct grove_container_reply made, reply;
    assert_int_equal(stage_create(spec, &made), 0);
    int status = stage_start(made.container, NULL, 0, &reply);
    *layer = reply.layer;
    assert_int_equal(stage_control(made.container, GROVE_ACTION_DESTROY), 0);
    return status;
}

static void missing_path_fails_the_start_unless_it_is_optional(void **state) {
    static const struct stage_permission needed[] = {{.kind = GROVE_CAP_FS_READ, .text = "/nowhere"}};
    static const struct stage_permission optional[] = {
        {.kind = GROVE_CAP_FS_READ, .text = "/nowhere", .flags = GROVE_SPEC_CAPABILITY_OPTIONAL}};
    static const struct stage_spec needing = {.name = "grid.one", .permissions = needed, .count = 1};
    static const struct stage_spec modest = {.name = "grid.two", .permissions = optional, .count = 1};
    struct stage_accounts before, after;
    uint32_t layer;
    (void)state;
    stage_count(&before);
    assert_int_equal(fail_start(&needing, &layer), GROVE_LAYER_MISSING);
    assert_int_equal(layer, GROVE_LAYER_FILE_VIEW);
    stage_count(&after);
    assert_memory_equal(&after, &before, sizeof(before));
    assert_int_equal(try_open(start(&modest), "/nowhere", LINUX_O_RDONLY), -LINUX_ENOENT);
}

/* A link in a folder that a container may write leads whoever is granted something below it nowhere. */
static void planted_link_is_not_followed(void **state) {
    static const struct stage_permission permissions[] = {{.kind = GROVE_CAP_FS_READ, .text = "/data/planted/file"}};
    static const struct stage_spec spec = {.name = "grid.one", .permissions = permissions, .count = 1};
    uint32_t layer;
    (void)state;
    assert_int_equal(world_make_link(&stage.world, "in", "/data/planted"), 0);
    assert_int_equal(try_open(start(&spec), "/data/planted/file", LINUX_O_RDONLY), 0); /* root's link is */
    struct walk_path path = world_at("/data/planted");
    struct path found;
    vfs_lock(&stage.world.vfs);
    assert_int_equal(walk(&stage.world.caller, &path, 0, &found), 0);
    vfs_unlock(&stage.world.vfs);
    assert_int_equal(vfs_change_owner(&stage.world.caller, &found, 1879048193u, UINT32_MAX), 0);
    vfs_lock(&stage.world.vfs);
    path_unref(&found);
    vfs_unlock(&stage.world.vfs);
    static const struct stage_spec other = {.name = "grid.other", .permissions = permissions, .count = 1};
    assert_int_equal(fail_start(&other, &layer), GROVE_LAYER_MISSING);
    assert_int_equal(layer, GROVE_LAYER_FILE_VIEW);
}

static void scratch_space_has_a_limit(void **state) {
    static const struct stage_spec spec = {.name = "grid.one", .budget = {.scratch_bytes = 8192, .scratch_files = 8}};
    struct program *program = start(&spec);
    struct open_file *file;
    char bytes[4096] = {1};
    (void)state;
    assert_int_equal(open_in(program, "/tmp/new", LINUX_O_CREAT | LINUX_O_WRONLY, &file), 0);
    assert_int_equal(world_write_file(&stage.world, file, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(world_write_file(&stage.world, file, bytes, sizeof(bytes)), sizeof(bytes));
    assert_int_equal(world_write_file(&stage.world, file, bytes, sizeof(bytes)), -LINUX_ENOSPC);
    file_unref(file);
}

int main(void) {
#define STAGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        STAGED(only_what_is_granted_is_there),
        STAGED(who_knows_nothing_of_grove_has_its_processes),
        STAGED(standard_places_are_there),
        STAGED(longer_grant_lies_in_the_shorter_one),
        STAGED(single_file_is_granted),
        STAGED(everything_is_granted),
        STAGED(system_files_are_read_and_executed),
        STAGED(folder_of_its_own_is_made),
        STAGED(missing_path_fails_the_start_unless_it_is_optional),
        STAGED(planted_link_is_not_followed),
        STAGED(scratch_space_has_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
