/*
 * Fuzz target: a segment of a journal. Whatever stands in it is read in bounded memory and time; numbers only grow, gaps
 * say exactly what lies between; opening is repeatable; and what is appended afterwards is read back as the last.
 *
 * The input's checks are mended where the first byte asks for it, so that more than the checks is tried.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "grove/abi/status.h"
#include "grove/journal.h"
#include "lib/journal/format.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static char path[] = "/dev/shm/grove-fuzz-XXXXXX"; /* in memory, where there is such a file system */
static int folder = -1;
static uint32_t flags; /* of the journal; the second bit of the input's first byte asks for them */

static void expect(int is_true) {
    if (!is_true)
        abort();
}

static void empty_folder(void) {
    DIR *listing = opendir(path);
    const struct dirent *entry;
    expect(listing != NULL);
    while ((entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.')
            expect(unlinkat(folder, entry->d_name, 0) == 0);
    (void)closedir(listing);
}

static void remove_folder(void) {
    empty_folder();
    (void)close(folder);
    (void)rmdir(path);
}

static void open_folder(void) {
    if (folder >= 0)
        return;
    if (access("/dev/shm", W_OK) < 0)
        memcpy(path, "/tmp/grove-fuzz-XXXXXX", sizeof "/tmp/grove-fuzz-XXXXXX");
    expect(mkdtemp(path) != NULL);
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    expect(folder >= 0);
    expect(atexit(remove_folder) == 0);
}

/* A header that is right, and records whose checks are, as far as their lengths lead. */
static void mend(uint8_t *bytes, size_t size_bytes) {
    struct journal_header header = {.number = 1, .salt = 7, .first_sequence = 1, .first_batch = 1, .content = "FUZZ"};
    struct journal_record record;
    journal_header_seal(&header);
    for (size_t copy = 0; copy + sizeof header <= size_bytes && copy <= JOURNAL_COPY_OFFSET; copy += sizeof header)
        memcpy(bytes + copy, &header, sizeof header);
    for (size_t offset = JOURNAL_DATA_OFFSET; offset + sizeof record <= size_bytes;) {
        memcpy(&record, bytes + offset, sizeof record);
        record.length_bytes %= 512;
        if (offset + journal_record_bytes(&record) > size_bytes)
            return;
        if (record.reserved % 4 != 3) { /* some stay damaged */
            journal_record_seal(&record, bytes + offset + sizeof record, journal_seed(&header));
            memcpy(bytes + offset, &record, sizeof record);
        }
        offset += journal_record_bytes(&record);
    }
}

static void write_segment(const uint8_t *data, size_t size_bytes, bool is_mended) {
    uint8_t *bytes = malloc(size_bytes + 1);
    expect(bytes != NULL);
    memcpy(bytes, data, size_bytes);
    if (is_mended)
        mend(bytes, size_bytes);
    int descriptor = openat(folder, "0000000001.journal", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    expect(descriptor >= 0 && write(descriptor, bytes, size_bytes) == (ssize_t)size_bytes);
    (void)close(descriptor);
    free(bytes);
}

/* Returns the number that comes next; the last record's bytes are in `last`. */
static uint64_t read_all(struct grove_journal *journal, char *last, size_t bytes) {
    struct grove_journal_reader *reader;
    struct grove_journal_item item;
    struct grove_journal_facts facts = grove_journal_facts(journal);
    uint64_t next = facts.first_sequence;
    int status;
    expect(grove_journal_reader_create(journal, &reader) == 0);
    while ((status = grove_journal_reader_next(reader, &item)) == 0) {
        expect(item.sequence == next && item.last_sequence >= item.sequence);
        next = item.last_sequence + 1;
        memset(last, 0, bytes);
        if (item.gap == GROVE_JOURNAL_NO_GAP && item.length_bytes > 0)
            memcpy(last, item.data, item.length_bytes < bytes ? item.length_bytes : bytes);
    }
    expect(status == GROVE_AGAIN && next == facts.next_sequence);
    expect(grove_journal_reader_seek_time(reader, 1000) == 0);
    while (grove_journal_reader_next(reader, &item) == 0)
        expect(item.sequence < next);
    grove_journal_reader_destroy(reader);
    return next;
}

static struct grove_journal *open_journal(void) {
    struct grove_journal_options options = {
        .folder = folder, .flags = flags, .limits = {.segment_bytes = 65536}, .content = "FUZZ"};
    struct grove_journal *journal = NULL;
    struct grove_journal_problem problem = {""};
    int status = grove_journal_open(&options, &journal, &problem);
    expect(status == 0 || (problem.sentence[0] != 0 && (status == GROVE_INVALID || status == GROVE_VERSION)));
    return journal;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static const char words[] = "appended";
    struct iovec part = {(void *)(uintptr_t)words, sizeof words};
    struct grove_journal_commit done;
    struct grove_journal_problem problem;
    char last[sizeof words] = "";
    open_folder();
    if (size_bytes == 0 || size_bytes > 65536)
        return 0;
    flags = (data[0] & 2) != 0 ? GROVE_JOURNAL_UNSYNCHRONISED | GROVE_JOURNAL_PASS_UNREADABLE : 0;
    write_segment(data + 1, size_bytes - 1, (data[0] & 1) != 0);
    for (unsigned turn = 0; turn < 2; turn++) {
        struct grove_journal *journal = open_journal();
        if (journal == NULL)
            break;
        uint64_t next = read_all(journal, last, sizeof last);
        expect(grove_journal_append(journal,
                                    &(struct grove_journal_entry){.time_ns = 1, .parts = &part, .part_count = 1}) == 0);
        expect(grove_journal_commit(journal, &done, &problem) == 0 && done.first_sequence == next && done.count == 1);
        expect(read_all(journal, last, sizeof last) == next + 1);
        expect(memcmp(last, words, sizeof words) == 0);
        grove_journal_close(journal);
    }
    empty_folder();
    return 0;
}
