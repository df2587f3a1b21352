/* The system calls on files, one after the other: what a program sees, and that nothing is left over. */
#include "kernel/services/posix/files/epoll.h"
#include "kernel/services/posix/files/test/host.h"

#include <string.h>

#define HERE ((uint64_t)-100)
#define TEXT 0x1000u /* where texts and structures lie in the arena */
#define OTHER 0x2000u
#define BYTES 0x3000u

static const struct tmpfs_limits limits = {.mode = 0755, .pages_max = 64, .inodes_max = 40};

static int64_t open_file(const char *name, uint64_t flags) {
    return CALL(openat, HERE, host_text(TEXT, name), flags, 0644);
}

static int64_t write_text(int64_t descriptor, const char *text) {
    return CALL(write, (uint64_t)descriptor, host_text(BYTES, text), strlen(text));
}

static void a_file_is_written_and_read(void **state) {
    (void)state;
    host_begin(&limits);
    int64_t file = open_file("a", LINUX_O_CREAT | LINUX_O_RDWR);
    assert_int_equal(file, 0);
    assert_int_equal(write_text(file, "hello"), 5);
    assert_int_equal(CALL(lseek, 0, 0, LINUX_SEEK_SET), 0);
    host_evict();
    assert_int_equal(CALL(read, 0, host_address(BYTES + 100), 100), 5);
    assert_memory_equal(host_arena() + BYTES + 100, "hello", 5);
    assert_int_equal(CALL(pread64, 0, host_address(BYTES), 10, (uint64_t)-1), -LINUX_EINVAL);
    assert_int_equal(CALL(read, 0, 8, 10), 0); /* at the end nothing is copied */
    assert_int_equal(CALL(pread64, 0, 8, 10, 0), -LINUX_EFAULT);
    assert_int_equal(CALL(close, 0), 0);
    assert_int_equal(CALL(close, 0), -LINUX_EBADF);
    host_end();
}

static void paths_may_be_long_and_bad(void **state) {
    (void)state;
    char name[300];
    host_begin(&limits);
    memset(name, 'x', 200);
    name[200] = 0;
    assert_int_equal(CALL(mkdir, host_text(TEXT, name), 0755), 0);
    memset(name, 'x', 299);
    name[299] = 0;
    assert_int_equal(CALL(mkdir, host_text(TEXT, name), 0755), -LINUX_ENAMETOOLONG);
    memset(host_arena() + TEXT, '/', 5000);
    assert_int_equal(CALL(mkdir, host_address(TEXT), 0755), -LINUX_ENAMETOOLONG);
    assert_int_equal(CALL(mkdir, 12, 0755), -LINUX_EFAULT);
    host_arena()[ARENA_BYTES - 1] = 'x'; /* a text that does not end in the program's memory */
    assert_int_equal(CALL(mkdir, host_address(ARENA_BYTES - 1), 0755), -LINUX_EFAULT);
    host_end();
}

static void the_folder_of_a_process_has_a_text(void **state) {
    (void)state;
    host_begin(&limits);
    assert_int_equal(CALL(mkdir, host_text(TEXT, "a"), 0755), 0);
    assert_int_equal(CALL(mkdir, host_text(TEXT, "a/b"), 0755), 0);
    assert_int_equal(CALL(chdir, host_text(TEXT, "a/b")), 0);
    assert_int_equal(CALL(getcwd, host_address(BYTES), 100), 5);
    assert_string_equal((char *)host_arena() + BYTES, "/a/b");
    assert_int_equal(CALL(getcwd, host_address(BYTES), 4), -LINUX_ERANGE);
    assert_int_equal(CALL(chroot, host_text(TEXT, "/a")), 0);
    assert_int_equal(CALL(getcwd, host_address(BYTES), 100), 3);
    assert_string_equal((char *)host_arena() + BYTES, "/b");
    assert_int_equal(CALL(chdir, host_text(TEXT, "../../..")), 0);
    assert_int_equal(CALL(getcwd, host_address(BYTES), 100), 2);
    assert_int_equal(CALL(rmdir, host_text(TEXT, "b")), 0);
    host_end();
}

