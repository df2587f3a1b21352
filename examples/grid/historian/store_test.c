/* The store on a real folder: commit, reopen, cut off at every byte, damage, repetitions, rotation, ranges, a full file. */
#include "examples/grid/historian/store.h"
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

static char folder[64];
static const char first_segment[] = "readings-00000001.segment";

static int make_folder(void **state) {
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/historian-XXXXXX");
    return mkdtemp(folder) == NULL || chdir(folder) != 0;
}

static int remove_folder(void **state) {
    (void)state;
    char command[96];
    snprintf(command, sizeof command, "rm -rf %s", folder);
    return chdir("/") != 0 || system(command) != 0; /* NOLINT(cert-env33-c): a name made by mkdtemp */
}

static struct store *open_store_keeping(uint64_t segment_bytes, uint64_t keep_bytes) {
    struct store_limits limits = {.segment_bytes = segment_bytes, .keep_bytes = keep_bytes};
    struct store *store = NULL;
    struct problem problem = {""};
    int status = store_open(folder, &limits, &store, &problem);
    if (status < 0)
        fail_msg("%d %s", status, problem.sentence);
    return store;
}

static struct store *open_store(uint64_t segment_bytes) {
    return open_store_keeping(segment_bytes, UINT64_C(1) << 30);
}

static int add(struct store *store, uint16_t feeder, uint64_t sequence) {
    struct reading reading = {.epoch = 1, .sequence = sequence, .feeder = feeder, .wall_ns = sequence * 1000};
    return store_add(store, &reading);
}

static void commit(struct store *store) {
    struct problem problem = {""};
    assert_int_equal(store_commit(store, &problem), 0);
}

static void what_is_committed_is_found_again(void **state) {
    (void)state;
    struct store *store = open_store(1 << 20);
    struct reading latest;
    assert_int_equal(store_latest(store, 2, &latest), GROVE_NOT_FOUND);
    for (uint64_t i = 1; i <= 10; i++) {
        assert_int_equal(add(store, 2, i), 0);
        assert_int_equal(add(store, 5, i), 0);
    }
    commit(store);
    assert_int_equal(add(store, 2, 11), 0); /* not committed: gone */
    store_close(store);
    store = open_store(1 << 20);
    assert_int_equal(store_counts(store).stored, 20);
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
    struct store *store = open_store(1 << 20);
    add(store, 1, 1);
    commit(store);
    add(store, 1, 2);
    add(store, 1, 3);
    commit(store);
    store_close(store);
    struct stat stat_before;
    assert_int_equal(stat(first_segment, &stat_before), 0);
    off_t first_batch_end = (off_t)(SEGMENT_HEADER_BYTES + sizeof(struct segment_record));
    for (off_t length = stat_before.st_size; length >= first_batch_end; length -= 7) {
        assert_int_equal(truncate(first_segment, length), 0);
        store = open_store(1 << 20);
        uint64_t whole = (uint64_t)(length - (off_t)SEGMENT_HEADER_BYTES) / sizeof(struct segment_record);
        assert_int_equal(store_counts(store).stored, whole);
        assert_int_equal(store_counts(store).damaged, 0);
        assert_int_equal(add(store, 1, whole), GROVE_EXISTS);
        assert_int_equal(add(store, 1, whole + 1), 0);
        store_close(store);
    }
}

static off_t record_offset(unsigned index) {
    return (off_t)(SEGMENT_HEADER_BYTES + index * sizeof(struct segment_record));
}

/* A record that did not reach the disk, or was lost there. */
static void lose_record(const char *name, unsigned index) {
    const struct segment_record nothing = {.batch = 0};
    int descriptor = open(name, O_WRONLY);
    assert_true(descriptor >= 0);
    assert_int_equal(pwrite(descriptor, &nothing, sizeof nothing, record_offset(index)), sizeof nothing);
    close(descriptor);
}

