/*
 * The journal on a real file system: what is committed is found again, by number and by time; retention; every byte of a
 * small journal flipped in turn; segments that are lost. journal_crash_test.c does crashes and errors of the disk.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "servers/common/journal/crc32c.h"
#include "servers/common/journal/journal.h"

static char path[32];
static int folder;
static struct journal_damage damages[64];
static unsigned damage_count;

/* In memory where there is such a file system: thousands of commits, and none of them tests the disk. */
static int make_folder(void **state) {
    (void)state;
    (void)snprintf(path, sizeof path, "%s/journal-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(path) == NULL)
        return -1;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0;
}

static void empty_folder(void) {
    DIR *listing = opendir(path);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(folder, entry->d_name, 0);
    if (listing != NULL)
        (void)closedir(listing);
}

static int remove_folder(void **state) {
    (void)state;
    empty_folder();
    (void)close(folder);
    return rmdir(path);
}

static void on_damage(const struct journal_damage *damage, void *context) {
    (void)context;
    if (damage_count < 64)
        damages[damage_count++] = *damage;
}

static struct journal *open_with(struct journal_limits limits) {
    struct journal_options options = {.folder = folder, .limits = limits, .content = "TEST", .on_damage = on_damage};
    struct journal *journal = NULL;
    struct journal_problem problem = {""};
    damage_count = 0;
    int status = journal_open(&options, &journal, &problem);
    if (status < 0)
        fail_msg("%d: %s", status, problem.sentence);
    return journal;
}

static struct journal *open_small(void) {
    return open_with((struct journal_limits){.segment_bytes = 65536});
}

/* Record n holds its number, and as many bytes as the number says, mod 50. */
static void append(struct journal *journal, uint64_t number) {
    static const char filler[64] = "what is in a record does not matter, as long as it is the same";
    struct iovec parts[2] = {{&number, sizeof number}, {(void *)(uintptr_t)filler, number % 50}};
    struct journal_entry entry = {
        .kind = (uint32_t)number % 7, .time_ns = number * 1000, .parts = parts, .part_count = 2};
    assert_int_equal(journal_append(journal, &entry), 0);
}

static void commit(struct journal *journal, uint64_t first, uint32_t count) {
    struct journal_commit done = {0};
    struct journal_problem problem = {""};
    int status = journal_commit(journal, &done, &problem);
    if (status < 0)
        fail_msg("%d: %s", status, problem.sentence);
    assert_int_equal(done.first_sequence, first);
    assert_int_equal(done.count, count);
}

static void fill(struct journal *journal, uint64_t first, uint64_t last, unsigned group) {
    for (uint64_t number = first; number <= last;) {
        uint64_t begin = number;
        for (unsigned count = 0; count < group && number <= last; count++)
            append(journal, number++);
        commit(journal, begin, (uint32_t)(number - begin));
    }
}

static void expect_item(const struct journal_item *item) {
    uint64_t number;
    assert_true(item->length_bytes >= sizeof number);
    memcpy(&number, item->data, sizeof number);
    assert_int_equal(number, item->sequence);
    assert_int_equal(item->length_bytes, sizeof number + number % 50);
    assert_int_equal(item->kind, number % 7);
    assert_int_equal(item->time_ns, number * 1000);
}

/* All of [first, last], in order, once; whatever is missing is told as a gap. Returns how many are missing. */
static uint64_t read_all(struct journal *journal, uint64_t first, uint64_t last) {
    struct journal_reader *reader;
    struct journal_item item;
    uint64_t next = first, missing = 0;
    int status;
    assert_int_equal(journal_reader_create(journal, &reader), 0);
    assert_int_equal(journal_reader_seek(reader, first), 0);
    while ((status = journal_reader_next(reader, &item)) == 0) {
        assert_int_equal(item.sequence, next);
        if (item.gap != JOURNAL_NO_GAP)
            missing += item.last_sequence - item.sequence + 1;
        else
            expect_item(&item);
        next = item.last_sequence + 1;
    }
    assert_int_equal(status, GROVE_AGAIN);
    assert_int_equal(next, last + 1);
    journal_reader_destroy(reader);
    return missing;
}

static void the_check_is_the_one_of_the_standard(void **state) {
    (void)state;
    unsigned char zeros[32] = {0};
    assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283u);
    assert_int_equal(crc32c(0, zeros, sizeof zeros), 0x8a9136aau); /* RFC 3720, B.4 */
    assert_int_equal(crc32c(crc32c(0, "12345", 5), "6789", 4), 0xe3069283u);
}

