/* Segments: what is kept, what is thrown away, and what damage does. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "servers/log/segments.h"

struct fixture {
    char path[64];
    int parent;
    struct segments segments;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    *state = fixture;
    (void)snprintf(fixture->path, sizeof fixture->path, "/tmp/grove-segments-XXXXXX");
    if (mkdtemp(fixture->path) == NULL)
        return -1;
    fixture->parent = open(fixture->path, O_RDONLY | O_DIRECTORY);
    return segments_open(&fixture->segments, fixture->parent, "p.service");
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    char command[128];
    segments_close(&fixture->segments);
    (void)close(fixture->parent);
    (void)snprintf(command, sizeof command, "rm -r %s", fixture->path);
    int status = system(command); /* NOLINT(cert-env33-c): a name made by mkdtemp */
    free(fixture);
    return status;
}

static void say(struct fixture *fixture, uint64_t time_ns, const char *text) {
    assert_int_equal(segments_append(&fixture->segments, time_ns, LOG_STREAM_OUT, text, (uint32_t)strlen(text)), 0);
}

/* All text from a position on, put together. */
static void collect(struct fixture *fixture, struct segment_position position, uint64_t since_ns, char *text,
                    size_t text_bytes) {
    static _Alignas(8) char buffer[LOG_PAGE_BYTES];
    size_t used_bytes, length = 0;
    uint32_t count;
    bool is_end = false;
    while (!is_end) {
        assert_int_equal(
            segments_read(&fixture->segments, &position, since_ns, buffer, sizeof buffer, &used_bytes, &count, &is_end),
            0);
        size_t offset = 0;
        for (uint32_t index = 0; index < count; index++) {
            struct log_chunk chunk;
            memcpy(&chunk, buffer + offset, sizeof chunk);
            assert_true(length + chunk.length_bytes < text_bytes);
            memcpy(text + length, buffer + offset + sizeof chunk, chunk.length_bytes);
            length += chunk.length_bytes;
            offset += sizeof chunk + ((chunk.length_bytes + 7u) & ~7u);
        }
        assert_int_equal(offset, used_bytes);
    }
    text[length] = '\0';
}

static void what_is_appended_is_read_also_after_opening_again(void **state) {
    struct fixture *fixture = *state;
    char text[256];
    say(fixture, 1, "one\ntw");
    say(fixture, 2, "o\nthree\n");
    segments_close(&fixture->segments);
    assert_int_equal(segments_open(&fixture->segments, fixture->parent, "p.service"), 0);
    say(fixture, 3, "four\n");
    collect(fixture, (struct segment_position){0}, 0, text, sizeof text);
    assert_string_equal(text, "one\ntwo\nthree\nfour\n");
    collect(fixture, (struct segment_position){0}, 2, text, sizeof text);
    assert_string_equal(text, "o\nthree\nfour\n");
}

static void the_tail_has_the_lines_asked_for(void **state) {
    struct fixture *fixture = *state;
    struct segment_position position;
    char text[256];
    for (unsigned index = 0; index < 20; index++) {
        (void)snprintf(text, sizeof text, "line %u\n", index);
        say(fixture, index, text);
    }
    assert_int_equal(segments_tail(&fixture->segments, 2, &position), 0);
    collect(fixture, position, 0, text, sizeof text);
    assert_string_equal(text, "line 17\nline 18\nline 19\n");
    assert_int_equal(segments_tail(&fixture->segments, 100, &position), 0);
    assert_int_equal(position.offset_bytes, 0);
}

