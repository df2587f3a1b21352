/* See support.h. */
#include "lib/journal/testing/support.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"

char test_path[32];
int test_folder;
struct grove_journal_damage test_damages[TEST_DAMAGES_MAX];
unsigned test_damage_count;

/* In memory where there is such a file system: thousands of commits, and none of them tests the disk. */
int test_make_folder(void **state) {
    (void)state;
    (void)snprintf(test_path, sizeof test_path, "%s/journal-XXXXXX",
                   access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(test_path) == NULL)
        return -1;
    test_folder = open(test_path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return test_folder < 0;
}

void test_empty_folder(void) {
    DIR *listing = opendir(test_path);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(test_folder, entry->d_name, 0);
    if (listing != NULL)
        (void)closedir(listing);
}

int test_remove_folder(void **state) {
    (void)state;
    test_empty_folder();
    (void)close(test_folder);
    return rmdir(test_path);
}

static void on_damage(const struct grove_journal_damage *damage, void *context) {
    (void)context;
    if (test_damage_count < TEST_DAMAGES_MAX)
        test_damages[test_damage_count++] = *damage;
}

struct grove_journal *test_open_with(struct grove_journal_limits limits) {
    struct grove_journal_options options = {
        .folder = test_folder, .limits = limits, .content = "TEST", .on_damage = on_damage};
    struct grove_journal *journal = NULL;
    struct grove_journal_problem problem = {""};
    test_damage_count = 0;
    int status = grove_journal_open(&options, &journal, &problem);
    if (status < 0)
        fail_msg("%d: %s", status, problem.sentence);
    return journal;
}

struct grove_journal *test_open_small(void) {
    return test_open_with((struct grove_journal_limits){.segment_bytes = 65536});
}

void test_append(struct grove_journal *journal, uint64_t number) {
    static const char filler[64] = "what is in a record does not matter, as long as it is the same";
    struct iovec parts[2] = {{&number, sizeof number}, {(void *)(uintptr_t)filler, number % 50}};
    struct grove_journal_entry entry = {
        .kind = (uint32_t)number % 7, .time_ns = number * 1000, .parts = parts, .part_count = 2};
    assert_int_equal(grove_journal_append(journal, &entry), 0);
}

void test_commit(struct grove_journal *journal, uint64_t first, uint32_t count) {
    struct grove_journal_commit done = {0};
    struct grove_journal_problem problem = {""};
    int status = grove_journal_commit(journal, &done, &problem);
    if (status < 0)
        fail_msg("%d: %s", status, problem.sentence);
    assert_int_equal(done.first_sequence, first);
    assert_int_equal(done.count, count);
}

void test_fill(struct grove_journal *journal, uint64_t first, uint64_t last, unsigned group) {
    for (uint64_t number = first; number <= last;) {
        uint64_t begin = number;
        for (unsigned count = 0; count < group && number <= last; count++)
            test_append(journal, number++);
        test_commit(journal, begin, (uint32_t)(number - begin));
    }
}

void test_expect_item(const struct grove_journal_item *item) {
    uint64_t number;
    assert_true(item->length_bytes >= sizeof number);
    memcpy(&number, item->data, sizeof number);
    assert_int_equal(number, item->sequence);
    assert_int_equal(item->length_bytes, sizeof number + number % 50);
    assert_int_equal(item->kind, number % 7);
    assert_int_equal(item->time_ns, number * 1000);
}

uint64_t test_read_all(struct grove_journal *journal, uint64_t first, uint64_t last) {
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    uint64_t next = first, missing = 0;
    int status;
    assert_int_equal(grove_journal_reader_create(journal, &reader), 0);
    assert_int_equal(grove_journal_reader_seek(reader, first), 0);
    while ((status = grove_journal_reader_next(reader, &item)) == 0) {
        assert_int_equal(item.sequence, next);
        if (item.gap != GROVE_JOURNAL_NO_GAP)
            missing += item.last_sequence - item.sequence + 1;
        else
            test_expect_item(&item);
        next = item.last_sequence + 1;
    }
    assert_int_equal(status, GROVE_AGAIN);
    assert_int_equal(next, last + 1);
    grove_journal_reader_destroy(reader);
    return missing;
}
