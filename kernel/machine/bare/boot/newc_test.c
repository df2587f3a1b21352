/* The initramfs: an archive made here byte by byte, whole, cut at every place, and damaged. */
#include "kernel/machine/bare/boot/newc.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct archive {
    char bytes[2048];
    size_t size;
};

static void add(struct archive *archive, const char *name, uint32_t mode, const char *data) {
    size_t size = strlen(data);
    archive->size += (size_t)snprintf(archive->bytes + archive->size, sizeof(archive->bytes) - archive->size,
                                      "070701%08X%08X%08X%08X%08X%08X%08zX%08X%08X%08X%08X%08zX%08X", 1u, mode, 0u, 0u,
                                      1u, 0u, size, 0u, 0u, 0u, 0u, strlen(name) + 1, 0u);
    memcpy(archive->bytes + archive->size, name, strlen(name) + 1);
    archive->size = (archive->size + strlen(name) + 1 + 3) & ~(size_t)3;
    memcpy(archive->bytes + archive->size, data, size);
    archive->size = (archive->size + size + 3) & ~(size_t)3;
}

static struct archive example(void) {
    struct archive archive = {.size = 0};
    add(&archive, ".", 040755, "");
    add(&archive, "./init", 0100755, "first");
    add(&archive, "bin", 040755, "");
    add(&archive, "bin/tool", 0100755, "a tool");
    add(&archive, "TRAILER!!!", 0, "");
    return archive;
}

static int find(const struct archive *archive, const char *path, struct newc_file *file) {
    return newc_find((const uint8_t *)archive->bytes, archive->size, path, file);
}

static void files_are_found_by_path(void **state) {
    (void)state;
    struct archive archive = example();
    struct newc_file file;
    assert_int_equal(find(&archive, "/init", &file), 0);
    assert_int_equal(file.size_bytes, 5);
    assert_memory_equal(file.data, "first", 5);
    assert_int_equal(find(&archive, "./bin/tool", &file), 0);
    assert_memory_equal(file.data, "a tool", 6);
    assert_int_equal(find(&archive, "/bin", &file), GROVE_NOT_FOUND);
    assert_int_equal(find(&archive, "/in", &file), GROVE_NOT_FOUND);
}

static void the_end_may_be_zeros_or_nothing(void **state) {
    (void)state;
    struct archive archive = {.size = 0};
    struct newc_file file;
    assert_int_equal(find(&archive, "/init", &file), GROVE_NOT_FOUND);
    add(&archive, "init", 0100755, "x");
    assert_int_equal(find(&archive, "/none", &file), GROVE_NOT_FOUND);
    archive.size += 512;
    assert_int_equal(find(&archive, "/none", &file), GROVE_NOT_FOUND);
}

/* In memory of just that length, so that the address sanitizer sees a read behind it. */
static void a_cut_archive_is_never_read_behind_its_end(void **state) {
    (void)state;
    struct archive archive = example();
    for (size_t size = 1; size < archive.size; size++) {
        uint8_t *bytes = malloc(size);
        struct newc_file file;
        assert_non_null(bytes);
        memcpy(bytes, archive.bytes, size);
        int status = newc_find(bytes, size, "/none", &file);
        assert_true(status == GROVE_NOT_FOUND || status == GROVE_INVALID);
        free(bytes);
    }
}

static void damage_is_an_error(void **state) {
    (void)state;
    static const size_t places[] = {0, 6 + 8, 6 + 6 * 8, 6 + 11 * 8};
    for (unsigned i = 0; i < ITEMS(places); i++) {
        struct archive archive = example();
        struct newc_file file;
        archive.bytes[places[i]] = 'f'; /* not the magic number; the sizes become enormous */
        int status = find(&archive, "/none", &file);
        assert_int_equal(status, i == 1 ? GROVE_NOT_FOUND : GROVE_INVALID);
        archive.bytes[places[i]] = 'g';
        assert_int_equal(find(&archive, "/none", &file), GROVE_INVALID);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(files_are_found_by_path),
        cmocka_unit_test(the_end_may_be_zeros_or_nothing),
        cmocka_unit_test(a_cut_archive_is_never_read_behind_its_end),
        cmocka_unit_test(damage_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
