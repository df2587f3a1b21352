/*
 * The store on a real folder: commit, reopen, cut off at every byte, damage, repetitions, snapshots, ranges, a full file.
 * What a crash and damage do to the journal itself is tried in lib/journal.
 */
#include "examples/grid/historian/store.h"
#include "examples/grid/historian/test_folder.h"
#include "grove/abi/status.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SEGMENT_BYTES UINT64_C(65536)
#define FIRST_RECORD 8192 /* where the records of a segment begin */
#define RECORD_BYTES (48L + 56) /* of a reading */

static const char first_segment[] = "0000000001.journal";

static struct store *open_store_keeping(uint64_t segment_bytes, uint64_t keep_bytes) {
    struct store_limits limits = {.segment_bytes = segment_bytes, .keep_bytes = keep_bytes};
    struct store *store = NULL;
    struct problem problem = {""};
    int status = store_open(folder, &limits, &store, &problem);
    if (status < 0)
        fail_msg("%d %s", status, problem.sentence);
    return store;
}

static struct store *open_store(void) {
    return open_store_keeping(1 << 20, UINT64_C(1) << 30);
}

static int add_in(struct store *store, uint16_t feeder, uint64_t epoch, uint64_t sequence) {
    struct reading reading = {.epoch = epoch, .sequence = sequence, .feeder = feeder, .wall_ns = sequence * 1000};
    return store_add(store, &reading);
}

static int add(struct store *store, uint16_t feeder, uint64_t sequence) {
    return add_in(store, feeder, 1, sequence);
}

static void commit(struct store *store) {
    struct problem problem = {""};
    assert_int_equal(store_commit(store, &problem), 0);
}

static void add_batch(struct store *store, uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; i++)
        assert_int_equal(add(store, 1, i), 0);
    commit(store);
}

static void what_is_committed_is_found_again(void **state) {
    (void)state;
    struct store *store = open_store();
    struct reading latest;
    assert_int_equal(store_latest(store, 2, &latest), GROVE_NOT_FOUND);
    for (uint64_t i = 1; i <= 10; i++) {
        assert_int_equal(add(store, 2, i), 0);
        assert_int_equal(add(store, 5, i), 0);
    }
    commit(store);
    assert_int_equal(add(store, 2, 11), 0); /* not committed: gone */
    assert_int_equal(store_latest(store, 2, &latest), 0);
    assert_int_equal(latest.sequence, 10);
    store_close(store);
    store = open_store();
    assert_int_equal(store_counts(store).stored, 20);
    assert_int_equal(store_latest(store, 5, &latest), 0);
    assert_int_equal(latest.sequence, 10);
    assert_int_equal(add(store, 2, 10), GROVE_EXISTS);
    assert_int_equal(add(store, 2, 11), 0);
    assert_int_equal(add(store, 2, 11), GROVE_EXISTS);
    commit(store);
    assert_int_equal(store_latest(store, 2, &latest), 0);
    assert_int_equal(latest.sequence, 11);
    assert_int_equal(store_counts(store).stored, 21);
    assert_int_equal(store_counts(store).missing, 0);
    store_close(store);
}

/* A crash may leave any length of the file beyond what was synchronised. */
static void cut_at_every_byte_of_the_last_batch(void **state) {
    (void)state;
    char command[160];
    struct store *store = open_store();
    add_batch(store, 1, 1); /* and a snapshot */
    add_batch(store, 2, 3);
    store_close(store);
    assert_int_equal(system("cp 0000000001.journal ../$$ && mv ../$$ whole"), 0); /* NOLINT(cert-env33-c) */
    off_t end = FIRST_RECORD + RECORD_BYTES + (48 + 8 + 640) + 2 * RECORD_BYTES;
    for (off_t length = end; length >= end - 2 * RECORD_BYTES; length -= 5) {
        snprintf(command, sizeof command, "rm -f *.journal quarantine-*; cp whole %s && truncate -s %ld %s",
                 first_segment, (long)length, first_segment);
        assert_int_equal(system(command), 0); /* NOLINT(cert-env33-c) */
        store = open_store();
        uint64_t whole = 3 - (uint64_t)(end - length + RECORD_BYTES - 1) / RECORD_BYTES;
        assert_int_equal(store_counts(store).stored, whole);
        assert_int_equal(store_counts(store).damaged, 0);
        assert_int_equal(add(store, 1, whole), GROVE_EXISTS);
        assert_int_equal(add(store, 1, whole + 1), 0);
        store_close(store);
    }
}

static void flip(const char *name, off_t offset) {
    unsigned char byte;
    int descriptor = open(name, O_RDWR);
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, offset), 1);
    byte ^= 4;
    assert_int_equal(pwrite(descriptor, &byte, 1, offset), 1);
    close(descriptor);
}

static unsigned count_readings(struct store *store) {
    struct reading readings[HISTORIAN_RANGE_MAX];
    unsigned found = HISTORIAN_RANGE_MAX;
    uint64_t next;
    assert_int_equal(store_range(store, 1, 0, UINT64_C(1000000), readings, &found, &next), 0);
    return found;
}

static void damage_costs_what_it_hits_and_the_numbering_nothing(void **state) {
    (void)state;
    struct store *store = open_store();
    add_batch(store, 1, 1);
    add_batch(store, 2, 5);
    add_batch(store, 6, 9);
    store_close(store);
    off_t behind_snapshot = FIRST_RECORD + RECORD_BYTES + (48 + 8 + 640);
    flip(first_segment, behind_snapshot + 2 * RECORD_BYTES + 60);
    for (unsigned start = 0; start < 2; start++) {
        store = open_store();
        assert_int_equal(store_counts(store).damaged, 1);
        assert_int_equal(store_counts(store).stored, 8);
        assert_int_equal(count_readings(store), 8);
        assert_int_equal(add(store, 1, 9), GROVE_EXISTS);
        store_close(store);
    }
    /* The snapshot too: then the journal is read from its beginning. */
    flip(first_segment, FIRST_RECORD + RECORD_BYTES + 100);
    store = open_store();
    assert_int_equal(store_counts(store).stored, 8);
    assert_int_equal(add(store, 1, 9), GROVE_EXISTS);
    add_batch(store, 10, 12);
    assert_int_equal(count_readings(store), 11);
    store_close(store);
}