static void a_mount_shows_another_file_system(void **state) {
    (void)state;
    host_begin(&limits);
    uint64_t place = host_text(TEXT, "/m"), kind = host_text(OTHER, "tmpfs"),
             options = host_text(OTHER + 100, "size=8k");
    assert_int_equal(CALL(mkdir, place, 0755), 0);
    assert_int_equal(CALL(mount, 0, place, kind, 0, host_text(OTHER + 200, "size=8x")), -LINUX_EINVAL);
    assert_int_equal(CALL(mount, 0, place, host_text(OTHER + 200, "none"), 0, 0), -LINUX_ENODEV);
    assert_int_equal(CALL(mount, 0, place, kind, 0, options), 0);
    host_text(BYTES, "x");
    int64_t file = CALL(openat, HERE, host_text(TEXT + 100, "/m/a"), LINUX_O_CREAT | LINUX_O_RDWR, 0644);
    assert_int_equal(file, 0);
    assert_int_equal(CALL(pwrite64, 0, host_address(0), UINT64_C(3) * VFS_PAGE_BYTES, 0), UINT64_C(2) * VFS_PAGE_BYTES);
    assert_int_equal(CALL(mount, 0, place, 0, 0x21, 0), 0); /* again, and read-only */
    assert_int_equal(CALL(mkdir, host_text(TEXT + 100, "/m/b"), 0755), -LINUX_EROFS);
    host.caller.identity.capabilities = 0;
    assert_int_equal(CALL(umount2, place, 0), -LINUX_EPERM);
    host.caller.identity.capabilities = UINT64_MAX;
    assert_int_equal(CALL(umount2, place, 0), -LINUX_EBUSY); /* a file is open in it */
    assert_int_equal(CALL(umount2, place, 2), 0);
    assert_int_equal(CALL(umount2, place, 0), -LINUX_EINVAL);
    assert_int_equal(CALL(close, 0), 0);
    host_end();
}

/* ---- waiting ---- */

struct poll_item {
    int32_t descriptor;
    uint16_t wanted, found;
};

static void poll_waits_for_time_and_timers(void **state) {
    (void)state;
    struct poll_item item = {.descriptor = 1, .wanted = LINUX_POLLIN};
    const int64_t timer[4] = {0, 0, 2, 500};
    host_begin(&limits);
    assert_int_equal(CALL(eventfd2, 0, LINUX_O_NONBLOCK), 0);
    assert_int_equal(CALL(timerfd_create, 1, 0), 1);
    memcpy(host_arena() + TEXT, &item, sizeof(item));
    memcpy(host_arena() + OTHER, timer, sizeof(timer));
    assert_int_equal(CALL(poll, host_address(TEXT), 1, 100), 0);
    assert_in_range(host.now_ns, 100 * 1000000, 101 * 1000000);
    assert_int_equal(CALL(timerfd_settime, 1, 0, host_address(OTHER), 0), 0);
    assert_int_equal(CALL(poll, host_address(TEXT), 1, (uint64_t)-1), 1);
    assert_in_range(host.now_ns, UINT64_C(2100000000), UINT64_C(2102000000));
    memcpy(&item, host_arena() + TEXT, sizeof(item));
    assert_int_equal(item.found, LINUX_POLLIN);
    assert_int_equal(CALL(read, 1, host_address(BYTES), 8), 8);
    assert_int_equal(host_arena()[BYTES], 1);
    assert_int_equal(CALL(poll, host_address(TEXT), 1, (uint64_t)-1), -LINUX_EINTR); /* nothing more would come */
    assert_int_equal(CALL(timerfd_settime, 1, 0, host_address(OTHER), 0), 0);
    assert_int_equal(CALL(read, 1, host_address(BYTES), 8), 8);
    host_end();
}

static void set_event(uint32_t events, uint64_t data) {
    struct linux_epoll_event event = {.events = events, .data = data};
    memcpy(host_arena() + TEXT, &event, sizeof(event));
}

static int64_t wait_now(uint64_t set) {
    return CALL(epoll_wait, set, host_address(BYTES), 4, 0);
}

static void level_edge_and_once(void **state) {
    (void)state;
    const uint64_t one = 1;
    static const uint32_t kinds[] = {0, LINUX_EPOLLET, LINUX_EPOLLONESHOT};
    static const int64_t second[] = {1, 0, 0}, after_more[] = {1, 1, 0};
    for (unsigned i = 0; i < ITEMS(kinds); i++) {
        host_begin(&limits);
        assert_int_equal(CALL(epoll_create1, 0), 0);
        assert_int_equal(CALL(eventfd2, 0, LINUX_O_NONBLOCK), 1);
        set_event(LINUX_POLLIN | kinds[i], 77);
        assert_int_equal(CALL(epoll_ctl, 0, 1, 1, host_address(TEXT)), 0);
        assert_int_equal(CALL(epoll_ctl, 0, 1, 1, host_address(TEXT)), -LINUX_EEXIST);
        assert_int_equal(wait_now(0), 0);
        memcpy(host_arena() + OTHER, &one, sizeof(one));
        assert_int_equal(CALL(write, 1, host_address(OTHER), 8), 8);
        assert_int_equal(wait_now(0), 1);
        assert_int_equal(wait_now(0), second[i]);
        assert_int_equal(CALL(write, 1, host_address(OTHER), 8), 8);
        assert_int_equal(wait_now(0), after_more[i]);
        assert_int_equal(CALL(epoll_ctl, 0, 3, 1, host_address(TEXT)), 0); /* armed again, and it is still so */
        assert_int_equal(wait_now(0), 1);
        assert_int_equal(CALL(close, 1), 0); /* and it leaves the set */
        assert_int_equal(wait_now(0), 0);
        host_end();
    }
}

