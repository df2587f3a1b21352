/* Damage in a journal: every byte of a small one flipped in turn, lost headers, segments that were being made. */
#include "lib/journal/format.h"
#include "lib/journal/testing/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void flip(const char *name, off_t offset, unsigned char bits) {
    unsigned char byte;
    int descriptor = openat(test_folder, name, O_RDWR | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, offset), 1);
    byte ^= bits;
    assert_int_equal(pwrite(descriptor, &byte, 1, offset), 1);
    (void)close(descriptor);
}

static void remove_quarantine(void) {
    DIR *listing = opendir(test_path);
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL)
        if (strncmp(entry->d_name, "quarantine", 10) == 0)
            (void)unlinkat(test_folder, entry->d_name, 0);
    (void)closedir(listing);
}

static void copy_file(const char *from, const char *to) {
    char bytes[4096];
    ssize_t got;
    int input = openat(test_folder, from, O_RDONLY | O_CLOEXEC);
    int output = openat(test_folder, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(input >= 0 && output >= 0);
    while ((got = read(input, bytes, sizeof bytes)) > 0)
        assert_int_equal(write(output, bytes, (size_t)got), got);
    (void)close(input);
    (void)close(output);
}

/*
 * With one byte flipped at most the record that it is in may be missing, it is always told of, what follows is read, and
 * the numbers go on where they were. In the very last batch a flipped bit is a torn tail, if no mark stands behind it.
 */
static void expect_after_flip(off_t offset, uint64_t last, uint64_t unmarked) {
    struct grove_journal *journal = test_open_small();
    uint64_t next = grove_journal_facts(journal).next_sequence;
    assert_in_range(next, last + 1 - unmarked, last + 1);
    uint64_t missing = test_read_all(journal, 1, next - 1);
    assert_true(missing <= 1);
    assert_true(test_damage_count >= (missing > 0 || next <= last));
    if (missing > 0) {
        assert_int_equal(test_damages[0].kind, GROVE_JOURNAL_DAMAGED);
        assert_int_equal(test_damages[0].records, 1);
        assert_true(test_damages[0].is_saved && !test_damages[0].is_known);
        assert_in_range(offset, test_damages[0].offset_bytes,
                        test_damages[0].offset_bytes + test_damages[0].length_bytes - 1);
    } else if (next <= last)
        assert_int_equal(test_damages[0].kind, GROVE_JOURNAL_TORN);
    grove_journal_close(journal);
}

static void flip_each_byte(const char *kept, off_t from, off_t to, uint64_t last, uint64_t unmarked) {
    for (off_t offset = from; offset < to; offset++) {
        copy_file(kept, "0000000001.journal");
        flip("0000000001.journal", offset, (unsigned char)(1u << (offset % 8)));
        expect_after_flip(offset, last, unmarked);
        remove_quarantine();
    }
}

static void every_byte_flipped(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small();
    off_t end = 8192;
    test_fill(journal, 1, 12, 4);
    copy_file("0000000001.journal", "killed"); /* as after kill -9: closing puts a mark behind the last batch */
    grove_journal_close(journal);
    copy_file("0000000001.journal", "closed");
    for (uint64_t number = 1; number <= 12; number++)
        end += (off_t)(48 + journal_padded(8 + number % 50));
    flip_each_byte("killed", 0, 300, 12, 0);
    flip_each_byte("killed", 4000, 4200, 12, 0);
    flip_each_byte("killed", 8192, end, 12, 4);
    flip_each_byte("closed", 8192, end, 12, 0);
}

static void damage_is_told_once_and_stays(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small();
    test_fill(journal, 1, 3000, 10);
    grove_journal_close(journal);
    flip("0000000002.journal", 9000, 0x10);
    flip("0000000002.journal", 20000, 0x10);
    journal = test_open_small();
    for (unsigned turn = 0; turn < 3; turn++)
        assert_int_equal(test_read_all(journal, 1, 3000), 2);
    assert_int_equal(test_damage_count, 2);
    assert_false(test_damages[0].is_known);
    assert_int_equal(grove_journal_facts(journal).damaged_extents, 2);
    assert_int_equal(grove_journal_facts(journal).damaged_records, 2);
    test_fill(journal, 3001, 3100, 10);
    grove_journal_close(journal);
    journal = test_open_small();
    assert_int_equal(test_read_all(journal, 1, 3100), 2);
    assert_int_equal(test_damage_count, 2);
    assert_true(test_damages[0].is_known && test_damages[1].is_known);
    grove_journal_close(journal);
}

/* Data that looks like a record, behind a record that was damaged: nobody knows the salt. */
static void data_cannot_pretend_to_be_a_record(void **state) {
    (void)state;
    unsigned char bytes[4096] = {0};
    struct grove_journal *journal = test_open_small();
    for (size_t offset = 0; offset + sizeof(struct journal_record) <= sizeof bytes; offset += 48) {
        struct journal_record forged = {.sequence = 3, .batch = 3, .flags = JOURNAL_LAST};
        journal_record_seal(&forged, NULL, 0);
        memcpy(bytes + offset, &forged, sizeof forged);
    }
    test_append(journal, 1);
    struct iovec part = {bytes, sizeof bytes};
    assert_int_equal(grove_journal_append(journal, &(struct grove_journal_entry){.parts = &part, .part_count = 1}), 0);
    test_append(journal, 3);
    test_commit(journal, 1, 3);
    test_fill(journal, 4, 4, 1);
    grove_journal_close(journal);
    flip("0000000001.journal", 8192 + 48 + 16 + 3, 0x55); /* the head of the second */
    journal = test_open_small();
    assert_int_equal(test_read_all(journal, 1, 4), 1);
    grove_journal_close(journal);
}

static void a_segment_without_headers(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small();
    test_fill(journal, 1, 3000, 10);
    uint64_t segments = grove_journal_facts(journal).segments;
    grove_journal_close(journal);
    flip("0000000002.journal", 40, 1);
    flip("0000000002.journal", 4096 + 40, 1);
    journal = test_open_small();
    assert_int_equal(grove_journal_facts(journal).next_sequence, 3001);
    uint64_t missing = test_read_all(journal, 1, 3000);
    assert_in_range(missing, 400, 1500);
    assert_int_equal(test_damages[0].kind, GROVE_JOURNAL_LOST_SEGMENT);
    test_fill(journal, 3001, 3010, 10);
    grove_journal_close(journal);
    /* The last one too: numbers that it may have held are never used again. */
    char name[32];
    (void)snprintf(name, sizeof name, "%010u.journal", (unsigned)segments);
    flip(name, 40, 1);
    flip(name, 4096 + 40, 1);
    for (unsigned turn = 0; turn < 2; turn++) {
        journal = test_open_small();
        uint64_t next = grove_journal_facts(journal).next_sequence;
        assert_true(next > 3010);
        assert_true(test_read_all(journal, 1, next - 1) > missing);
        grove_journal_close(journal);
    }
    journal = test_open_small();
    uint64_t next = grove_journal_facts(journal).next_sequence;
    test_fill(journal, next, next + 10, 10);
    assert_true(test_read_all(journal, 1, next + 10) > missing);
    grove_journal_close(journal);
    journal = test_open_small();
    assert_int_equal(grove_journal_facts(journal).next_sequence, next + 11);
    grove_journal_close(journal);
}

static void segments_that_were_being_made(void **state) {
    (void)state;
    for (off_t length = 0; length <= 20000; length += 1000) {
        struct grove_journal *journal = test_open_small();
        test_fill(journal, 1, 5, 5);
        grove_journal_close(journal);
        int descriptor = openat(test_folder, "0000000002.journal", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(descriptor >= 0);
        assert_int_equal(write(descriptor, "GRVJRNL1", 8), 8);
        assert_int_equal(ftruncate(descriptor, length), 0);
        (void)close(descriptor);
        journal = test_open_small();
        test_fill(journal, 6, 10, 5);
        assert_int_equal(test_read_all(journal, 1, 10), 0);
        assert_int_equal(test_damage_count, 0);
        grove_journal_close(journal);
        test_empty_folder();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        JOURNAL_TEST(every_byte_flipped),
        JOURNAL_TEST(damage_is_told_once_and_stays),
        JOURNAL_TEST(data_cannot_pretend_to_be_a_record),
        JOURNAL_TEST(a_segment_without_headers),
        JOURNAL_TEST(segments_that_were_being_made),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