static void what_is_committed_is_found_again(void **state) {
    (void)state;
    struct journal *journal = open_small();
    assert_int_equal(read_all(journal, 1, 0), 0);
    fill(journal, 1, 10, 10);
    append(journal, 11); /* not committed: gone */
    assert_int_equal(read_all(journal, 1, 10), 0);
    journal_close(journal);
    journal = open_small();
    assert_int_equal(journal_facts(journal).next_sequence, 11);
    assert_int_equal(read_all(journal, 1, 10), 0);
    fill(journal, 11, 3000, 7);
    assert_true(journal_facts(journal).segments > 3);
    assert_int_equal(read_all(journal, 1, 3000), 0);
    journal_close(journal);
    journal = open_small();
    for (uint64_t first = 1; first <= 3000; first += 97)
        assert_int_equal(read_all(journal, first, 3000), 0);
    assert_int_equal(damage_count, 0);
    journal_close(journal);
}

static void a_reader_waits_at_the_end_and_goes_on(void **state) {
    (void)state;
    struct journal *journal = open_small();
    struct journal_reader *reader;
    struct journal_item item;
    assert_int_equal(journal_reader_create(journal, &reader), 0);
    assert_int_equal(journal_reader_next(reader, &item), GROVE_AGAIN);
    for (uint64_t number = 1; number <= 2000; number++) {
        append(journal, number);
        assert_int_equal(journal_reader_next(reader, &item), GROVE_AGAIN);
        commit(journal, number, 1);
        if (number % 3 == 0)
            journal_rest(journal); /* marks are nobody's records */
        assert_int_equal(journal_reader_next(reader, &item), 0);
        assert_int_equal(item.sequence, number);
        expect_item(&item);
    }
    assert_int_equal(journal_reader_next(reader, &item), GROVE_AGAIN);
    journal_reader_destroy(reader);
    journal_close(journal);
    journal = open_small();
    assert_int_equal(read_all(journal, 1, 2000), 0);
    journal_close(journal);
}

static void appending_goes_on_during_a_commit(void **state) {
    (void)state;
    struct journal *journal = open_small();
    struct journal_commit done;
    struct journal_problem problem;
    assert_false(journal_commit_begin(journal));
    append(journal, 1);
    assert_true(journal_commit_begin(journal));
    append(journal, 2);
    append(journal, 3);
    assert_false(journal_commit_begin(journal));
    journal_commit_run(journal);
    assert_int_equal(read_all(journal, 1, 0), 0);
    assert_int_equal(journal_commit_end(journal, &done, &problem), 0);
    assert_int_equal(done.count, 1);
    assert_int_equal(read_all(journal, 1, 1), 0);
    commit(journal, 2, 2);
    assert_int_equal(read_all(journal, 1, 3), 0);
    journal_close(journal);
}

static void from_a_time(void **state) {
    (void)state;
    struct journal *journal = open_small();
    struct journal_reader *reader;
    struct journal_item item;
    fill(journal, 1, 4000, 11);
    assert_int_equal(journal_reader_create(journal, &reader), 0);
    for (uint64_t number = 1; number <= 4000; number += 13) {
        assert_int_equal(journal_reader_seek_time(reader, number * 1000 - 500), 0);
        assert_int_equal(journal_reader_next(reader, &item), 0);
        assert_int_equal(item.sequence, number);
    }
    assert_int_equal(journal_reader_seek_time(reader, 0), 0);
    assert_int_equal(journal_reader_next(reader, &item), 0);
    assert_int_equal(item.sequence, 1);
    assert_int_equal(journal_reader_seek_time(reader, 4000001), 0);
    assert_int_equal(journal_reader_next(reader, &item), GROVE_AGAIN);
    fill(journal, 4001, 4001, 1);
    assert_int_equal(journal_reader_next(reader, &item), 0);
    assert_int_equal(item.sequence, 4001);
    journal_reader_destroy(reader);
    journal_close(journal);
}

