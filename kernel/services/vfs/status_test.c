/* What stat tells: in this computer's own layouts, and of a file, a device and a pipe. */
#include "kernel/services/vfs/status.h"

#include "kernel/services/vfs/device.h"
#include "kernel/services/vfs/test/world.h"

#include <linux/stat.h>
#include <string.h>
#include <sys/sysmacros.h>
/* After the other, whose names it would take. */
#include <asm/stat.h>

#define SAME(ours, field, theirs, their_field) \
    _Static_assert(offsetof(struct ours, field) == offsetof(struct theirs, their_field), #field); \
    _Static_assert(sizeof(((struct ours *)0)->field) == sizeof(((struct theirs *)0)->their_field), #field)

_Static_assert(sizeof(struct linux_stat) == sizeof(struct stat), "stat");
SAME(linux_stat, device, stat, st_dev);
SAME(linux_stat, number, stat, st_ino);
SAME(linux_stat, links, stat, st_nlink);
SAME(linux_stat, mode, stat, st_mode);
SAME(linux_stat, user, stat, st_uid);
SAME(linux_stat, group, stat, st_gid);
SAME(linux_stat, node_device, stat, st_rdev);
SAME(linux_stat, size_bytes, stat, st_size);
SAME(linux_stat, block_bytes, stat, st_blksize);
SAME(linux_stat, blocks, stat, st_blocks);
SAME(linux_stat, accessed_s, stat, st_atime);
SAME(linux_stat, modified_s, stat, st_mtime);
SAME(linux_stat, changed_ns, stat, st_ctime_nsec);

_Static_assert(sizeof(struct linux_statx) == sizeof(struct statx), "statx");
SAME(linux_statx, links, statx, stx_nlink);
SAME(linux_statx, mode, statx, stx_mode);
SAME(linux_statx, number, statx, stx_ino);
SAME(linux_statx, size_bytes, statx, stx_size);
SAME(linux_statx, blocks, statx, stx_blocks);
SAME(linux_statx, accessed, statx, stx_atime);
SAME(linux_statx, created, statx, stx_btime);
SAME(linux_statx, changed, statx, stx_ctime);
SAME(linux_statx, modified, statx, stx_mtime);
SAME(linux_statx, node_major, statx, stx_rdev_major);
SAME(linux_statx, device_minor, statx, stx_dev_minor);
SAME(linux_statx, mount_number, statx, stx_mnt_id);

static void a_file_tells_what_it_is(void **state) {
    (void)state;
    struct world world;
    struct file_status status;
    struct linux_stat laid;
    struct path found;
    struct time_plan before = {.change = TIME_SET, .time_ns = -1}, keep = {.change = TIME_KEEP};
    world_begin(&world, &(struct tmpfs_limits){.mode = 0755});
    assert_int_equal(world_make_file(&world, "f"), 0);
    assert_int_equal(world_write(&world, "f", 5000, "x", 1), 1);
    assert_int_equal(world_look(&world, "f", 0, &found), 0);
    assert_int_equal(vfs_set_times(&world.caller, &found, &keep, &before), 0);
    status_read(found.dentry->inode, &status);
    status_to_stat(&status, &laid);
    assert_int_equal(laid.mode, 0100644);
    assert_int_equal(laid.size_bytes, 5001);
    assert_int_equal(laid.blocks, 8);
    assert_int_equal(laid.links, 1);
    assert_int_equal(laid.device, world.system->device);
    assert_int_equal(laid.modified_s, -1);
    assert_int_equal(laid.modified_ns, 999999999);
    world_end(&world);
}

static void numbers_of_devices_are_taken_apart(void **state) {
    (void)state;
    static const struct {
        uint32_t major, minor;
    } cases[] = {{1, 3}, {0xfff, 0xff}, {0x12345, 0x6789abc}, {UINT32_MAX, UINT32_MAX}};
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        struct file_status status = {.node_device = vfs_device(cases[i].major, cases[i].minor)};
        struct linux_statx laid;
        assert_int_equal(status.node_device, makedev(cases[i].major, cases[i].minor));
        status_to_statx(&status, &laid);
        assert_int_equal(laid.node_major, cases[i].major);
        assert_int_equal(laid.node_minor, cases[i].minor);
    }
}

static void a_pipe_without_a_name_is_a_pipe(void **state) {
    (void)state;
    struct file_status status;
    struct linux_statx laid;
    status_read(NULL, &status);
    status_to_statx(&status, &laid);
    assert_int_equal(laid.mode, LINUX_S_IFIFO | 0600);
    assert_int_equal(laid.mask, LINUX_STATX_BASIC_STATS | LINUX_STATX_BTIME);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_tells_what_it_is),
        cmocka_unit_test(numbers_of_devices_are_taken_apart),
        cmocka_unit_test(a_pipe_without_a_name_is_a_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
