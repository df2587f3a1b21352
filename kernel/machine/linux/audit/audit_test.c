/* The audit log on disk: numbers go on, torn tails are cut, files rotate, and failures neither stop nor lose more than said. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "kernel/core/machine.h"
#include "kernel/machine/linux/audit/audit.h"
#include "kernel/machine/linux/audit/sync.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#define RECORD ((off_t)sizeof(struct grove_audit_record))

static char folder[64], path[96], old_path[96];
static struct loop *loop;

static int make_folder(void **state) {
    (void)state;
    strcpy(folder, "/tmp/audit-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/audit.log", folder);
    snprintf(old_path, sizeof old_path, "%s/audit.log.1", folder);
    return loop_create(&loop);
}

static int remove_folder(void **state) {
    (void)state;
    audit_file_close();
    audit_file_limit(0);
    loop_destroy(loop);
    unlink(path);
    unlink(old_path);
    rmdir(path); /* one test puts a folder there */
    return rmdir(folder);
}

static uint64_t open_log(void) {
    uint64_t next;
    audit_file_open(loop, folder, &next);
    return next;
}

static void write_records(uint64_t first, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        struct grove_audit_record record = {.sequence = first + i, .event = GROVE_AUDIT_GRANT};
        machine_audit_write(&record);
    }
}

static off_t size_of(const char *name) {
    struct stat about;
    return stat(name, &about) == 0 ? about.st_size : -1;
}

/* The file holds exactly the records first, first + 1, ... of its length. */
static void expect_file(const char *name, uint64_t first, unsigned count) {
    struct grove_audit_record record;
    assert_int_equal(size_of(name), count * RECORD);
    int file = open(name, O_RDONLY | O_CLOEXEC);
    for (unsigned i = 0; i < count; i++) {
        assert_int_equal(read(file, &record, sizeof record), RECORD);
        assert_int_equal(record.sequence, first + i);
        assert_true(record.check == audit_file_check(&record));
    }
    close(file);
}

static void numbers_go_on_after_a_restart(void **state) {
    (void)state;
    assert_int_equal(open_log(), 1);
    write_records(1, 5);
    audit_file_flush();
    expect_file(path, 1, 5);
    audit_file_close();
    assert_int_equal(open_log(), 6);
    write_records(6, 1);
    audit_file_close();
    expect_file(path, 1, 6);
}

static void append(const void *bytes, size_t count) {
    int file = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    assert_int_equal(write(file, bytes, count), count);
    close(file);
}

static void torn_tail_is_cut(void **state) {
    (void)state;
    open_log();
    write_records(1, 3);
    audit_file_close();
    char torn[700];
    memset(torn, 0xa5, sizeof torn);
    append(torn, sizeof torn);
    assert_int_equal(open_log(), 4);
    expect_file(path, 1, 3);
}

static void record_out_of_order_ends_the_log(void **state) {
    (void)state;
    open_log();
    write_records(1, 3);
    audit_file_close();
    struct grove_audit_record stray = {.sequence = 9};
    stray.check = audit_file_check(&stray);
    append(&stray, sizeof stray);
    assert_int_equal(open_log(), 4);
    expect_file(path, 1, 3);
}

static void changed_record_is_noticed(void **state) {
    (void)state;
    open_log();
    write_records(1, 3);
    audit_file_close();
    int file = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(file, "x", 1, 2 * RECORD + 100), 1);
    close(file);
    assert_int_equal(open_log(), 3);
    expect_file(path, 1, 2);
}

static void a_damaged_first_record_costs_no_other(void **state) {
    (void)state;
    open_log();
    write_records(1, 3);
    audit_file_close();
    int file = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(pwrite(file, "x", 1, 100), 1);
    close(file);
    assert_int_equal(open_log(), 4);
    write_records(4, 1);
    audit_file_close();
    struct grove_audit_record record;
    file = open(path, O_RDONLY | O_CLOEXEC);
    for (unsigned index = 1; index < 4; index++) {
        assert_int_equal(pread(file, &record, sizeof record, (off_t)index * RECORD), RECORD);
        assert_int_equal(record.sequence, index + 1);
        assert_int_equal(record.check, audit_file_check(&record));
    }
    close(file);
}