static void add_batch(struct store *store, uint64_t first, uint64_t last) {
    for (uint64_t i = first; i <= last; i++)
        assert_int_equal(add(store, 1, i), 0);
    commit(store);
}

/* The second batch has lost a record since it was acknowledged; the third was on its way to the disk at the crash. */
static void make_damage_and_a_torn_tail(void) {
    struct store *store = open_store(1 << 20);
    add_batch(store, 1, 3);
    add_batch(store, 4, 6);
    add_batch(store, 7, 9);
    store_close(store);
    lose_record(first_segment, 4);
    lose_record(first_segment, 6);
}

static void expect_damage_and_the_rest(struct store *store) {
    assert_int_equal(store_counts(store).damaged, 1);
    assert_int_equal(store_counts(store).stored, 5);
    assert_int_equal(add(store, 1, 6), GROVE_EXISTS);
}

static void expect_readings(struct store *store, const uint64_t *sequences, unsigned count) {
    struct reading readings[HISTORIAN_RANGE_MAX];
    unsigned found = HISTORIAN_RANGE_MAX;
    uint64_t next;
    assert_int_equal(store_range(store, 1, 0, UINT64_C(1000000), readings, &found, &next), 0);
    assert_int_equal(found, count);
    for (unsigned i = 0; i < count; i++)
        assert_int_equal(readings[i].sequence, sequences[i]);
}

static void damage_and_a_second_crash_cost_nothing_that_was_acknowledged(void **state) {
    (void)state;
    static const uint64_t kept[] = {1, 2, 3, 4, 6}, all[] = {1, 2, 3, 4, 6, 7, 8, 9};
    make_damage_and_a_torn_tail();
    for (unsigned crash = 0; crash < 3; crash++) {
        struct store *store = open_store(1 << 20);
        expect_damage_and_the_rest(store);
        expect_readings(store, kept, 5);
        store_close(store);
    }
    struct store *store = open_store(1 << 20);
    add_batch(store, 7, 9);
    assert_int_equal(store_counts(store).segments, 2);
    expect_readings(store, all, 8);
    store_close(store);
    /* The batch after that is torn: what is before it stays. */
    lose_record("readings-00000002.segment", 1);
    for (unsigned crash = 0; crash < 3; crash++) {
        store = open_store(1 << 20);
        assert_int_equal(store_counts(store).stored, 6);
        expect_readings(store, all, 6);
        assert_int_equal(add(store, 1, 8), 0);
        store_close(store);
    }
}

static void damage_is_still_there_after_a_segment_that_could_not_be_begun(void **state) {
    (void)state;
    struct rlimit before, tight;
    struct problem problem = {""};
    signal(SIGXFSZ, SIG_IGN);
    make_damage_and_a_torn_tail();
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    tight = before;
    tight.rlim_cur = SEGMENT_HEADER_BYTES / 2;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    struct store *store = open_store(1 << 20);
    assert_int_equal(add(store, 1, 7), 0);
    assert_int_equal(store_commit(store, &problem), GROVE_FULL);
    store_close(store);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    store = open_store(1 << 20);
    expect_damage_and_the_rest(store);
    store_close(store);
    /* A crash while the new segment's header was being written. */
    int descriptor = open("readings-00000002.segment", O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(descriptor, "GRVHIST1", 8), 8);
    close(descriptor);
    store = open_store(1 << 20);
    expect_damage_and_the_rest(store);
    store_close(store);
}

/* Half a batch was kept; what is torn after it must not be taken for damage, since it comes again. */
static void a_torn_batch_after_half_a_batch(void **state) {
    (void)state;
    struct store *store = open_store(1 << 20);
    add_batch(store, 1, 1);
    add_batch(store, 2, 4);
    store_close(store);
    assert_int_equal(truncate(first_segment, record_offset(2)), 0);
    store = open_store(1 << 20);
    assert_int_equal(store_counts(store).stored, 2);
    add_batch(store, 3, 4);
    assert_int_equal(store_counts(store).segments, 2);
    store_close(store);
    lose_record("readings-00000002.segment", 0);
    store = open_store(1 << 20);
    assert_int_equal(store_counts(store).damaged, 0);
    assert_int_equal(store_counts(store).stored, 2);
    assert_int_equal(add(store, 1, 3), 0);
    store_close(store);
}