static void the_oldest_segments_go_and_reading_goes_on_behind_them(void **state) {
    struct fixture *fixture = *state;
    static char chunk[SEGMENT_CHUNK_MAX];
    static char text[8u << 20];
    memset(chunk, 'x', sizeof chunk);
    chunk[sizeof chunk - 1] = '\n';
    for (unsigned index = 0; index < 6 * SEGMENT_BYTES / SEGMENT_CHUNK_MAX; index++)
        assert_int_equal(segments_append(&fixture->segments, 1, LOG_STREAM_ERROR, chunk, sizeof chunk), 0);
    assert_int_equal(fixture->segments.last - fixture->segments.first, SEGMENTS_KEPT - 1);
    assert_true(fixture->segments.first > 1);
    for (uint32_t number = 1; number <= fixture->segments.last; number++) {
        char path[128];
        (void)snprintf(path, sizeof path, "%s/p.service/%08u.log", fixture->path, number);
        assert_int_equal(access(path, F_OK) == 0, number >= fixture->segments.first);
    }
    collect(fixture, (struct segment_position){1, 77}, 0, text, sizeof text);
    assert_true(strlen(text) > 3 * SEGMENT_BYTES - SEGMENT_CHUNK_MAX);
    assert_true(strlen(text) <= SEGMENTS_KEPT * SEGMENT_BYTES);
    struct segment_position position;
    assert_int_equal(segments_tail(&fixture->segments, 100, &position), 0);
    assert_true(position.segment >= fixture->segments.last - 2);
}

/* The offset at which record `index` of those with `length` bytes begins. */
static off_t record_offset(unsigned index, size_t length) {
    return (off_t)(index * (sizeof(struct segment_record) + (length + 7) / 8 * 8));
}

static void write_at(const struct fixture *fixture, off_t offset, const char *bytes, size_t count) {
    char path[128];
    (void)snprintf(path, sizeof path, "%s/p.service/00000001.log", fixture->path);
    int descriptor = open(path, O_RDWR);
    assert_int_equal(pwrite(descriptor, bytes, count, offset), count);
    (void)close(descriptor);
}

static void open_again(struct fixture *fixture) {
    segments_close(&fixture->segments);
    assert_int_equal(segments_open(&fixture->segments, fixture->parent, "p.service"), 0);
}

static void a_torn_tail_is_cut_off(void **state) {
    struct fixture *fixture = *state;
    char path[128], text[256];
    say(fixture, 1, "whole\n");
    say(fixture, 2, "torn\n");
    segments_close(&fixture->segments);
    (void)snprintf(path, sizeof path, "%s/p.service/00000001.log", fixture->path);
    assert_int_equal(truncate(path, record_offset(2, 5) - 3), 0);
    assert_int_equal(segments_open(&fixture->segments, fixture->parent, "p.service"), 0);
    say(fixture, 3, "next\n");
    collect(fixture, (struct segment_position){0}, 0, text, sizeof text);
    assert_string_equal(text, "whole\nnext\n");
}

static void a_flipped_bit_costs_its_own_record(void **state) {
    struct fixture *fixture = *state;
    struct segment_position position;
    char text[256];
    say(fixture, 1, "one\n");
    say(fixture, 2, "two\n");
    say(fixture, 3, "three\n");
    write_at(fixture, record_offset(1, 4) + (off_t)sizeof(struct segment_record), "T", 1);
    open_again(fixture);
    say(fixture, 4, "four\n");
    collect(fixture, (struct segment_position){0}, 0, text, sizeof text);
    assert_string_equal(text, "one\n40 bytes of the log are damaged here\nthree\nfour\n");
    collect(fixture, (struct segment_position){0}, 4, text, sizeof text);
    assert_string_equal(text, "four\n"); /* what was damaged was older */
    assert_int_equal(segments_tail(&fixture->segments, 2, &position), 0);
    collect(fixture, position, 0, text, sizeof text);
    assert_non_null(strstr(text, "three\nfour\n"));
}

/* Nothing is known of the record's length: the next one is looked for. */
static void a_damaged_header_costs_its_own_record(void **state) {
    struct fixture *fixture = *state;
    char text[256];
    for (off_t field = 0; field < 8; field += 4) { /* the magic, and the length */
        say(fixture, 1, "one\n");
        say(fixture, 2, "two\n");
        say(fixture, 3, "three\n");
        write_at(fixture, record_offset(1, 4) + field, "\xff\xff", 2);
        open_again(fixture);
        say(fixture, 4, "four\n");
        collect(fixture, (struct segment_position){0}, 0, text, sizeof text);
        assert_string_equal(text, "one\n40 bytes of the log are damaged here\nthree\nfour\n");
        assert_int_equal(unlinkat(fixture->segments.folder, "00000001.log", 0), 0);
        open_again(fixture);
    }
}

