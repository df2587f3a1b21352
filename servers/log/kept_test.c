/* A kept log: what is there after opening again, what goes, and what damage, want and a full disk do. */
#include "servers/log/testing/support.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"

#define FIRST_RECORD 8192 /* where the records of a segment begin */
#define SEGMENT_BYTES (KEPT_BYTES / KEPT_SEGMENTS)
#define RECORD_BYTES 48 /* of a record's head */

static void what_is_appended_is_read_also_after_opening_again(void **state) {
    struct fixture *fixture = *state;
    char text[256];
    say(fixture, 1, "one\ntw");
    say(fixture, 2, "o\nthree\n");
    open_again(fixture);
    say(fixture, 3, "four\n");
    assert_log(fixture, "one\ntwo\nthree\nfour\n");
    (void)collect(fixture, (struct kept_position){0}, 2, text, sizeof text);
    assert_string_equal(text, "o\nthree\nfour\n");
}

static void a_log_that_nobody_wrote_has_no_files(void **state) {
    struct fixture *fixture = *state;
    assert_log(fixture, "");
    assert_int_equal(access(path_of(fixture, "0000000001.journal"), F_OK), -1);
}

static void the_tail_has_the_lines_asked_for(void **state) {
    struct fixture *fixture = *state;
    struct kept_position position;
    char text[4096];
    for (unsigned index = 0; index < 200; index++) {
        (void)snprintf(text, sizeof text, "line %u\n", index);
        say(fixture, index, text);
    }
    assert_int_equal(kept_tail(&fixture->kept, 2, &position), 0);
    (void)collect(fixture, position, 0, text, sizeof text);
    assert_string_equal(text, "line 197\nline 198\nline 199\n");
    for (uint32_t lines = 1; lines < 199; lines++) {
        assert_int_equal(kept_tail(&fixture->kept, lines, &position), 0);
        assert_int_equal(position.offset, 200 - lines);
    }
    assert_int_equal(kept_tail(&fixture->kept, 1000, &position), 0);
    (void)collect(fixture, position, 0, text, sizeof text);
    assert_memory_equal(text, "line 0\nline 1\n", 14);
}

static void the_oldest_go_and_reading_goes_on_behind_them(void **state) {
    struct fixture *fixture = *state;
    static char chunk[KEPT_CHUNK_MAX], text[8u << 20];
    struct kept_position position;
    memset(chunk, 'x', sizeof chunk);
    chunk[sizeof chunk - 1] = '\n';
    for (unsigned index = 0; index < 6 * SEGMENT_BYTES / KEPT_CHUNK_MAX; index++)
        assert_int_equal(kept_append(&fixture->kept, (struct order_stamp){1, 0}, LOG_STREAM_ERROR, chunk, sizeof chunk),
                         0);
    assert_in_range(grove_journal_facts(fixture->kept.journal).segments, 3, KEPT_SEGMENTS);
    assert_int_equal(access(path_of(fixture, "0000000001.journal"), F_OK), -1);
    /* Whoever was in the middle is told. */
    (void)collect(fixture, (struct kept_position){.offset = 7}, 0, text, sizeof text);
    assert_non_null(strstr(text, " pieces of the log were removed before they were read\n"));
    assert_in_range(strlen(text), 2 * SEGMENT_BYTES, KEPT_BYTES);
    /* Whoever begins is not. */
    assert_true(collect(fixture, (struct kept_position){0}, 0, text, sizeof text) > 100);
    assert_int_equal(text[0], 'x');
    assert_int_equal(kept_tail(&fixture->kept, 100, &position), 0);
    assert_int_equal(position.offset, grove_journal_facts(fixture->kept.journal).next_sequence - 101);
}

static void write_at(const struct fixture *fixture, off_t offset, const char *bytes) {
    int descriptor = open(path_of(fixture, "0000000001.journal"), O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(descriptor, bytes, strlen(bytes), offset), strlen(bytes));
    (void)close(descriptor);
}

static void a_torn_tail_is_not_read(void **state) {
    struct fixture *fixture = *state;
    say(fixture, 1, "whole\n");
    say(fixture, 2, "torn\n");
    kept_close(&fixture->kept);
    assert_int_equal(truncate(path_of(fixture, "0000000001.journal"), FIRST_RECORD + 2 * RECORD_BYTES + 8 + 3), 0);
    assert_int_equal(kept_open(&fixture->kept, fixture->parent, "p.service", &fixture->limits), 0);
    say(fixture, 3, "next\n");
    assert_log(fixture, "whole\nnext\n");
    open_again(fixture);
    assert_log(fixture, "whole\nnext\n");
}