static void file_rotates_at_its_limit(void **state) {
    (void)state;
    audit_file_limit(4 * (uint64_t)RECORD);
    open_log();
    for (uint64_t i = 1; i <= 10; i++) {
        write_records(i, 1);
        audit_file_flush();
    }
    expect_file(old_path, 5, 4);
    expect_file(path, 9, 2);
    audit_file_close();
    assert_int_equal(open_log(), 11);
    audit_file_close();
    /* With the newer file gone the older one still tells where the numbers go on. */
    unlink(path);
    assert_int_equal(open_log(), 9);
}

static void gap_begins_a_new_file(void **state) {
    (void)state;
    open_log();
    write_records(1, 2);
    write_records(7, 2);
    audit_file_flush();
    expect_file(old_path, 1, 2);
    expect_file(path, 7, 2);
}

/* A limit on file sizes makes writes fail as a full disk does, in the middle of a record. */
static void full_disk_loses_nothing_that_fits_in_memory(void **state) {
    (void)state;
    struct rlimit before, small;
    struct grove_kernel_record accounts;
    signal(SIGXFSZ, SIG_IGN);
    open_log();
    write_records(1, 2);
    audit_file_flush();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = before;
    small.rlim_cur = 2 * sizeof(struct grove_audit_record) + 100;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    write_records(3, 4);
    audit_file_flush();
    write_records(7, 2);
    audit_file_flush();
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    expect_file(path, 1, 2);
    audit_file_describe(&accounts);
    assert_true(accounts.audit_errors > 0);
    uint64_t lost_before = accounts.audit_lost;
    audit_file_close(); /* tries once more */
    expect_file(path, 1, 8);
    audit_file_describe(&accounts);
    assert_int_equal(accounts.audit_lost, lost_before);
}

static void what_does_not_fit_in_memory_is_counted(void **state) {
    (void)state;
    struct grove_kernel_record before, after;
    assert_int_equal(mkdir(path, 0700), 0); /* cannot be opened as a file */
    audit_file_describe(&before);
    assert_int_equal(open_log(), 1);
    write_records(1, 1024 + 10);
    audit_file_describe(&after);
    assert_int_equal(after.audit_lost - before.audit_lost, 10);
    assert_true(after.audit_error != 0);
    assert_int_equal(rmdir(path), 0);
    audit_file_close();
    expect_file(path, 1, 1024);
}

/* The child ends, leaves what it shares with the kernel as it is, and makes room for the next one. */
static void it_is_made_durable_beside_the_kernel(void **state) {
    (void)state;
    int file = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    uint64_t deadline_ns = machine_clock_ns() + UINT64_C(10000000000);
    assert_true(file >= 0 && write(file, "record", 6) == 6);
    for (unsigned rounds = 0; rounds < 3; rounds++) {
        while (!audit_sync_begin(file))
            assert_true(machine_clock_ns() < deadline_ns);
    }
    assert_true(fcntl(file, F_GETFD) >= 0);
    assert_int_equal(write(file, "record", 6), 6);
    audit_sync_end();
    (void)close(file);
}

static void without_a_folder_it_is_off(void **state) {
    (void)state;
    uint64_t next;
    audit_file_open(loop, NULL, &next);
    assert_int_equal(next, 1);
    write_records(1, 3);
    audit_file_flush();
    assert_int_equal(size_of(path), -1);
}

int main(void) {
#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        IN_FOLDER(numbers_go_on_after_a_restart),
        IN_FOLDER(torn_tail_is_cut),
        IN_FOLDER(record_out_of_order_ends_the_log),
        IN_FOLDER(changed_record_is_noticed),
        IN_FOLDER(a_damaged_first_record_costs_no_other),
        IN_FOLDER(file_rotates_at_its_limit),
        IN_FOLDER(gap_begins_a_new_file),
        IN_FOLDER(full_disk_loses_nothing_that_fits_in_memory),
        IN_FOLDER(what_does_not_fit_in_memory_is_counted),
        IN_FOLDER(it_is_made_durable_beside_the_kernel),
        IN_FOLDER(without_a_folder_it_is_off),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
