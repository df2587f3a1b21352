/* Spilled events on disk: read in order from any number, found again after the process ended, freed, and damage is counted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "servers/bus/folders.h"
#include "servers/bus/spill.h"

#define NAME "queue"
#define DATA_BYTES UINT64_C(400)

static char path[40];
static int parent;
static struct grove_journal_problem problem;

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(path, sizeof path, "%s/spill-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(path) == NULL)
        return -1;
    parent = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return parent < 0;
}

static int remove_folder(void **state) {
    (void)state;
    folder_remove(parent, NAME);
    (void)close(parent);
    return rmdir(path);
}

static struct spill open_spill(uint64_t limit_bytes) {
    struct spill spill;
    assert_int_equal(spill_open(parent, NAME, limit_bytes, &spill, &problem), 0);
    return spill;
}

/* An image of the subject "a.b" whose number is told by its sequence. */
static void add(struct spill *spill, uint64_t sequence) {
    static _Alignas(16) uint8_t bytes[(sizeof(struct grove_bus_image) + 16 + DATA_BYTES + 15) & ~15u];
    *(struct grove_bus_image *)(void *)bytes = (struct grove_bus_image){.size_bytes = sizeof bytes,
                                                                        .subject_bytes = 3,
                                                                        .publisher_bytes = 3,
                                                                        .data_bytes = DATA_BYTES,
                                                                        .sequence = sequence};
    memcpy(bytes + sizeof(struct grove_bus_image), "a.b\0who", sizeof "a.b\0who");
    int status = spill_add(spill, (const struct grove_bus_image *)(void *)bytes);
    if (status == GROVE_AGAIN) {
        assert_int_equal(spill_commit(spill, &problem), 0);
        status = spill_add(spill, (const struct grove_bus_image *)(void *)bytes);
    }
    assert_int_equal(status, 0);
}

static void add_all(struct spill *spill, uint64_t first, uint64_t last) {
    for (uint64_t sequence = first; sequence <= last; sequence++)
        add(spill, sequence);
    assert_int_equal(spill_commit(spill, &problem), 0);
}

static void expect(struct spill *spill, uint64_t first, uint64_t last) {
    struct spilled spilled;
    for (uint64_t sequence = first; sequence <= last; sequence++) {
        assert_int_equal(spill_read(spill, &spilled), 0);
        assert_int_equal(spilled.image->sequence, sequence);
        assert_int_equal(spilled.number, sequence);
        assert_int_equal(spilled.lost, 0);
    }
    assert_int_equal(spill_read(spill, &spilled), GROVE_AGAIN);
}

static void it_is_read_in_order(void **state) {
    (void)state;
    struct spill spill = open_spill(1u << 20);
    struct spilled spilled;
    assert_int_equal(spill_read(&spill, &spilled), GROVE_AGAIN);
    assert_int_equal(spill_next(&spill), 1);
    add_all(&spill, 1, 700);
    assert_int_equal(spill_next(&spill), 701);
    expect(&spill, 1, 700);
    spill_rest(&spill);
    add_all(&spill, 701, 702);
    expect(&spill, 701, 702);
    spill_seek(&spill, 699);
    expect(&spill, 699, 702);
    spill_close(&spill);
}

static void it_is_found_again(void **state) {
    (void)state;
    struct spill spill = open_spill(1u << 20);
    add_all(&spill, 1, 300);
    add(&spill, 301); /* not committed: it is not there */
    spill_close(&spill);
    spill = open_spill(1u << 20);
    assert_int_equal(spill_next(&spill), 301);
    spill_seek(&spill, 290);
    expect(&spill, 290, 300);
    add_all(&spill, 301, 310);
    expect(&spill, 301, 310);
    spill_close(&spill);
}

static uint64_t bytes_there(void) {
    int folder = openat(parent, NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fdopendir(folder);
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

static void what_was_read_is_freed(void **state) {
    (void)state;
    struct spill spill = open_spill(1u << 20);
    add_all(&spill, 1, 2000);
    uint64_t before = bytes_there();
    assert_true(before > 2000 * DATA_BYTES);
    spill_seek(&spill, 1990);
    spill_forget(&spill, 1990);
    assert_true(bytes_there() < before / 4);
    expect(&spill, 1990, 2000);
    spill_close(&spill);
}

static void damage_is_counted(void **state) {
    (void)state;
    struct spill spill = open_spill(1u << 20);
    struct spilled spilled;
    add_all(&spill, 1, 9);
    add_all(&spill, 10, 11);
    spill_close(&spill);
    int folder = openat(parent, NAME, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *listing = fdopendir(folder);
    const struct dirent *entry;
    while ((entry = readdir(listing)) != NULL && entry->d_name[0] == '.')
        continue;
    int file = entry != NULL ? openat(folder, entry->d_name, O_WRONLY | O_CLOEXEC) : -1;
    assert_int_equal(pwrite(file, "????", 4, 8192 + 200), 4); /* in the first event */
    (void)close(file);
    (void)closedir(listing);
    spill = open_spill(1u << 20);
    assert_int_equal(spill_read(&spill, &spilled), 0);
    assert_int_equal(spilled.number, spilled.lost + 1);
    assert_true(spilled.lost > 0);
    spill_close(&spill);
}

/* A file that may not grow stands for a full disk. */
static void what_cannot_be_written_is_dropped(void **state) {
    (void)state;
    struct spill spill = open_spill(1u << 20);
    struct rlimit usual, none;
    add_all(&spill, 1, 5);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &usual), 0);
    none = usual;
    none.rlim_cur = 4096;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &none), 0);
    add(&spill, 6);
    assert_int_equal(spill_commit(&spill, &problem), GROVE_FULL);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &usual), 0);
    add_all(&spill, 6, 7);
    expect(&spill, 1, 7);
    spill_close(&spill);
    spill = open_spill(1u << 20);
    expect(&spill, 1, 7);
    spill_close(&spill);
}

static bool is_kept(const char *name, const void *context) {
    return strcmp(name, context) == 0;
}

static void strays_are_swept(void **state) {
    (void)state;
    struct spill spill = open_spill(1u << 20);
    add_all(&spill, 1, 5);
    spill_close(&spill);
    assert_int_equal(spill_open(parent, "stray", 1u << 20, &spill, &problem), 0);
    add_all(&spill, 1, 5);
    spill_close(&spill);
    folder_sweep(parent, is_kept, NAME);
    assert_int_equal(faccessat(parent, "stray", F_OK, 0), -1);
    assert_int_equal(faccessat(parent, NAME, F_OK, 0), 0);
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(it_is_read_in_order),
        TEST(it_is_found_again),
        TEST(what_was_read_is_freed),
        TEST(damage_is_counted),
        TEST(what_cannot_be_written_is_dropped),
        TEST(strays_are_swept),
    };
    (void)signal(SIGXFSZ, SIG_IGN);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