/* Epochs that are past are known after a start, however long ago the readings that ended them are. */
static void epochs_that_are_past_are_kept(void **state) {
    (void)state;
    struct store *store = open_store_keeping(SEGMENT_BYTES, 1 << 30);
    for (uint64_t epoch = 1; epoch <= 5; epoch++)
        for (uint64_t i = 1; i <= 3; i++)
            assert_int_equal(add_in(store, 1, epoch, i), 0);
    commit(store);
    for (uint64_t i = 4; i <= 3000; i++) {
        assert_int_equal(add_in(store, 1, 5, i), 0);
        if (i % 100 == 0)
            commit(store);
    }
    store_close(store);
    store = open_store_keeping(SEGMENT_BYTES, 1 << 30);
    for (uint64_t epoch = 1; epoch <= 5; epoch++)
        assert_int_equal(add_in(store, 1, epoch, 3), GROVE_EXISTS);
    assert_int_equal(store_counts(store).stored, 12 + 3000);
    store_close(store);
}

static uint64_t folder_bytes(void) {
    uint64_t bytes = 0;
    for (unsigned number = 1; number <= 64; number++) {
        char name[64];
        struct stat facts;
        snprintf(name, sizeof name, "%010u.journal", number);
        if (stat(name, &facts) == 0)
            bytes += (uint64_t)facts.st_size;
    }
    return bytes;
}

/* The folder never holds more than was asked for, what goes is the oldest, and the numbering does not notice. */
static void the_oldest_segments_go(void **state) {
    (void)state;
    struct store *store = open_store_keeping(SEGMENT_BYTES, 4 * SEGMENT_BYTES);
    for (uint64_t i = 1; i <= 6000; i += 50) {
        add_batch(store, i, i + 49);
        assert_true(folder_bytes() <= 4 * SEGMENT_BYTES);
        if (i % 1000 == 1) {
            store_close(store);
            store = open_store_keeping(SEGMENT_BYTES, 4 * SEGMENT_BYTES);
            assert_int_equal(store_counts(store).stored, i + 49);
        }
    }
    assert_int_not_equal(access(first_segment, F_OK), 0);
    struct reading readings[HISTORIAN_RANGE_MAX];
    uint64_t next = 0, last = 0;
    do {
        unsigned count = HISTORIAN_RANGE_MAX;
        assert_int_equal(store_range(store, 1, next, UINT64_C(9000000), readings, &count, &next), 0);
        for (unsigned i = 0; i < count; i++) {
            assert_true(last == 0 ? readings[i].sequence > 3000 : readings[i].sequence == last + 1);
            last = readings[i].sequence;
        }
    } while (next != 0);
    assert_int_equal(last, 6000);
    store_close(store);
}

/* A file that may not grow any more: nothing is lost, and writing goes on when there is room. */
static void no_room_and_room_again(void **state) {
    (void)state;
    struct rlimit before, tight;
    struct problem problem = {""};
    signal(SIGXFSZ, SIG_IGN);
    struct store *store = open_store_keeping(SEGMENT_BYTES, 1 << 30);
    add_batch(store, 1, 1);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (uint64_t i = 2; i <= 5; i++)
        assert_int_equal(add(store, 1, i), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(store_commit(store, &problem), GROVE_FULL);
        assert_int_equal(store_counts(store).stored, 1);
        assert_int_equal(store_batch_count(store), 4);
    }
    assert_non_null(strstr(problem.sentence, "readings wait until there is room"));
    assert_int_equal(add(store, 1, 6), 0); /* beside the batch that failed */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    commit(store);
    assert_int_equal(store_counts(store).stored, 6);
    store_close(store);
    store = open_store_keeping(SEGMENT_BYTES, 1 << 30);
    assert_int_equal(store_counts(store).stored, 6);
    assert_int_equal(count_readings(store), 6);
    store_close(store);
}

static void refusals(void **state) {
    (void)state;
    struct store *store = open_store();
    assert_int_equal(add(store, 0, 1), GROVE_INVALID);
    assert_int_equal(add(store, 1, 0), GROVE_INVALID);
    for (uint16_t i = 1; i <= GRID_FEEDERS_MAX; i++)
        assert_int_equal(add(store, i, 1), 0);
    assert_int_equal(add(store, 999, 1), GROVE_EXHAUSTED);
    commit(store);
    store_close(store);
    store = open_store();
    assert_int_equal(store_counts(store).stored, GRID_FEEDERS_MAX);
    store_close(store);
    struct problem problem = {""};
    struct store_limits limits = {.segment_bytes = 1 << 20, .keep_bytes = 1 << 30};
    assert_int_equal(store_open("/nowhere/at/all", &limits, &store, &problem), GROVE_NOT_FOUND);
    assert_non_null(strstr(problem.sentence, "/nowhere/at/all"));
}

int main(void) {
#define STORE_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        STORE_TEST(what_is_committed_is_found_again),
        STORE_TEST(cut_at_every_byte_of_the_last_batch),
        STORE_TEST(damage_costs_what_it_hits_and_the_numbering_nothing),
        STORE_TEST(epochs_that_are_past_are_kept),
        STORE_TEST(the_oldest_segments_go),
        STORE_TEST(no_room_and_room_again),
        STORE_TEST(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
