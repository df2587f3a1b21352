/* Mounts: what each view sees, with which rights, and that nothing above its root is reached. */
#include "kernel/services/vfs/mount.h"

#include "kernel/services/vfs/test/world.h"

#include <string.h>

static const struct tmpfs_limits no_limits = {.mode = 0755};

/* /a/inner, /b, and another tmpfs with a file `there` on /b. */
struct scene {
    struct world world;
    struct file_system *other;
};

static void mount_at(struct world *world, const char *text, struct dentry *root, uint32_t flags, int expected) {
    struct path place;
    assert_int_equal(world_look(world, text, WALK_FOLLOW, &place), 0);
    assert_int_equal(view_mount(&world->view, &place, root, flags), expected);
}

static void unmount_at(struct world *world, const char *text, int expected) {
    struct path place;
    assert_int_equal(world_look(world, text, WALK_FOLLOW, &place), 0);
    assert_int_equal(view_unmount(&world->view, &place), expected);
}

static void begin(struct scene *scene) {
    struct world *world = &scene->world;
    world_begin(world, &no_limits);
    assert_int_equal(world_make_folder(world, "a"), 0);
    assert_int_equal(world_make_folder(world, "a/inner"), 0);
    assert_int_equal(world_make_folder(world, "b"), 0);
    assert_int_equal(tmpfs_create(&world->vfs, &no_limits, &scene->other), 0);
    mount_at(world, "b", scene->other->root, 0, 0);
    assert_int_equal(world_make_file(world, "b/there"), 0);
}

static void end(struct scene *scene) {
    vfs_lock(&scene->world.vfs);
    file_system_unref(scene->other);
    vfs_unlock(&scene->world.vfs);
    world_end(&scene->world);
}

static int rename_in(struct world *world, const char *from, const char *to) {
    struct walk_path source = world_at(from), target = world_at(to);
    return vfs_rename(&world->caller, &source, &target, 0);
}

static void a_mount_covers_its_place(void **state) {
    (void)state;
    struct scene scene;
    struct world *world = &scene.world;
    struct path found;
    begin(&scene);
    assert_int_equal(world_look(world, "b/there", 0, &found), 0);
    assert_ptr_equal(found.dentry->system, scene.other);
    assert_int_equal(world_look(world, "b/../a", 0, &found), 0);
    assert_ptr_equal(found.dentry->system, world->system);
    struct walk_path b = world_at("b"), from = world_at("b/there"), to = world_at("a/there");
    assert_int_equal(vfs_remove_folder(&world->caller, &b), -LINUX_EBUSY);
    assert_int_equal(rename_in(world, "b", "c"), -LINUX_EBUSY);
    assert_int_equal(rename_in(world, "b/there", "a/there"), -LINUX_EXDEV);
    assert_int_equal(vfs_link(&world->caller, &from, &to, 0), -LINUX_EXDEV);
    unmount_at(world, "a", -LINUX_EINVAL);
    unmount_at(world, "b", 0);
    assert_int_equal(world_look(world, "b/there", 0, &found), -LINUX_ENOENT);
    end(&scene);
}

static void a_mount_narrows_rights(void **state) {
    (void)state;
    struct scene scene;
    struct world *world = &scene.world;
    struct walk_path file = world_at("a/there");
    struct path found;
    begin(&scene);
    mount_at(world, "a", scene.other->root, MOUNT_READ_ONLY | MOUNT_NO_EXECUTE, 0);
    assert_int_equal(world_make_file(world, "a/new"), -LINUX_EROFS);
    assert_int_equal(world_make_file(world, "a/there"), -LINUX_EEXIST);
    assert_int_equal(vfs_unlink(&world->caller, &file), -LINUX_EROFS);
    assert_int_equal(vfs_truncate(&world->caller, &file, 0), -LINUX_EROFS);
    assert_int_equal(vfs_open_path(&world->caller, &file, LINUX_O_WRONLY, 0, &found), -LINUX_EROFS);
    assert_int_equal(world_look(world, "a/there", 0, &found), 0);
    assert_int_equal(vfs_change_mode(&world->caller, &found, 0777), -LINUX_EROFS);
    assert_int_equal(vfs_access(&world->caller, &found, LINUX_W_OK), -LINUX_EROFS);
    assert_int_equal(world_make_file(world, "b/new"), 0); /* the same folder, seen without that */
    assert_int_equal(world_look(world, "a/new", 0, &found), 0);
    end(&scene);
}