static void a_segment_that_was_being_made(void **state) {
    (void)state;
    for (off_t length = 0; length < (off_t)SEGMENT_HEADER_BYTES; length += 1000) {
        int descriptor = open(first_segment, O_CREAT | O_WRONLY, 0600);
        assert_true(descriptor >= 0);
        assert_int_equal(ftruncate(descriptor, length), 0);
        close(descriptor);
        struct store *store = open_store(1 << 20);
        assert_int_equal(add(store, 1, 1), 0);
        commit(store);
        store_close(store);
        assert_int_equal(unlink(first_segment), 0);
    }
}

/* A folder stands for a file that the disk does not give out: what cannot be read is not known to be damaged. */
static void a_header_that_cannot_be_read_is_not_damage(void **state) {
    (void)state;
    static const char *const names[] = {first_segment, "readings-00000002.segment"};
    struct store_limits limits = {.segment_bytes = 1 << 20, .keep_bytes = 1 << 20};
    for (unsigned last = 0; last < 2; last++) {
        struct problem problem = {""};
        struct store *store = NULL;
        if (last > 0) {
            assert_int_equal(rmdir(names[0]), 0);
            store_close(open_store(1 << 20));
            store = open_store(1 << 20);
            assert_int_equal(add(store, 2, 1), 0);
            commit(store);
            store_close(store);
            store = NULL;
        }
        assert_int_equal(mkdir(names[last], 0700), 0);
        assert_int_equal(store_open(folder, &limits, &store, &problem), GROVE_IO);
        assert_non_null(strstr(problem.sentence, "cannot read"));
        assert_non_null(strstr(problem.sentence, names[last]));
    }
}

static void segments_follow_each_other(void **state) {
    (void)state;
    struct store *store = open_store(16384);
    for (uint64_t i = 1; i <= 400; i++) {
        assert_int_equal(add(store, 1, i), 0);
        commit(store);
    }
    assert_true(store_counts(store).segments > 3);
    store_close(store);
    /* The newest one is torn away in the middle of its header: its readings had not been acknowledged. */
    store = open_store(16384);
    uint64_t segments = store_counts(store).segments;
    assert_int_equal(store_counts(store).stored, 400);
    char name[64];
    snprintf(name, sizeof name, "readings-%08u.segment", (unsigned)segments + 1);
    int descriptor = open(name, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(descriptor, "GRVHIST1", 8), 8);
    close(descriptor);
    store_close(store);
    store = open_store(16384);
    assert_int_equal(store_counts(store).segments, segments);
    struct reading readings[HISTORIAN_RANGE_MAX];
    uint64_t next = UINT64_C(100000), seen = 0;
    while (next != 0) {
        unsigned count = HISTORIAN_RANGE_MAX;
        assert_int_equal(store_range(store, 1, next, UINT64_C(300000), readings, &count, &next), 0);
        for (unsigned i = 0; i < count; i++)
            assert_int_equal(readings[i].sequence, 100 + seen++);
    }
    assert_int_equal(seen, 201);
    store_close(store);
}

static uint64_t folder_bytes(uint64_t segment_last) {
    uint64_t bytes = 0;
    for (uint64_t number = 1; number <= segment_last; number++) {
        char name[64];
        struct stat stat_now;
        snprintf(name, sizeof name, "readings-%08u.segment", (unsigned)number);
        if (stat(name, &stat_now) == 0)
            bytes += (uint64_t)stat_now.st_size;
    }
    return bytes;
}

