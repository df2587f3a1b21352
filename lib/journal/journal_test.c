/*
 * The journal on a real file system: what is committed is found again, by number and by time, and retention.
 * journal_damage_test.c flips bits, journal_crash_test.c does crashes and errors of the disk.
 */
#include "lib/journal/testing/support.h"

#include <dirent.h>
#include <string.h>
#include <sys/stat.h>

#include "grove/abi/status.h"
#include "lib/journal/crc32c.h"
#include "lib/journal/crc32c_ways.h"

static void the_check_is_the_one_of_the_standard(void **state) {
    (void)state;
    unsigned char zeros[32] = {0};
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(0, zeros, sizeof zeros), 0x8a9136aau); /* RFC 3720, B.4 */
    assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), 0xe3069283u);
}

/* At every place in a word, of every length around those that are taken at a time. */
static void both_ways_to_the_check_agree(void **state) {
    (void)state;
    static unsigned char bytes[300];
    for (size_t index = 0; index < sizeof bytes; index++)
        bytes[index] = (unsigned char)(index * 167 + index / 7);
    crc32c_tables_make();
    for (size_t from = 0; from < 9; from++)
        for (size_t length = 0; length < sizeof bytes - from; length++)
            assert_int_equal(~crc32c_by_tables(~UINT32_C(5), bytes + from, length), crc32c(5, bytes + from, length));
}

static void what_is_committed_is_found_again(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small();
    assert_int_equal(test_read_all(journal, 1, 0), 0);
    test_fill(journal, 1, 10, 10);
    test_append(journal, 11); /* not committed: gone */
    assert_int_equal(test_read_all(journal, 1, 10), 0);
    grove_journal_close(journal);
    journal = test_open_small();
    assert_int_equal(grove_journal_facts(journal).next_sequence, 11);
    assert_int_equal(test_read_all(journal, 1, 10), 0);
    test_fill(journal, 11, 3000, 7);
    assert_true(grove_journal_facts(journal).segments > 3);
    assert_int_equal(test_read_all(journal, 1, 3000), 0);
    grove_journal_close(journal);
    journal = test_open_small();
    for (uint64_t first = 1; first <= 3000; first += 97)
        assert_int_equal(test_read_all(journal, first, 3000), 0);
    assert_int_equal(test_damage_count, 0);
    grove_journal_close(journal);
}

static void a_reader_waits_at_the_end_and_goes_on(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small();
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    assert_int_equal(grove_journal_reader_create(journal, &reader), 0);
    assert_int_equal(grove_journal_reader_next(reader, &item), GROVE_AGAIN);
    for (uint64_t number = 1; number <= 2000; number++) {
        test_append(journal, number);
        assert_int_equal(grove_journal_reader_next(reader, &item), GROVE_AGAIN);
        test_commit(journal, number, 1);
        if (number % 3 == 0)
            grove_journal_rest(journal); /* marks are nobody's records */
        assert_int_equal(grove_journal_reader_next(reader, &item), 0);
        assert_int_equal(item.sequence, number);
        test_expect_item(&item);
    }
    assert_int_equal(grove_journal_reader_next(reader, &item), GROVE_AGAIN);
    grove_journal_reader_destroy(reader);
    grove_journal_close(journal);
    journal = test_open_small();
    assert_int_equal(test_read_all(journal, 1, 2000), 0);
    grove_journal_close(journal);
}

static void appending_goes_on_during_a_commit(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small();
    struct grove_journal_commit done;
    struct grove_journal_problem problem;
    assert_false(grove_journal_commit_begin(journal));
    test_append(journal, 1);
    assert_true(grove_journal_commit_begin(journal));
    test_append(journal, 2);
    test_append(journal, 3);
    assert_false(grove_journal_commit_begin(journal));
    grove_journal_commit_run(journal);
    assert_int_equal(test_read_all(journal, 1, 0), 0);
    assert_int_equal(grove_journal_commit_end(journal, &done, &problem), 0);
    assert_int_equal(done.count, 1);
    assert_int_equal(test_read_all(journal, 1, 1), 0);
    test_commit(journal, 2, 2);
    assert_int_equal(test_read_all(journal, 1, 3), 0);
    grove_journal_close(journal);
}

static void from_a_time(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small();
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    test_fill(journal, 1, 4000, 11);
    assert_int_equal(grove_journal_reader_create(journal, &reader), 0);
    for (uint64_t number = 1; number <= 4000; number += 13) {
        assert_int_equal(grove_journal_reader_seek_time(reader, number * 1000 - 500), 0);
        assert_int_equal(grove_journal_reader_next(reader, &item), 0);
        assert_int_equal(item.sequence, number);
    }
    assert_int_equal(grove_journal_reader_seek_time(reader, 0), 0);
    assert_int_equal(grove_journal_reader_next(reader, &item), 0);
    assert_int_equal(item.sequence, 1);
    assert_int_equal(grove_journal_reader_seek_time(reader, 4000001), 0);
    assert_int_equal(grove_journal_reader_next(reader, &item), GROVE_AGAIN);
    test_fill(journal, 4001, 4001, 1);
    assert_int_equal(grove_journal_reader_next(reader, &item), 0);
    assert_int_equal(item.sequence, 4001);
    grove_journal_reader_destroy(reader);
    grove_journal_close(journal);
}

