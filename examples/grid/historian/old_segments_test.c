/* Segments of the format before the journal: read with it, cut where they were torn, removed when their room is needed. */
#include "examples/grid/historian/segment.h"
#include "examples/grid/historian/store.h"
#include "examples/grid/historian/test_folder.h"
#include "grove/abi/status.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define SEGMENT_BYTES UINT64_C(65536)

static struct reading reading_of(uint64_t sequence) {
    return (struct reading){.epoch = 1, .sequence = sequence, .feeder = 1, .wall_ns = sequence * 1000};
}

/* Readings first to last of feeder 1, in batches of two. `before`: stored in segments before this one. */
static void write_segment(unsigned number, uint64_t before, uint64_t first, uint64_t last) {
    char name[64];
    struct segment_header header = {.number = number, .created_wall_ns = first * 1000, .first_batch = first};
    if (before > 0)
        header.feeder[0] =
            (struct segment_feeder){.feeder = 1, .numbering = {.epoch = 1, .sequence = before, .taken = before}};
    segment_header_seal(&header);
    snprintf(name, sizeof name, "readings-%08u.segment", number);
    int file = open(name, O_CREAT | O_WRONLY | O_TRUNC, 0600);
    assert_true(file >= 0);
    assert_int_equal(write(file, &header, sizeof header), sizeof header);
    for (uint64_t i = first; i <= last; i++) {
        struct segment_record record = {.reading = reading_of(i),
                                        .batch = first + (i - first) / 2,
                                        .position = (uint16_t)((i - first) % 2),
                                        .count = 2};
        segment_record_seal(&record);
        assert_int_equal(write(file, &record, sizeof record), sizeof record);
    }
    close(file);
}

static struct store *open_store(uint64_t keep_bytes) {
    struct store_limits limits = {.segment_bytes = SEGMENT_BYTES, .keep_bytes = keep_bytes};
    struct store *store = NULL;
    struct problem problem = {""};
    int status = store_open(folder, &limits, &store, &problem);
    if (status < 0)
        fail_msg("%d %s", status, problem.sentence);
    return store;
}

static void add(struct store *store, uint64_t first, uint64_t last) {
    struct problem problem = {""};
    for (uint64_t i = first; i <= last; i++) {
        struct reading reading = reading_of(i);
        assert_int_equal(store_add(store, &reading), 0);
    }
    assert_int_equal(store_commit(store, &problem), 0);
}

/* All readings that are kept follow each other; returns the first, and the last in *last. */
static uint64_t read_all(struct store *store, uint64_t *last) {
    struct reading readings[HISTORIAN_RANGE_MAX];
    uint64_t first = 0, next = 0;
    *last = 0;
    do {
        unsigned count = HISTORIAN_RANGE_MAX;
        assert_int_equal(store_range(store, 1, next, UINT64_C(1) << 40, readings, &count, &next), 0);
        for (unsigned i = 0; i < count; i++) {
            assert_true(*last == 0 || readings[i].sequence == *last + 1);
            first = first == 0 ? readings[i].sequence : first;
            *last = readings[i].sequence;
        }
    } while (next != 0);
    return first;
}

static void they_are_read_and_continued(void **state) {
    (void)state;
    uint64_t last;
    write_segment(1, 0, 1, 100);
    write_segment(2, 100, 101, 200);
    for (unsigned start = 0; start < 3; start++) {
        struct store *store = open_store(1 << 30);
        assert_int_equal(store_counts(store).stored, 200 + 10 * start);
        assert_int_equal(store_counts(store).missing, 0);
        struct reading again = reading_of(200);
        assert_int_equal(store_add(store, &again), GROVE_EXISTS);
        add(store, 201 + 10 * start, 210 + 10 * start);
        assert_int_equal(read_all(store, &last), 1);
        assert_int_equal(last, 210 + 10 * start);
        store_close(store);
    }
    /* Without them the snapshot still says how to go on. */
    assert_int_equal(unlink("readings-00000001.segment"), 0);
    assert_int_equal(unlink("readings-00000002.segment"), 0);
    struct store *store = open_store(1 << 30);
    assert_int_equal(store_counts(store).stored, 230);
    assert_int_equal(read_all(store, &last), 201);
    assert_int_equal(last, 230);
    store_close(store);
}

