/* Dead letters on disk: kept, found again, bounded; whatever byte is damaged, the letter is set aside and the others stay. */
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
#include <unistd.h>

#include "servers/bus/letters.h"

static char path[40];
static int folder;

static int make_folder(void **state) {
    (void)state;
    (void)snprintf(path, sizeof path, "%s/letters-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
    if (mkdtemp(path) == NULL)
        return -1;
    folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return folder < 0;
}

static int remove_folder(void **state) {
    (void)state;
    DIR *listing = opendir(path);
    const struct dirent *entry;
    while (listing != NULL && (entry = readdir(listing)) != NULL)
        if (entry->d_name[0] != '.')
            (void)unlinkat(folder, entry->d_name, 0);
    if (listing != NULL)
        (void)closedir(listing);
    (void)close(folder);
    return rmdir(path);
}

/* An image of the subject "a.b" with that many bytes of data. */
static struct grove_bus_image *make_image(uint32_t data_bytes) {
    uint32_t before = (uint32_t)((sizeof(struct grove_bus_image) + 3 + 3 + 0 + 3 + 7) & ~(size_t)7);
    uint32_t size_bytes = (before + data_bytes + 15) & ~15u;
    struct grove_bus_image *image = calloc(1, size_bytes);
    assert_non_null(image);
    *image = (struct grove_bus_image){
        .size_bytes = size_bytes, .subject_bytes = 3, .publisher_bytes = 3, .data_bytes = data_bytes, .sequence = 9};
    memcpy(image + 1, "a.b\0who", sizeof "a.b\0who");
    memset((char *)image + before, 'd', data_bytes);
    return image;
}

static uint64_t add(struct letters *letters, uint32_t data_bytes) {
    struct grove_bus_image *image = make_image(data_bytes);
    struct letter letter = {.time_ns = 5, .attempts = 3, .status = GROVE_FULL, .error = "no room"};
    assert_int_equal(letters_add(letters, &letter, image), 0);
    free(image);
    return letter.id;
}

static struct letters open_letters(void) {
    struct letters letters;
    assert_int_equal(letters_open(&letters, folder), 0);
    return letters;
}

static void expect(struct letters *letters, uint64_t id, uint32_t data_bytes) {
    struct letter letter;
    struct grove_bus_image *image = NULL;
    assert_int_equal(letters_read(letters, id, &letter, &image), 0);
    assert_string_equal(letter.error, "no room");
    assert_int_equal(letter.id, id);
    assert_int_equal(image->data_bytes, data_bytes);
    assert_string_equal((const char *)(image + 1), "a.b");
    free(image);
}

static void they_are_found_again(void **state) {
    (void)state;
    struct letters letters = open_letters();
    uint64_t id = 0;
    assert_int_equal(letters_next(&letters, 0, &id), GROVE_NOT_FOUND);
    for (uint32_t i = 1; i <= 40; i++)
        assert_int_equal(add(&letters, i * 10), i);
    assert_int_equal(letters.unsynced_count, 40);
    letters_sync(folder, letters.unsynced, letters.unsynced_count);
    letters_remove(&letters, 7);
    letters_close(&letters);
    letters = open_letters();
    assert_int_equal(letters.count, 39);
    for (uint64_t after = 0; letters_next(&letters, after, &id) == 0; after = id) {
        assert_int_not_equal(id, 7);
        expect(&letters, id, (uint32_t)id * 10);
    }
    assert_int_equal(id, 40);
    assert_int_equal(add(&letters, 0), 41);
    letters_remove(&letters, 41);
    letters_remove(&letters, 41);
    assert_int_equal(add(&letters, 0), 42); /* a number means one letter, ever */
    letters_close(&letters);
}

static void damage_costs_one_letter(void **state) {
    (void)state;
    char name[48], damaged[64];
    struct letters letters = open_letters();
    add(&letters, 20);
    add(&letters, 20);
    size_t bytes = letters.place[0].bytes;
    letters_close(&letters);
    (void)snprintf(name, sizeof name, "%020d.letter", 1);
    (void)snprintf(damaged, sizeof damaged, "%s.damaged", name);
    for (size_t offset = 0; offset < bytes; offset++) {
        struct letter letter;
        struct grove_bus_image *image = NULL;
        unsigned char byte;
        int file = openat(folder, name, O_RDWR | O_CLOEXEC);
        assert_true(file >= 0);
        assert_int_equal(pread(file, &byte, 1, (off_t)offset), 1);
        byte ^= (unsigned char)(1u << offset % 8);
        assert_int_equal(pwrite(file, &byte, 1, (off_t)offset), 1);
        letters = open_letters();
        assert_int_equal(letters_read(&letters, 1, &letter, &image), GROVE_CORRUPT);
        assert_null(image);
        assert_int_equal(letters.count, 1);
        assert_int_equal(letters_read(&letters, 1, &letter, &image), GROVE_NOT_FOUND);
        expect(&letters, 2, 20);
        letters_close(&letters);
        byte ^= (unsigned char)(1u << offset % 8);
        assert_int_equal(pwrite(file, &byte, 1, (off_t)offset), 1);
        (void)close(file);
        assert_int_equal(renameat(folder, damaged, folder, name), 0);
    }
    /* Cut short, as by a crash of the machine before it was made sure of. */
    for (size_t length = 0; length < bytes; length += 97) {
        struct letter letter;
        struct grove_bus_image *image = NULL;
        letters = open_letters();
        uint64_t id = add(&letters, 20);
        (void)snprintf(name, sizeof name, "%020llu.letter", (unsigned long long)id);
        int file = openat(folder, name, O_RDWR | O_CLOEXEC);
        assert_true(file >= 0 && ftruncate(file, (off_t)length) == 0);
        (void)close(file);
        assert_int_equal(letters_read(&letters, id, &letter, &image), GROVE_CORRUPT);
        letters_close(&letters);
    }
}

static void they_are_bounded(void **state) {
    (void)state;
    struct letters letters = open_letters();
    for (unsigned i = 0; i < 80; i++)
        add(&letters, 1u << 20);
    assert_true(letters.bytes <= LETTERS_BYTES_MAX);
    assert_int_equal(letters.count + letters.dropped, 80);
    assert_true(letters.dropped > 10);
    expect(&letters, 80, 1u << 20);
    letters_limit(&letters, 3, LETTERS_BYTES_MAX);
    assert_int_equal(letters.count, 3);
    letters_limit(&letters, 3, UINT64_C(2) << 20);
    assert_int_equal(letters.count, 1);
    expect(&letters, 80, 1u << 20);
    letters_close(&letters);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(they_are_found_again, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(damage_costs_one_letter, make_folder, remove_folder),
        cmocka_unit_test_setup_teardown(they_are_bounded, make_folder, remove_folder),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
