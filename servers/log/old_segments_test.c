/* Segments of the old format: read, before what the journal has, and given up as it grows. */
#include "servers/log/testing/support.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"

static uint64_t fnv(const char *data, size_t bytes) {
    uint64_t hash = UINT64_C(14695981039346656037);
    for (size_t index = 0; index < bytes; index++)
        hash = (hash ^ (unsigned char)data[index]) * UINT64_C(1099511628211);
    return hash;
}

/* As the log service of then wrote it. */
static void write_old(struct fixture *fixture, const char *file, uint64_t time_ns, const char *bytes, size_t count) {
    static char record[sizeof(struct segment_record) + OLD_SEGMENT_CHUNK_MAX];
    struct segment_record head = {.magic = OLD_SEGMENT_MAGIC, .length_bytes = (uint32_t)count, .time_ns = time_ns};
    size_t padded = (count + 7) / 8 * 8;
    memset(record, 0, sizeof head + padded);
    memcpy(record, &head, sizeof head);
    memcpy(record + sizeof head, bytes, count);
    head.check = fnv(record, sizeof head + count);
    memcpy(record, &head, sizeof head);
    int descriptor = open(path_of(fixture, file), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    assert_int_equal(write(descriptor, record, sizeof head + padded), sizeof head + padded);
    (void)close(descriptor);
}

static void write_line(struct fixture *fixture, const char *file, uint64_t time_ns, const char *line) {
    write_old(fixture, file, time_ns, line, strlen(line));
}

static void flip(struct fixture *fixture, const char *file, off_t offset) {
    int descriptor = open(path_of(fixture, file), O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(descriptor, "\xff\xff", 2, offset), 2);
    (void)close(descriptor);
}

static void they_are_read_before_the_journal(void **state) {
    struct fixture *fixture = *state;
    struct kept_position position;
    char text[256];
    write_line(fixture, "00000003.log", 1, "one\n");
    write_line(fixture, "00000003.log", 2, "two\n");
    write_line(fixture, "00000004.log", 3, "three\n");
    open_again(fixture);
    assert_log(fixture, "one\ntwo\nthree\n");
    say(fixture, 4, "four\n");
    open_again(fixture);
    assert_log(fixture, "one\ntwo\nthree\nfour\n");
    (void)collect(fixture, (struct kept_position){0}, 3, text, sizeof text);
    assert_string_equal(text, "three\nfour\n");
    /* The last lines, from each of them. */
    static const char *const tails[] = {"three\nfour\n", "two\nthree\nfour\n", "one\ntwo\nthree\nfour\n",
                                        "one\ntwo\nthree\nfour\n", "one\ntwo\nthree\nfour\n"};
    for (uint32_t lines = 1; lines <= 5; lines++) {
        assert_int_equal(kept_tail(&fixture->kept, lines, &position), 0);
        (void)collect(fixture, position, 0, text, sizeof text);
        assert_string_equal(text, tails[lines - 1]);
    }
    /* A position in one that has been removed goes on in the journal. */
    (void)unlink(path_of(fixture, "00000003.log"));
    (void)unlink(path_of(fixture, "00000004.log"));
    open_again(fixture);
    (void)collect(fixture, (struct kept_position){3, 40}, 0, text, sizeof text);
    assert_string_equal(text, "four\n");
}

static void damage_in_them_is_said(void **state) {
    struct fixture *fixture = *state;
    static const off_t places[] = {40, 44, 72}; /* of the second record the magic, the length, and the bytes */
    for (unsigned index = 0; index < sizeof places / sizeof places[0]; index++) {
        (void)unlink(path_of(fixture, "00000001.log"));
        write_line(fixture, "00000001.log", 1, "one\n");
        write_line(fixture, "00000001.log", 2, "two\n");
        write_line(fixture, "00000001.log", 3, "three\n");
        flip(fixture, "00000001.log", places[index]);
        open_again(fixture);
        assert_log(fixture, "one\n40 bytes of the log are damaged here\nthree\n");
    }
    assert_int_equal(truncate(path_of(fixture, "00000001.log"), 117), 0); /* a torn tail counts for nothing */
    assert_log(fixture, "one\n");
}

/* A service can write what looks like records. Behind damage they cost a bounded search. */
static void what_looks_like_records_is_searched_for_a_bounded_time(void **state) {
    struct fixture *fixture = *state;
    static char bait[OLD_SEGMENT_CHUNK_MAX], text[OLD_SEGMENT_BYTES + 4096];
    const struct segment_record looks = {.magic = OLD_SEGMENT_MAGIC, .length_bytes = OLD_SEGMENT_CHUNK_MAX};
    for (size_t at = 0; at + 8 <= sizeof bait; at += 8)
        memcpy(bait + at, &looks, 8);
    for (unsigned index = 0; index < 40; index++)
        write_old(fixture, "00000001.log", 1, bait, sizeof bait);
    flip(fixture, "00000001.log", 0);
    open_again(fixture);
    say(fixture, 2, "last\n");
    (void)collect(fixture, (struct kept_position){0}, 2, text, sizeof text);
    assert_string_equal(text, "last\n");
    assert_int_equal(access(path_of(fixture, "00000001.log"), F_OK), 0);
}

static void they_go_as_the_journal_grows(void **state) {
    struct fixture *fixture = *state;
    static char chunk[KEPT_CHUNK_MAX];
    char name[32];
    memset(chunk, 'x', sizeof chunk);
    for (unsigned number = 1; number <= OLD_SEGMENTS_KEPT; number++) {
        (void)snprintf(name, sizeof name, "%08u.log", number);
        write_line(fixture, name, number, "old\n");
    }
    open_again(fixture);
    for (unsigned segments = 1; segments <= KEPT_SEGMENTS; segments++) {
        do
            assert_int_equal(
                kept_append(&fixture->kept, (struct order_stamp){9, 0}, LOG_STREAM_OUT, chunk, sizeof chunk), 0);
        while (grove_journal_facts(fixture->kept.journal).segments < segments);
        for (unsigned number = 1; number <= OLD_SEGMENTS_KEPT; number++) {
            (void)snprintf(name, sizeof name, "%08u.log", number);
            assert_int_equal(access(path_of(fixture, name), F_OK) == 0, number > segments);
        }
    }
    assert_int_equal(fixture->kept.old.first, 0);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(they_are_read_before_the_journal),
        TEST(damage_in_them_is_said),
        TEST(what_looks_like_records_is_searched_for_a_bounded_time),
        TEST(they_go_as_the_journal_grows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