static uint64_t folder_bytes(void) {
    DIR *listing = opendir(test_path);
    const struct dirent *entry;
    struct stat facts;
    uint64_t bytes = 0;
    assert_non_null(listing);
    while ((entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.' && fstatat(test_folder, entry->d_name, &facts, 0) == 0)
            bytes += (uint64_t)facts.st_size;
    (void)closedir(listing);
    return bytes;
}

static void the_oldest_segments_go(void **state) {
    (void)state;
    struct grove_journal_limits limits = {.segment_bytes = 65536, .keep_bytes = 262144};
    struct grove_journal *journal = test_open_with(limits);
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    assert_int_equal(grove_journal_reader_create(journal, &reader), 0);
    for (uint64_t number = 1; number <= 20000; number += 10) {
        test_fill(journal, number, number + 9, 10);
        assert_true(folder_bytes() <= 262144);
        assert_int_equal(grove_journal_facts(journal).bytes, folder_bytes());
    }
    uint64_t first = grove_journal_facts(journal).first_sequence;
    assert_in_range(first, 10000, 19900);
    assert_int_equal(test_read_all(journal, first, 20000), 0);
    /* A reader that had seen nothing is told that these are no longer kept. */
    assert_int_equal(grove_journal_reader_seek(reader, 1), 0);
    assert_int_equal(grove_journal_reader_next(reader, &item), 0);
    assert_int_equal(item.gap, GROVE_JOURNAL_GAP_REMOVED);
    assert_int_equal(item.last_sequence, first - 1);
    assert_int_equal(grove_journal_reader_next(reader, &item), 0);
    assert_int_equal(item.sequence, first);
    grove_journal_reader_destroy(reader);
    grove_journal_close(journal);
    journal = test_open_with(limits);
    assert_int_equal(test_read_all(journal, first, 20000), 0);
    grove_journal_close(journal);
}

static void old_ones_go_and_those_that_nobody_needs(void **state) {
    (void)state;
    struct grove_journal *journal =
        test_open_with((struct grove_journal_limits){.segment_bytes = 65536, .keep_ns = 1000000});
    test_fill(journal, 1, 5000, 10);
    uint64_t segments = grove_journal_facts(journal).segments;
    grove_journal_retain(journal, UINT64_C(2000000));
    struct grove_journal_facts facts = grove_journal_facts(journal);
    assert_true(facts.segments < segments);
    assert_in_range(facts.first_sequence, 2, 1000);
    grove_journal_forget_before(journal, 3000);
    assert_in_range(grove_journal_facts(journal).first_sequence, facts.first_sequence + 1, 3000);
    grove_journal_retain(journal, UINT64_MAX);
    assert_int_equal(grove_journal_facts(journal).segments, 1);
    assert_int_equal(test_read_all(journal, grove_journal_facts(journal).first_sequence, 5000), 0);
    grove_journal_close(journal);
}

static void refusals(void **state) {
    (void)state;
    struct grove_journal *journal = test_open_small(), *other = NULL;
    struct grove_journal_problem problem = {""};
    static char large[GROVE_JOURNAL_RECORD_MAX];
    struct iovec parts[2] = {{large, sizeof large}, {large, 1}};
    struct grove_journal_entry entry = {.parts = parts, .part_count = 2};
    assert_int_equal(grove_journal_append(journal, &entry), GROVE_TOO_LARGE);
    entry.part_count = 1; /* larger than a segment: it gets one of its own */
    test_append(journal, 1);
    assert_int_equal(grove_journal_append(journal, &entry), GROVE_AGAIN);
    test_commit(journal, 1, 1);
    assert_int_equal(grove_journal_append(journal, &entry), 0);
    assert_int_equal(grove_journal_append(journal, &entry), GROVE_AGAIN);
    test_commit(journal, 2, 1);
    test_fill(journal, 3, 3, 1);
    grove_journal_close(journal);
    struct grove_journal_options options = {.folder = test_folder, .content = "OTHER"};
    assert_int_equal(grove_journal_open(&options, &other, &problem), GROVE_INVALID);
    assert_non_null(strstr(problem.sentence, "belongs to another journal (TEST"));
    options.folder = -1;
    assert_true(grove_journal_open(&options, &other, &problem) < 0);
    journal = test_open_small();
    assert_int_equal(grove_journal_facts(journal).next_sequence, 4);
    grove_journal_close(journal);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_is_the_one_of_the_standard),
        cmocka_unit_test(both_ways_to_the_check_agree),
        JOURNAL_TEST(what_is_committed_is_found_again),
        JOURNAL_TEST(a_reader_waits_at_the_end_and_goes_on),
        JOURNAL_TEST(appending_goes_on_during_a_commit),
        JOURNAL_TEST(from_a_time),
        JOURNAL_TEST(the_oldest_segments_go),
        JOURNAL_TEST(old_ones_go_and_those_that_nobody_needs),
        JOURNAL_TEST(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