/* The folder never holds more than was asked for, what goes is the oldest, and the numbering does not notice. */
static void the_oldest_segments_go(void **state) {
    (void)state;
    struct store *store = open_store_keeping(16384, 65536);
    for (uint64_t i = 1; i <= 2000; i++) {
        assert_int_equal(add(store, 1, i), 0);
        commit(store);
        assert_true(folder_bytes(32) <= 65536);
    }
    struct store_counts counts = store_counts(store);
    assert_int_equal(counts.segments, 4);
    assert_int_equal(counts.bytes, folder_bytes(32));
    assert_int_equal(counts.stored, 2000);
    assert_int_not_equal(access(first_segment, F_OK), 0);
    store_close(store);
    /* A smaller limit takes effect when the next segment begins. */
    store = open_store_keeping(16384, 32768);
    assert_int_equal(store_counts(store).stored, 2000);
    assert_int_equal(store_counts(store).missing, 0);
    assert_int_equal(add(store, 1, 2000), GROVE_EXISTS);
    for (uint64_t i = 2001; i <= 2200; i++) {
        assert_int_equal(add(store, 1, i), 0);
        commit(store);
    }
    assert_int_equal(store_counts(store).segments, 2);
    assert_true(folder_bytes(32) <= 32768);
    struct reading readings[HISTORIAN_RANGE_MAX];
    uint64_t next = UINT64_C(0), last = 0;
    do {
        unsigned count = HISTORIAN_RANGE_MAX;
        assert_int_equal(store_range(store, 1, next, UINT64_C(9000000), readings, &count, &next), 0);
        for (unsigned i = 0; i < count; i++) {
            assert_true(last == 0 ? readings[i].sequence > 1900 : readings[i].sequence == last + 1);
            last = readings[i].sequence;
        }
    } while (next != 0);
    assert_int_equal(last, 2200);
    store_close(store);
}

/* A file that may not grow any more: nothing is lost, and writing goes on when there is room. */
static void no_room_and_room_again(void **state) {
    (void)state;
    struct rlimit before, tight;
    struct problem problem = {""};
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    struct store *store = open_store(1 << 20);
    add(store, 1, 1);
    commit(store);
    tight = before;
    tight.rlim_cur = SEGMENT_HEADER_BYTES + 2 * sizeof(struct segment_record) + 10;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    for (uint64_t i = 2; i <= 5; i++)
        assert_int_equal(add(store, 1, i), 0);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(store_commit(store, &problem), GROVE_FULL);
        assert_int_equal(store_counts(store).stored, 1);
        assert_int_equal(store_batch_count(store), 4);
    }
    assert_non_null(strstr(problem.sentence, first_segment));
    struct stat stat_now;
    assert_int_equal(stat(first_segment, &stat_now), 0);
    assert_int_equal(stat_now.st_size, SEGMENT_HEADER_BYTES + sizeof(struct segment_record));
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    commit(store);
    assert_int_equal(store_counts(store).stored, 5);
    store_close(store);
    store = open_store(1 << 20);
    assert_int_equal(store_counts(store).stored, 5);
    store_close(store);
}

static void refusals(void **state) {
    (void)state;
    struct store *store = open_store(1 << 20);
    assert_int_equal(add(store, 0, 1), GROVE_INVALID);
    assert_int_equal(add(store, 1, 0), GROVE_INVALID);
    for (uint16_t i = 1; i <= GRID_FEEDERS_MAX; i++)
        assert_int_equal(add(store, i, 1), 0);
    assert_int_equal(add(store, 999, 1), GROVE_EXHAUSTED);
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
        STORE_TEST(damage_and_a_second_crash_cost_nothing_that_was_acknowledged),
        STORE_TEST(damage_is_still_there_after_a_segment_that_could_not_be_begun),
        STORE_TEST(a_torn_batch_after_half_a_batch),
        STORE_TEST(a_segment_that_was_being_made),
        STORE_TEST(a_header_that_cannot_be_read_is_not_damage),
        STORE_TEST(segments_follow_each_other),
        STORE_TEST(the_oldest_segments_go),
        STORE_TEST(no_room_and_room_again),
        STORE_TEST(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