/* Of the second record the data, then its head, of which nothing is known then. */
static void a_flipped_bit_costs_its_own_record(void **state) {
    struct fixture *fixture = *state;
    struct kept_position position;
    char text[256];
    say(fixture, 1, "one\n");
    say(fixture, 2, "two\n");
    say(fixture, 3, "three\n");
    write_at(fixture, FIRST_RECORD + 2 * RECORD_BYTES + 8, "T");
    open_again(fixture);
    say(fixture, 4, "four\n");
    assert_log(fixture, "one\nup to 1 pieces of the log are damaged here\nthree\nfour\n");
    write_at(fixture, FIRST_RECORD + RECORD_BYTES + 8, "head");
    open_again(fixture);
    assert_log(fixture, "one\nup to 1 pieces of the log are damaged here\nthree\nfour\n");
    (void)collect(fixture, (struct kept_position){0}, 4, text, sizeof text);
    assert_string_equal(text, "four\n"); /* what was damaged was older */
    assert_int_equal(kept_tail(&fixture->kept, 2, &position), 0);
    (void)collect(fixture, position, 0, text, sizeof text);
    assert_non_null(strstr(text, "three\nfour\n"));
    assert_int_equal(access(path_of(fixture, "quarantine-0000000001-8248.bytes"), F_OK), 0);
}

static void what_could_not_be_written_is_counted_and_said_later(void **state) {
    struct fixture *fixture = *state;
    struct rlimit before, small = {.rlim_cur = 100, .rlim_max = RLIM_INFINITY};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small.rlim_max = before.rlim_max;
    (void)signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    int status = kept_append(&fixture->kept, (struct order_stamp){1, 0}, LOG_STREAM_OUT, "lost\n", 5);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(status, GROVE_FULL);
    assert_int_equal(fixture->kept.dropped_bytes, 5);
    say(fixture, 2, "kept\n");
    assert_log(fixture, "5 bytes were dropped here: the log could not be written\nkept\n");
}

/* Leave this many descriptors that could be opened; returns the limit as it was. */
static struct rlimit leave_descriptors(unsigned count) {
    struct rlimit before;
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    int lowest = dup(STDIN_FILENO);
    assert_true(lowest >= 0);
    (void)close(lowest);
    struct rlimit scarce = {.rlim_cur = (rlim_t)lowest + count, .rlim_max = before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &scarce), 0);
    return before;
}

static void what_cannot_be_looked_at_for_want_of_descriptors_is_not_lost(void **state) {
    struct fixture *fixture = *state;
    char text[64];
    for (unsigned left = 0; left < 2; left++) {
        (void)snprintf(text, sizeof text, "before %u\n", left);
        say(fixture, 1, text);
        open_again(fixture);
        struct rlimit limit = leave_descriptors(left);
        int status = kept_append(&fixture->kept, (struct order_stamp){2, 0}, LOG_STREAM_OUT, "scarce\n", 7);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(status, left < 1 ? GROVE_NO_DESCRIPTORS : 0);
    }
    assert_log(fixture, "before 0\n7 bytes were dropped here: the log could not be written\n"
                        "before 1\nscarce\n");
}

static void a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(void **state) {
    struct fixture *fixture = *state;
    say(fixture, 1, "kept\n");
    kept_close(&fixture->kept);
    struct rlimit limit = leave_descriptors(1);
    int status = kept_open(&fixture->kept, fixture->parent, "p.service", &fixture->limits);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(status, GROVE_NO_DESCRIPTORS);
    assert_int_equal(fixture->kept.folder, -1);
}

static void other_limits_hold_at_once(void **state) {
    struct fixture *fixture = *state;
    static char chunk[KEPT_CHUNK_MAX];
    memset(chunk, 'x', sizeof chunk);
    for (unsigned index = 0; index < 3 * SEGMENT_BYTES / KEPT_CHUNK_MAX; index++)
        assert_int_equal(
            kept_append(&fixture->kept, (struct order_stamp){index + 1, 0}, LOG_STREAM_ERROR, chunk, sizeof chunk), 0);
    fixture->limits.keep_bytes = KEPT_BYTES / 4;
    kept_limit(&fixture->kept, 1);
    for (unsigned index = 0; index < KEPT_BYTES / 8 / KEPT_CHUNK_MAX; index++)
        assert_int_equal(
            kept_append(&fixture->kept, (struct order_stamp){index + 1, 0}, LOG_STREAM_ERROR, chunk, sizeof chunk), 0);
    assert_true(grove_journal_facts(fixture->kept.journal).bytes <= 2 * SEGMENT_BYTES); /* two segments stay */
    fixture->limits = (struct kept_limits){.keep_bytes = 4 * KEPT_BYTES};
    open_again(fixture);
    for (unsigned index = 0; index < 2 * KEPT_BYTES / KEPT_CHUNK_MAX; index++)
        assert_int_equal(
            kept_append(&fixture->kept, (struct order_stamp){index + 1, 0}, LOG_STREAM_ERROR, chunk, sizeof chunk), 0);
    assert_true(grove_journal_facts(fixture->kept.journal).bytes > 2 * KEPT_BYTES);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_appended_is_read_also_after_opening_again),
        TEST(a_log_that_nobody_wrote_has_no_files),
        TEST(the_tail_has_the_lines_asked_for),
        TEST(the_oldest_go_and_reading_goes_on_behind_them),
        TEST(other_limits_hold_at_once),
        TEST(a_torn_tail_is_not_read),
        TEST(a_flipped_bit_costs_its_own_record),
        TEST(what_could_not_be_written_is_counted_and_said_later),
        TEST(what_cannot_be_looked_at_for_want_of_descriptors_is_not_lost),
        TEST(a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
