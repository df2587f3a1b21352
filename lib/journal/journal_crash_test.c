/*
 * The journal on a disk that stops, forgets and fails (testing/disk.h): the machine crashes before each call that changes
 * the disk, with any part of what was not synchronised left behind; each call fails with each error; and both.
 *
 * Record n is written by its number, so what is found must be 1, 2, 3, ... without a gap, at least up to what was
 * acknowledged, whatever happened.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "grove/journal.h"
#include "lib/journal/testing/disk.h"

#define RECORD_BYTES 3000u
#define COMMITS 14u
#define LEFTOVERS 6u /* random ones for each crash */

static char path[2][40];
static int folders[2];
static unsigned damages; /* other than torn tails */
static uint32_t flags;

static int make_folders(void **state) {
    (void)state;
    for (unsigned index = 0; index < 2; index++) {
        (void)snprintf(path[index], sizeof path[index], "%s/journal-crash-XXXXXX",
                       access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
        if (mkdtemp(path[index]) == NULL)
            return -1;
        folders[index] = open(path[index], O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    }
    return folders[0] < 0 || folders[1] < 0;
}

static void empty_folder(unsigned index) {
    DIR *listing = opendir(path[index]);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(folders[index], entry->d_name, 0);
    if (listing != NULL)
        (void)closedir(listing);
}

static void new_disk(void) {
    disk_end(); /* one that has stopped removes nothing */
    empty_folder(0);
    disk_begin(folders[0]);
}

static int remove_folders(void **state) {
    (void)state;
    disk_end();
    for (unsigned index = 0; index < 2; index++) {
        empty_folder(index);
        (void)close(folders[index]);
        (void)rmdir(path[index]);
    }
    return 0;
}

static void on_damage(const struct grove_journal_damage *damage, void *context) {
    (void)context;
    damages += damage->kind != GROVE_JOURNAL_TORN;
}

static int try_open(int folder, struct grove_journal **journal) {
    struct grove_journal_options options = {.folder = folder,
                                            .flags = flags,
                                            .limits = {.segment_bytes = 65536},
                                            .content = "TEST",
                                            .on_damage = on_damage};
    struct grove_journal_problem problem = {""};
    int status = grove_journal_open(&options, journal, &problem);
    assert_true(status == 0 || problem.sentence[0] != 0);
    return status;
}

static void append_number(struct grove_journal *journal, uint64_t number) {
    static unsigned char bytes[RECORD_BYTES];
    memset(bytes, (int)number, sizeof bytes);
    memcpy(bytes, &number, sizeof number);
    struct iovec part = {bytes, 8 + number * 577 % (RECORD_BYTES - 8)};
    struct grove_journal_entry entry = {.time_ns = number, .parts = &part, .part_count = 1};
    assert_int_equal(grove_journal_append(journal, &entry), 0);
}

/* Append and commit until the machine stops or all is done; an error is tried again. Returns what was acknowledged. */
static uint64_t work(struct grove_journal *journal, uint64_t acknowledged, unsigned commits) {
    struct grove_journal_problem problem;
    for (unsigned turn = 0; turn < commits; turn++) {
        struct grove_journal_commit done = {0};
        uint64_t first = acknowledged + 1;
        for (unsigned count = 0; count < 1 + turn % 5; count++)
            append_number(journal, first + count);
        int status = grove_journal_commit(journal, &done, &problem);
        for (unsigned again = 0; status < 0 && again < 3; again++)
            status = grove_journal_commit(journal, &done, &problem);
        if (status < 0)
            return acknowledged;
        assert_int_equal(done.first_sequence, first);
        acknowledged += done.count;
        if (turn % 4 == 1)
            grove_journal_rest(journal);
    }
    return acknowledged;
}

/* What is found is 1, 2, 3, ...; returns the last. */
static uint64_t read_all(struct grove_journal *journal) {
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    uint64_t next = 1, number;
    int status;
    assert_int_equal(grove_journal_reader_create(journal, &reader), 0);
    while ((status = grove_journal_reader_next(reader, &item)) == 0) {
        assert_int_equal(item.gap, GROVE_JOURNAL_NO_GAP);
        assert_int_equal(item.sequence, next);
        memcpy(&number, item.data, sizeof number);
        assert_int_equal(number, next);
        assert_int_equal(item.length_bytes, 8 + number * 577 % (RECORD_BYTES - 8));
        next++;
    }
    assert_int_equal(status, GROVE_AGAIN);
    assert_int_equal(next, grove_journal_facts(journal).next_sequence);
    grove_journal_reader_destroy(reader);
    return next - 1;
}

static uint64_t reopen_and_read(int folder, uint64_t acknowledged) {
    struct grove_journal *journal = NULL;
    damages = 0;
    assert_int_equal(try_open(folder, &journal), 0);
    uint64_t last = read_all(journal);
    assert_true(last >= acknowledged);
    assert_int_equal(damages, 0);
    grove_journal_close(journal);
    return last;
}

/* After the crash: everything acknowledged is there, it stays so, and goes on. */
static void check_leftovers(uint64_t acknowledged, enum disk_loss loss, unsigned random) {
    struct grove_journal *journal = NULL;
    empty_folder(1);
    disk_leave(folders[1], loss, random);
    uint64_t last = reopen_and_read(folders[1], acknowledged);
    assert_int_equal(reopen_and_read(folders[1], last), last);
    assert_int_equal(try_open(folders[1], &journal), 0);
    uint64_t more = work(journal, last, 3);
    assert_int_equal(more, last + 6);
    grove_journal_close(journal);
    assert_int_equal(reopen_and_read(folders[1], more), more);
}

static void check_all_leftovers(uint64_t acknowledged, unsigned random) {
    check_leftovers(acknowledged, DISK_KEEPS_ALL, 0);
    check_leftovers(acknowledged, DISK_KEEPS_CERTAIN, 0);
    for (unsigned turn = 0; turn < LEFTOVERS; turn++)
        check_leftovers(acknowledged, DISK_KEEPS_SOME, random * 31 + turn);
}

/* One process: opens what is there and works. Returns what was ever acknowledged. */
static uint64_t run(uint64_t acknowledged, unsigned commits) {
    struct grove_journal *journal = NULL;
    if (try_open(folders[0], &journal) < 0)
        return acknowledged;
    uint64_t last = read_all(journal);
    assert_true(last >= acknowledged);
    acknowledged = work(journal, last, commits);
    grove_journal_close(journal);
    return acknowledged;
}

/* Where calls fail from outside as well (tests/faults), some of the crashes are enough to reach every place. */
static unsigned step(void) {
    return getenv("FAULT_KIND") == NULL ? 1 : 16;
}

static unsigned count_calls(void) {
    new_disk();
    uint64_t last = run(run(0, COMMITS), COMMITS);
    assert_true(last > 60);
    return disk_calls();
}

static void a_crash_before_every_call(void **state) {
    (void)state;
    unsigned total = count_calls();
    assert_true(total > 60);
    for (unsigned call = 0; call <= total; call += step()) {
        new_disk();
        disk_stop(call);
        uint64_t acknowledged = run(0, COMMITS);
        acknowledged = run(acknowledged, COMMITS);
        check_all_leftovers(acknowledged, call);
    }
}

/* The process goes on after the error, or dies of it and is started again; the machine crashes at the end, or nothing does. */
static void every_call_fails_once(void **state) {
    (void)state;
    static const int errors[] = {EIO, ENOSPC, EROFS, EMFILE};
    unsigned total = count_calls();
    for (unsigned call = 0; call < total; call += step())
        for (unsigned index = 0; index < sizeof errors / sizeof errors[0]; index++) {
            new_disk();
            disk_fail(call, errors[index]);
            uint64_t acknowledged = run(run(0, COMMITS), COMMITS);
            acknowledged = run(acknowledged, 1);
            assert_true(acknowledged > 60);
            assert_int_equal(reopen_and_read(folders[0], acknowledged), acknowledged);
            check_leftovers(acknowledged, DISK_KEEPS_ALL, 0);
            if ((flags & GROVE_JOURNAL_UNSYNCHRONISED) != 0)
                continue;
            check_leftovers(acknowledged, DISK_KEEPS_CERTAIN, 0);
            check_leftovers(acknowledged, DISK_KEEPS_SOME, call);
        }
}

/* A failed synchronisation leaves pages that look written; then the process dies, and then the machine. */
static void an_error_and_then_a_crash(void **state) {
    (void)state;
    unsigned total = count_calls();
    for (unsigned call = 0; call < total; call += step())
        for (unsigned after = 1; after < 12; after += 2) {
            new_disk();
            disk_fail(call, EIO);
            disk_stop(call + after);
            uint64_t acknowledged = run(0, COMMITS);
            acknowledged = run(acknowledged, COMMITS);
            check_leftovers(acknowledged, DISK_KEEPS_CERTAIN, 0);
            check_leftovers(acknowledged, DISK_KEEPS_SOME, call * 7 + after);
        }
}

/* A synchronisation fails, and so does everything after it: the batch is in memory, then discarded, and never comes back. */
static void what_is_discarded_stays_away(void **state) {
    (void)state;
    struct grove_journal *journal = NULL;
    struct grove_journal_commit done;
    struct grove_journal_problem problem;
    new_disk();
    assert_int_equal(try_open(folders[0], &journal), 0);
    append_number(journal, 1);
    assert_int_equal(grove_journal_commit(journal, &done, &problem), 0);
    append_number(journal, 7);
    append_number(journal, 8);
    disk_fail(disk_calls() + 1, EIO); /* the write succeeds, fdatasync does not */
    unsigned before = disk_calls();
    assert_int_equal(grove_journal_commit(journal, &done, &problem), 0); /* in a new segment, at once */
    assert_true(disk_calls() > before + 2);
    assert_int_equal(done.count, 2);
    append_number(journal, 9);
    disk_stop(disk_calls() + 1);
    assert_int_equal(grove_journal_commit(journal, &done, &problem), GROVE_IO);
    assert_non_null(strstr(problem.sentence, "0000000003.journal"));
    assert_int_equal(grove_journal_discard(journal), 1);
    disk_stop(~0u);
    append_number(journal, 4);
    assert_int_equal(grove_journal_commit(journal, &done, &problem), 0);
    assert_int_equal(done.first_sequence, 4);
    assert_int_equal(grove_journal_facts(journal).next_sequence, 5);
    grove_journal_close(journal);
}

/* ---- without synchronisation ---- */

/* Records that are there are whole, and what is missing is said; returns the last number. */
static uint64_t read_what_is_left(int folder) {
    struct grove_journal *journal = NULL;
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    uint64_t next = 1, number;
    int status;
    assert_int_equal(try_open(folder, &journal), 0);
    assert_int_equal(grove_journal_reader_create(journal, &reader), 0);
    next = grove_journal_reader_sequence(reader);
    while ((status = grove_journal_reader_next(reader, &item)) == 0) {
        assert_int_equal(item.sequence, next);
        next = item.last_sequence + 1;
        if (item.gap != GROVE_JOURNAL_NO_GAP)
            continue;
        memcpy(&number, item.data, sizeof number);
        assert_int_equal(number, item.sequence);
    }
    assert_int_equal(status, GROVE_AGAIN);
    assert_int_equal(next, grove_journal_facts(journal).next_sequence);
    grove_journal_reader_destroy(reader);
    grove_journal_close(journal);
    return next - 1;
}

/* A crash of the machine costs what it likes of what was not on disk; then all goes on, and stays. */
static void check_remains(enum disk_loss loss, unsigned random) {
    struct grove_journal *journal = NULL;
    empty_folder(1);
    disk_leave(folders[1], loss, random);
    uint64_t last = read_what_is_left(folders[1]);
    assert_int_equal(read_what_is_left(folders[1]), last);
    assert_int_equal(try_open(folders[1], &journal), 0);
    assert_int_equal(work(journal, last, 3), last + 6);
    grove_journal_close(journal);
    assert_int_equal(read_what_is_left(folders[1]), last + 6);
}

static void a_death_costs_nothing_that_was_not_synchronised(void **state) {
    (void)state;
    flags = GROVE_JOURNAL_UNSYNCHRONISED;
    unsigned total = count_calls();
    assert_true(total > 30);
    for (unsigned call = 0; call <= total; call += step()) {
        new_disk();
        disk_stop(call);
        uint64_t acknowledged = run(run(0, COMMITS), COMMITS);
        check_leftovers(acknowledged, DISK_KEEPS_ALL, 0);
        check_remains(DISK_KEEPS_CERTAIN, 0);
        for (unsigned turn = 0; turn < LEFTOVERS / 2; turn++)
            check_remains(DISK_KEEPS_SOME, call * 31 + turn);
    }
    flags = 0;
}

static void an_error_costs_nothing_that_was_not_synchronised(void **state) {
    flags = GROVE_JOURNAL_UNSYNCHRONISED;
    every_call_fails_once(state);
    flags = 0;
}

/* ---- what cannot be read ---- */

/* Every block of the last segment in turn: without the flag that is an error, and with it only what is in it is missing. */
static void a_block_that_cannot_be_read(void **state) {
    (void)state;
    static const char name[] = "0000000002.journal";
    for (long block = 0; block < 65536; block += 4096L * step()) {
        struct grove_journal *journal = NULL;
        new_disk();
        uint64_t last = run(0, COMMITS);
        last = run(last, COMMITS / 2);
        disk_spoil(name, block, block + 4096);
        int status = try_open(folders[0], &journal);
        assert_int_equal(status, block < 8192 ? 0 : GROVE_IO); /* one header is enough */
        grove_journal_close(journal);
        flags = GROVE_JOURNAL_PASS_UNREADABLE;
        journal = NULL;
        assert_int_equal(try_open(folders[0], &journal), 0);
        uint64_t next = grove_journal_facts(journal).next_sequence;
        assert_true(next > last);
        assert_int_equal(work(journal, next - 1, 3), next + 5);
        grove_journal_close(journal);
        flags = 0;
        disk_spoil(name, 0, 0);
        /* The device had only been away: nothing that was acknowledged is missing, and no number was used twice. */
        assert_true(read_what_is_left(folders[0]) >= next + 5);
    }
}

int main(void) {
#define CRASH_TEST(name) cmocka_unit_test_setup_teardown(name, make_folders, remove_folders)
    const struct CMUnitTest tests[] = {
        CRASH_TEST(a_crash_before_every_call),
        CRASH_TEST(every_call_fails_once),
        CRASH_TEST(an_error_and_then_a_crash),
        CRASH_TEST(what_is_discarded_stays_away),
        CRASH_TEST(a_death_costs_nothing_that_was_not_synchronised),
        CRASH_TEST(an_error_costs_nothing_that_was_not_synchronised),
        CRASH_TEST(a_block_that_cannot_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
