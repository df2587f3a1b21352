/* The initramfs: an archive made here, with every kind of file, damaged and cut. */
#include "kernel/services/vfs/unpack.h"

#include "kernel/services/vfs/test/world.h"

#include <stdio.h>
#include <string.h>

struct archive {
    char bytes[4096];
    size_t size;
};

/* One entry; a file with several names has the same number in each. */
static void add(struct archive *archive, const char *name, uint32_t mode, const char *data, uint32_t number,
                uint32_t links) {
    size_t size = strlen(data);
    char *at = archive->bytes + archive->size;
    sprintf(at, "070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", number, mode, 10u, 20u, links, 1234u,
            (unsigned)size, 0u, 0u, 5u, 1u, (unsigned)strlen(name) + 1, 0u);
    memcpy(at + 110, name, strlen(name) + 1);
    archive->size = (archive->size + 110 + strlen(name) + 1 + 3) & ~(size_t)3;
    memcpy(archive->bytes + archive->size, data, size);
    archive->size = (archive->size + size + 3) & ~(size_t)3;
}

static struct archive example(void) {
    struct archive archive = {.size = 0};
    add(&archive, ".", 040700, "", 1, 2);
    add(&archive, "./bin", 040755, "", 2, 2);
    add(&archive, "bin/tool", 0104755, "", 3, 2);
    add(&archive, "bin/other", 0104755, "a tool", 3, 2);
    add(&archive, "/init", 0120777, "bin/tool", 4, 1);
    add(&archive, "console", 020600, "", 5, 1);
    add(&archive, "TRAILER!!!", 0, "", 0, 1);
    return archive;
}

static int unpack(struct world *world, const struct archive *archive) {
    return vfs_unpack(&world->caller, (const uint8_t *)archive->bytes, archive->size);
}

static void everything_is_as_the_archive_says(void **state) {
    (void)state;
    struct world world;
    struct path found;
    char text[8];
    struct archive archive = example();
    world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
    for (unsigned i = 0; i < 2; i++) { /* again: what is there is replaced */
        assert_int_equal(unpack(&world, &archive), 0);
        assert_int_equal(world_look(&world, "init", WALK_FOLLOW, &found), 0);
        const struct inode *tool = found.dentry->inode;
        assert_int_equal(tool->mode, 0104755);
        assert_int_equal(tool->links, 2);
        assert_int_equal(tool->user, 10);
        assert_int_equal(tool->group, 20);
        assert_int_equal(tool->modified_ns, INT64_C(1234000000000));
        assert_int_equal(world_read(&world, "bin/tool", 0, text, sizeof(text)), 6);
        assert_memory_equal(text, "a tool", 6);
        assert_int_equal(world_look(&world, "console", 0, &found), 0);
        assert_int_equal(found.dentry->inode->device, vfs_device(5, 1));
        assert_int_equal(found.dentry->inode->mode, 020600);
        assert_int_equal(world_look(&world, "/", 0, &found), 0);
        assert_int_equal(found.dentry->inode->mode, 040700);
    }
    assert_int_equal(tmpfs_read_use(world.system).inodes, 5);
    world_end(&world);
}

static void damage_and_want_are_errors(void **state) {
    (void)state;
    struct world world;
    struct archive archive = example();
    world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
    archive.bytes[0] = 'x';
    assert_int_equal(unpack(&world, &archive), -LINUX_EINVAL);
    archive = (struct archive){.size = 0};
    add(&archive, "none/file", 0100644, "", 1, 1);
    assert_int_equal(unpack(&world, &archive), -LINUX_ENOENT);
    archive = (struct archive){.size = 0};
    add(&archive, "file", 0170644, "", 1, 1);
    assert_int_equal(unpack(&world, &archive), -LINUX_EINVAL);
    world_end(&world);
}

static void every_request_for_memory_may_fail(void **state) {
    (void)state;
    struct archive archive = example();
    int status = -LINUX_ENOMEM;
    for (uint64_t left = 0; status != 0; left++) {
        struct world world;
        world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
        world.requests_left = left;
        status = unpack(&world, &archive);
        assert_true(status == 0 || status == -LINUX_ENOMEM);
        world_end(&world);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(everything_is_as_the_archive_says),
        cmocka_unit_test(damage_and_want_are_errors),
        cmocka_unit_test(every_request_for_memory_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