static void epolls_watch_each_other_without_circles(void **state) {
    (void)state;
    const uint64_t one = 1;
    host_begin(&limits);
    set_event(LINUX_POLLIN, 5);
    for (uint64_t i = 0; i < 7; i++)
        assert_int_equal(CALL(epoll_create1, 0), i);
    assert_int_equal(CALL(eventfd2, 0, LINUX_O_NONBLOCK), 7);
    assert_int_equal(CALL(epoll_ctl, 0, 1, 0, host_address(TEXT)), -LINUX_EINVAL);
    for (uint64_t i = 0; i < 4; i++)
        assert_int_equal(CALL(epoll_ctl, i, 1, i + 1, host_address(TEXT)), 0);
    assert_int_equal(CALL(epoll_ctl, 4, 1, 5, host_address(TEXT)), -LINUX_ELOOP); /* too deep */
    assert_int_equal(CALL(epoll_ctl, 4, 1, 0, host_address(TEXT)), -LINUX_ELOOP); /* a circle */
    assert_int_equal(CALL(epoll_ctl, 4, 1, 7, host_address(TEXT)), 0);
    assert_int_equal(wait_now(0), 0);
    memcpy(host_arena() + OTHER, &one, sizeof(one));
    assert_int_equal(CALL(write, 7, host_address(OTHER), 8), 8);
    assert_int_equal(wait_now(0), 1);
    assert_int_equal(wait_now(3), 1);
    assert_int_equal(CALL(close, 2), 0); /* in the middle */
    assert_int_equal(wait_now(0), 0);
    assert_int_equal(CALL(epoll_ctl, 1, 2, 2, 0), -LINUX_EBADF);
    host_end();
}

/* Every call, with memory running out at each request in turn, leaves nothing behind. */
static void try_many(void) {
    int64_t file = open_file("a", LINUX_O_CREAT | LINUX_O_RDWR);
    (void)CALL(pipe2, host_address(OTHER), LINUX_O_NONBLOCK);
    int64_t set = CALL(epoll_create1, 0), event = CALL(eventfd2, 1, 0), timer = CALL(timerfd_create, 1, 0);
    set_event(LINUX_POLLIN, 5);
    (void)CALL(epoll_ctl, (uint64_t)set, 1, (uint64_t)event, host_address(TEXT));
    (void)CALL(epoll_ctl, (uint64_t)set, 1, (uint64_t)timer, host_address(TEXT));
    (void)CALL(epoll_wait, (uint64_t)set, host_address(BYTES), 4, 0);
    (void)CALL(rename, host_text(TEXT, "a"), host_text(OTHER, "b"));
    (void)write_text(file, "text");
    (void)CALL(getcwd, host_address(BYTES), 100);
    (void)CALL(select, 20, host_address(BYTES + 0x800), 0, 0, host_address(BYTES + 0x900));
    (void)CALL(sendfile, (uint64_t)file, (uint64_t)file, 0, 100);
    (void)CALL(readv, (uint64_t)file, host_address(BYTES + 0x800), 20);
}

static void memory_may_run_out_anywhere(void **state) {
    (void)state;
    for (uint64_t requests = 0; requests < 60; requests++) {
        host_begin(&limits);
        host.requests_left = requests;
        try_many();
        host_end();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_file_is_written_and_read),
        cmocka_unit_test(paths_may_be_long_and_bad),
        cmocka_unit_test(the_folder_of_a_process_has_a_text),
        cmocka_unit_test(a_mount_shows_another_file_system),
        cmocka_unit_test(poll_waits_for_time_and_timers),
        cmocka_unit_test(level_edge_and_once),
        cmocka_unit_test(epolls_watch_each_other_without_circles),
        cmocka_unit_test(memory_may_run_out_anywhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