/* A service can write what looks like records. Behind damage they cost a bounded search, and are not taken for the tail. */
static void what_looks_like_records_is_searched_for_a_bounded_time(void **state) {
    struct fixture *fixture = *state;
    static char bait[SEGMENT_CHUNK_MAX], text[SEGMENT_BYTES + 4096];
    const struct segment_record looks = {.magic = SEGMENT_MAGIC, .length_bytes = SEGMENT_CHUNK_MAX};
    for (size_t at = 0; at + 8 <= sizeof bait; at += 8)
        memcpy(bait + at, &looks, 8);
    for (unsigned index = 0; index < 40; index++)
        assert_int_equal(segments_append(&fixture->segments, 1, LOG_STREAM_OUT, bait, sizeof bait), 0);
    write_at(fixture, 0, "x", 1);
    open_again(fixture);
    say(fixture, 2, "last\n");
    collect(fixture, (struct segment_position){0}, 2, text, sizeof text);
    assert_non_null(strstr(text, "last\n"));
    /* What the search did not come to is not cut. */
    assert_int_equal(fixture->segments.last, 2);
    (void)snprintf(text, sizeof text, "%s/p.service/00000001.log", fixture->path);
    struct stat facts;
    assert_int_equal(stat(text, &facts), 0);
    assert_int_equal(facts.st_size, record_offset(40, sizeof bait));
}

static void what_could_not_be_written_is_counted_and_said_later(void **state) {
    struct fixture *fixture = *state;
    char text[256];
    int folder = fixture->segments.folder;
    fixture->segments.folder = open("/proc/self/fdinfo", O_RDONLY | O_DIRECTORY);
    assert_true(segments_append(&fixture->segments, 1, LOG_STREAM_OUT, "lost\n", 5) < 0);
    assert_int_equal(fixture->segments.dropped_bytes, 5);
    (void)close(fixture->segments.folder);
    fixture->segments.folder = folder;
    say(fixture, 2, "kept\n");
    collect(fixture, (struct segment_position){0}, 0, text, sizeof text);
    assert_string_equal(text, "5 bytes were dropped here: the log could not be written\nkept\n");
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

static void what_cannot_be_looked_at_for_want_of_descriptors_is_not_cut(void **state) {
    struct fixture *fixture = *state;
    char text[256];
    for (unsigned left = 0; left < 3; left++) {
        (void)snprintf(text, sizeof text, "before %u\n", left);
        say(fixture, 1, text);
        segments_close(&fixture->segments);
        assert_int_equal(segments_open(&fixture->segments, fixture->parent, "p.service"), 0);
        struct rlimit limit = leave_descriptors(left);
        int status = segments_append(&fixture->segments, 2, LOG_STREAM_OUT, "scarce\n", 7);
        assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
        assert_int_equal(status, left < 2 ? GROVE_NO_DESCRIPTORS : 0);
    }
    collect(fixture, (struct segment_position){0}, 0, text, sizeof text);
    assert_string_equal(text, "before 0\n7 bytes were dropped here: the log could not be written\n"
                              "before 1\n7 bytes were dropped here: the log could not be written\n"
                              "before 2\nscarce\n");
}

static void a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one(void **state) {
    struct fixture *fixture = *state;
    say(fixture, 1, "kept\n");
    segments_close(&fixture->segments);
    struct rlimit limit = leave_descriptors(1);
    int status = segments_open(&fixture->segments, fixture->parent, "p.service");
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
    assert_int_equal(status, GROVE_NO_DESCRIPTORS);
    assert_int_equal(fixture->segments.folder, -1);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(what_is_appended_is_read_also_after_opening_again),
        TEST(the_tail_has_the_lines_asked_for),
        TEST(the_oldest_segments_go_and_reading_goes_on_behind_them),
        TEST(a_torn_tail_is_cut_off),
        TEST(a_flipped_bit_costs_its_own_record),
        TEST(a_damaged_header_costs_its_own_record),
        TEST(what_looks_like_records_is_searched_for_a_bounded_time),
        TEST(what_could_not_be_written_is_counted_and_said_later),
        TEST(what_cannot_be_looked_at_for_want_of_descriptors_is_not_cut),
        TEST(a_folder_that_cannot_be_listed_is_not_taken_for_an_empty_one),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