static uint64_t folder_bytes(void) {
    DIR *listing = opendir(path);
    const struct dirent *entry;
    struct stat facts;
    uint64_t bytes = 0;
    assert_non_null(listing);
    while ((entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.' && fstatat(folder, entry->d_name, &facts, 0) == 0)
            bytes += (uint64_t)facts.st_size;
    (void)closedir(listing);
    return bytes;
}

static void the_oldest_segments_go(void **state) {
    (void)state;
    struct journal_limits limits = {.segment_bytes = 65536, .keep_bytes = 262144};
    struct journal *journal = open_with(limits);
    struct journal_reader *reader;
    struct journal_item item;
    assert_int_equal(journal_reader_create(journal, &reader), 0);
    for (uint64_t number = 1; number <= 20000; number += 10) {
        fill(journal, number, number + 9, 10);
        assert_true(folder_bytes() <= 262144);
        assert_int_equal(journal_facts(journal).bytes, folder_bytes());
    }
    uint64_t first = journal_facts(journal).first_sequence;
    assert_in_range(first, 10000, 19900);
    assert_int_equal(read_all(journal, first, 20000), 0);
    /* A reader that had seen nothing is told that these are no longer kept. */
    assert_int_equal(journal_reader_seek(reader, 1), 0);
    assert_int_equal(journal_reader_next(reader, &item), 0);
    assert_int_equal(item.gap, JOURNAL_GAP_REMOVED);
    assert_int_equal(item.last_sequence, first - 1);
    assert_int_equal(journal_reader_next(reader, &item), 0);
    assert_int_equal(item.sequence, first);
    journal_reader_destroy(reader);
    journal_close(journal);
    journal = open_with(limits);
    assert_int_equal(read_all(journal, first, 20000), 0);
    journal_close(journal);
}

static void old_ones_go_and_those_that_nobody_needs(void **state) {
    (void)state;
    struct journal *journal = open_with((struct journal_limits){.segment_bytes = 65536, .keep_ns = 1000000});
    fill(journal, 1, 5000, 10);
    uint64_t segments = journal_facts(journal).segments;
    journal_retain(journal, 2000 * 1000);
    struct journal_facts facts = journal_facts(journal);
    assert_true(facts.segments < segments);
    assert_in_range(facts.first_sequence, 2, 1000);
    journal_forget_before(journal, 3000);
    assert_in_range(journal_facts(journal).first_sequence, facts.first_sequence + 1, 3000);
    journal_retain(journal, UINT64_MAX);
    assert_int_equal(journal_facts(journal).segments, 1);
    assert_int_equal(read_all(journal, journal_facts(journal).first_sequence, 5000), 0);
    journal_close(journal);
}

/* ---- damage ---- */

static void flip(const char *name, off_t offset, unsigned char bits) {
    unsigned char byte;
    int descriptor = openat(folder, name, O_RDWR | O_CLOEXEC);
    assert_true(descriptor >= 0);
    assert_int_equal(pread(descriptor, &byte, 1, offset), 1);
    byte ^= bits;
    assert_int_equal(pwrite(descriptor, &byte, 1, offset), 1);
    (void)close(descriptor);
}

static void remove_quarantine(void) {
    DIR *listing = opendir(path);
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL)
        if (strncmp(entry->d_name, "quarantine", 10) == 0)
            (void)unlinkat(folder, entry->d_name, 0);
    (void)closedir(listing);
}

static void copy_file(const char *from, const char *to) {
    char bytes[4096];
    ssize_t got;
    int input = openat(folder, from, O_RDONLY | O_CLOEXEC);
    int output = openat(folder, to, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
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
    struct journal *journal = open_small();
    uint64_t next = journal_facts(journal).next_sequence;
    assert_in_range(next, last + 1 - unmarked, last + 1);
    uint64_t missing = read_all(journal, 1, next - 1);
    assert_true(missing <= 1);
    assert_true(damage_count >= (missing > 0 || next <= last));
    if (missing > 0) {
        assert_int_equal(damages[0].kind, JOURNAL_DAMAGED);
        assert_int_equal(damages[0].records, 1);
        assert_true(damages[0].is_saved && !damages[0].is_known);
        assert_in_range(offset, damages[0].offset_bytes, damages[0].offset_bytes + damages[0].length_bytes - 1);
    } else if (next <= last)
        assert_int_equal(damages[0].kind, JOURNAL_TORN);
    journal_close(journal);
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
    struct journal *journal = open_small();
    off_t end = 8192;
    fill(journal, 1, 12, 4);
    copy_file("0000000001.journal", "killed"); /* as after kill -9: closing puts a mark behind the last batch */
    journal_close(journal);
    copy_file("0000000001.journal", "closed");
    for (uint64_t number = 1; number <= 12; number++)
        end += (off_t)(48 + (8 + number % 50 + 7) / 8 * 8);
    flip_each_byte("killed", 0, 300, 12, 0);
    flip_each_byte("killed", 4000, 4200, 12, 0);
    flip_each_byte("killed", 8192, end, 12, 4);
    flip_each_byte("closed", 8192, end, 12, 0);
}

static void damage_is_told_once_and_stays(void **state) {
    (void)state;
    struct journal *journal = open_small();
    fill(journal, 1, 3000, 10);
    journal_close(journal);
    flip("0000000002.journal", 9000, 0x10);
    flip("0000000002.journal", 20000, 0x10);
    journal = open_small();
    for (unsigned turn = 0; turn < 3; turn++)
        assert_int_equal(read_all(journal, 1, 3000), 2);
    assert_int_equal(damage_count, 2);
    assert_false(damages[0].is_known);
    assert_int_equal(journal_facts(journal).damaged_extents, 2);
    assert_int_equal(journal_facts(journal).damaged_records, 2);
    fill(journal, 3001, 3100, 10);
    journal_close(journal);
    journal = open_small();
    assert_int_equal(read_all(journal, 1, 3100), 2);
    assert_int_equal(damage_count, 2);
    assert_true(damages[0].is_known && damages[1].is_known);
    journal_close(journal);
}

/* Data that looks like a record, behind a record that was damaged: nobody knows the salt. */
static void data_cannot_pretend_to_be_a_record(void **state) {
    (void)state;
    unsigned char bytes[4096] = {0};
    struct journal *journal = open_small();
    for (size_t offset = 0; offset + sizeof(struct journal_record) <= sizeof bytes; offset += 48) {
        struct journal_record forged = {.sequence = 3, .batch = 3, .flags = JOURNAL_LAST};
        journal_record_seal(&forged, NULL, 0);
        memcpy(bytes + offset, &forged, sizeof forged);
    }
    append(journal, 1);
    struct iovec part = {bytes, sizeof bytes};
    assert_int_equal(journal_append(journal, &(struct journal_entry){.parts = &part, .part_count = 1}), 0);
    append(journal, 3);
    commit(journal, 1, 3);
    fill(journal, 4, 4, 1);
    journal_close(journal);
    flip("0000000001.journal", 8192 + 48 + 16 + 3, 0x55); /* the head of the second */
    journal = open_small();
    assert_int_equal(read_all(journal, 1, 4), 1);
    journal_close(journal);
}

static void a_segment_without_headers(void **state) {
    (void)state;
    struct journal *journal = open_small();
    fill(journal, 1, 3000, 10);
    uint64_t segments = journal_facts(journal).segments;
    journal_close(journal);
    flip("0000000002.journal", 40, 1);
    flip("0000000002.journal", 4096 + 40, 1);
    journal = open_small();
    assert_int_equal(journal_facts(journal).next_sequence, 3001);
    uint64_t missing = read_all(journal, 1, 3000);
    assert_in_range(missing, 400, 1500);
    assert_int_equal(damages[0].kind, JOURNAL_LOST_SEGMENT);
    fill(journal, 3001, 3010, 10);
    journal_close(journal);
    /* The last one too: numbers that it may have held are never used again. */
    char name[32];
    (void)snprintf(name, sizeof name, "%010u.journal", (unsigned)segments);
    flip(name, 40, 1);
    flip(name, 4096 + 40, 1);
    for (unsigned turn = 0; turn < 2; turn++) {
        journal = open_small();
        uint64_t next = journal_facts(journal).next_sequence;
        assert_true(next > 3010);
        assert_true(read_all(journal, 1, next - 1) > missing);
        journal_close(journal);
    }
    journal = open_small();
    uint64_t next = journal_facts(journal).next_sequence;
    fill(journal, next, next + 10, 10);
    assert_true(read_all(journal, 1, next + 10) > missing);
    journal_close(journal);
    journal = open_small();
    assert_int_equal(journal_facts(journal).next_sequence, next + 11);
    journal_close(journal);
}

static void segments_that_were_being_made(void **state) {
    (void)state;
    for (off_t length = 0; length <= 20000; length += 1000) {
        struct journal *journal = open_small();
        fill(journal, 1, 5, 5);
        journal_close(journal);
        int descriptor = openat(folder, "0000000002.journal", O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
        assert_true(descriptor >= 0);
        assert_int_equal(write(descriptor, "GRVJRNL1", 8), 8);
        assert_int_equal(ftruncate(descriptor, length), 0);
        (void)close(descriptor);
        journal = open_small();
        fill(journal, 6, 10, 5);
        assert_int_equal(read_all(journal, 1, 10), 0);
        assert_int_equal(damage_count, 0);
        journal_close(journal);
        empty_folder();
    }
}

static void refusals(void **state) {
    (void)state;
    struct journal *journal = open_small(), *other = NULL;
    struct journal_problem problem = {""};
    static char large[JOURNAL_RECORD_MAX];
    struct iovec parts[2] = {{large, sizeof large}, {large, 1}};
    struct journal_entry entry = {.parts = parts, .part_count = 2};
    assert_int_equal(journal_append(journal, &entry), GROVE_TOO_LARGE);
    entry.part_count = 1; /* larger than a segment: it gets one of its own */
    append(journal, 1);
    assert_int_equal(journal_append(journal, &entry), GROVE_AGAIN);
    commit(journal, 1, 1);
    assert_int_equal(journal_append(journal, &entry), 0);
    assert_int_equal(journal_append(journal, &entry), GROVE_AGAIN);
    commit(journal, 2, 1);
    fill(journal, 3, 3, 1);
    journal_close(journal);
    struct journal_options options = {.folder = folder, .content = "OTHER"};
    assert_int_equal(journal_open(&options, &other, &problem), GROVE_INVALID);
    assert_non_null(strstr(problem.sentence, "belongs to another journal (TEST"));
    options.folder = -1;
    assert_true(journal_open(&options, &other, &problem) < 0);
    journal = open_small();
    assert_int_equal(journal_facts(journal).next_sequence, 4);
    journal_close(journal);
}

int main(void) {
#define JOURNAL_TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_check_is_the_one_of_the_standard),
        JOURNAL_TEST(what_is_committed_is_found_again),
        JOURNAL_TEST(a_reader_waits_at_the_end_and_goes_on),
        JOURNAL_TEST(appending_goes_on_during_a_commit),
        JOURNAL_TEST(from_a_time),
        JOURNAL_TEST(the_oldest_segments_go),
        JOURNAL_TEST(old_ones_go_and_those_that_nobody_needs),
        JOURNAL_TEST(every_byte_flipped),
        JOURNAL_TEST(damage_is_told_once_and_stays),
        JOURNAL_TEST(data_cannot_pretend_to_be_a_record),
        JOURNAL_TEST(a_segment_without_headers),
        JOURNAL_TEST(segments_that_were_being_made),
        JOURNAL_TEST(refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