static void a_torn_tail_is_not_theirs(void **state) {
    (void)state;
    uint64_t last;
    write_segment(1, 0, 1, 10);
    assert_int_equal(
        truncate("readings-00000001.segment", (off_t)(SEGMENT_HEADER_BYTES + 9 * sizeof(struct segment_record) - 3)),
        0);
    for (unsigned start = 0; start < 2; start++) {
        struct store *store = open_store(1 << 30);
        assert_int_equal(store_counts(store).stored, 8);
        assert_int_equal(store_counts(store).damaged, 0);
        read_all(store, &last);
        assert_int_equal(last, 8);
        store_close(store);
    }
    struct store *store = open_store(1 << 30);
    add(store, 9, 12);
    assert_int_equal(read_all(store, &last), 1);
    assert_int_equal(last, 12);
    store_close(store);
}

static void damage_is_counted_and_passed(void **state) {
    (void)state;
    write_segment(1, 0, 1, 20);
    int file = open("readings-00000001.segment", O_RDWR);
    off_t place = (off_t)(SEGMENT_HEADER_BYTES + 6 * sizeof(struct segment_record) + 30);
    assert_int_equal(pwrite(file, "x", 1, place), 1);
    close(file);
    struct store *store = open_store(1 << 30);
    assert_int_equal(store_counts(store).damaged, 1);
    assert_int_equal(store_counts(store).stored, 19);
    store_close(store);
}

static void one_that_was_being_made_is_removed(void **state) {
    (void)state;
    uint64_t last;
    write_segment(1, 0, 1, 20);
    int file = open("readings-00000002.segment", O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(file, "GRVHIST1", 8), 8);
    close(file);
    struct store *store = open_store(1 << 30);
    assert_int_equal(store_counts(store).stored, 20);
    assert_int_equal(read_all(store, &last), 1);
    assert_int_equal(last, 20);
    store_close(store);
    assert_int_not_equal(access("readings-00000002.segment", F_OK), 0);
}

/* A folder stands for a file that the disk does not give out: what cannot be read is not known to be damaged. */
static void a_header_that_cannot_be_read_is_not_damage(void **state) {
    (void)state;
    struct store_limits limits = {.segment_bytes = SEGMENT_BYTES, .keep_bytes = 1 << 30};
    struct problem problem = {""};
    struct store *store = NULL;
    write_segment(1, 0, 1, 20);
    assert_int_equal(mkdir("readings-00000002.segment", 0700), 0);
    assert_int_equal(store_open(folder, &limits, &store, &problem), GROVE_IO);
    assert_non_null(strstr(problem.sentence, "cannot read readings-00000002.segment"));
}

static void they_go_when_their_room_is_needed(void **state) {
    (void)state;
    uint64_t last, first = 0;
    for (unsigned number = 1; number <= 4; number++)
        write_segment(number, (number - 1) * 700ul, (number - 1) * 700ul + 1, number * 700ul);
    struct store *store = open_store(4 * SEGMENT_BYTES);
    for (uint64_t i = 2801; i < 6800; i += 100) {
        add(store, i, i + 99);
        uint64_t now = read_all(store, &last);
        assert_true(now >= first);
        assert_int_equal(last, i + 99);
        assert_true(store_counts(store).bytes <= 4 * SEGMENT_BYTES || store_counts(store).segments <= 4);
        first = now;
    }
    assert_int_not_equal(access("readings-00000004.segment", F_OK), 0);
    assert_int_equal(store_counts(store).stored, 6800);
    store_close(store);
    store = open_store(4 * SEGMENT_BYTES);
    assert_int_equal(store_counts(store).stored, 6800);
    assert_int_equal(store_counts(store).missing, 0);
    store_close(store);
}

int main(void) {
#define OLD_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        OLD_TEST(they_are_read_and_continued),
        OLD_TEST(a_torn_tail_is_not_theirs),
        OLD_TEST(damage_is_counted_and_passed),
        OLD_TEST(one_that_was_being_made_is_removed),
        OLD_TEST(a_header_that_cannot_be_read_is_not_damage),
        OLD_TEST(they_go_when_their_room_is_needed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