/* A view whose root is a folder: ".." stays there, also for a folder that is moved out from under it. */
static void nothing_above_a_view_is_reached(void **state) {
    (void)state;
    struct scene scene;
    struct world *world = &scene.world;
    struct view view;
    struct path root, place, found;
    begin(&scene);
    assert_int_equal(world_look(world, "a", 0, &place), 0);
    assert_int_equal(view_init(&view, &world->vfs, place.dentry, 0, &root), 0);
    struct caller inside = world->caller;
    inside.root = root;
    inside.folder = root;
    struct walk_path up = world_at("../../inner");
    vfs_lock(&world->vfs);
    assert_int_equal(walk(&inside, &up, 0, &found), 0);
    vfs_unlock(&world->vfs);
    assert_int_equal(rename_in(world, "a/inner", "outer"), 0);
    inside.folder = found;
    struct walk_path out = world_at(".."), absolute = world_at("/..");
    struct path nowhere;
    vfs_lock(&world->vfs);
    assert_int_equal(walk(&inside, &out, 0, &nowhere), -LINUX_ENOENT);
    assert_int_equal(walk(&inside, &absolute, 0, &nowhere), 0);
    assert_ptr_equal(nowhere.dentry, root.dentry);
    path_unref(&nowhere);
    path_unref(&found);
    path_unref(&root);
    vfs_unlock(&world->vfs);
    view_deinit(&view);
    end(&scene);
}

static void a_mount_is_kept_by_whoever_is_in_it(void **state) {
    (void)state;
    struct scene scene;
    struct world *world = &scene.world;
    struct path inside, found;
    begin(&scene);
    vfs_lock(&world->vfs);
    struct walk_path path = world_at("b");
    assert_int_equal(walk(&world->caller, &path, 0, &inside), 0);
    vfs_unlock(&world->vfs);
    unmount_at(world, "b", 0);
    world->caller.folder = inside;
    assert_int_equal(world_look(world, "there", 0, &found), 0);
    assert_int_equal(world_look(world, "..", 0, &found), 0);
    assert_ptr_equal(found.dentry, scene.other->root);
    world->caller.folder = world->root;
    vfs_lock(&world->vfs);
    path_unref(&inside);
    vfs_unlock(&world->vfs);
    end(&scene);
}

static void mounts_lie_on_each_other_and_have_a_limit(void **state) {
    (void)state;
    struct scene scene;
    struct world *world = &scene.world;
    struct path place, found;
    begin(&scene);
    mount_at(world, "b", world->system->root, 0, 0);
    assert_int_equal(world_look(world, "b/a/inner", 0, &found), 0);
    assert_int_equal(world_make_file(world, "a/file"), 0);
    mount_at(world, "a/file", scene.other->root, 0, -LINUX_ENOTDIR);
    struct path first = {.mount = world->root.mount, .dentry = NULL};
    assert_int_equal(world_look(world, "a", 0, &place), 0);
    first.dentry = place.dentry;
    for (unsigned i = 0; i < VIEW_MOUNTS_MAX - 3; i++)
        assert_int_equal(view_mount(&world->view, &first, scene.other->root, 0), 0);
    assert_int_equal(view_mount(&world->view, &first, scene.other->root, 0), -LINUX_ENOSPC);
    struct walk_path across = {.text = "a", .resolve = LINUX_RESOLVE_NO_XDEV};
    vfs_lock(&world->vfs);
    assert_int_equal(walk(&world->caller, &across, 0, &found), -LINUX_EXDEV);
    vfs_unlock(&world->vfs);
    end(&scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_mount_covers_its_place),
        cmocka_unit_test(a_mount_narrows_rights),
        cmocka_unit_test(nothing_above_a_view_is_reached),
        cmocka_unit_test(a_mount_is_kept_by_whoever_is_in_it),
        cmocka_unit_test(mounts_lie_on_each_other_and_have_a_limit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
