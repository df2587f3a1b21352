/* The table of streams: which names and patterns there may be, what overlaps, and that no damaged byte is taken for good. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "servers/bus/stream_table.h"

static const struct stream_table sound = {.entries = {{.name = STREAM_USUAL, .pattern = ">", .retain_bytes = 9},
                                                      {.name = "readings", .pattern = "grid.reading.>", .retain_ns = 7},
                                                      {.name = "trips", .pattern = "alarm.*.tripped"}},
                                          .count = 3,
                                          .is_apart = true};

static void expect_overlap(const char *left, const char *right, bool is_expected) {
    assert_int_equal(grove_patterns_overlap(left, right), is_expected);
    assert_int_equal(grove_patterns_overlap(right, left), is_expected);
}

static void patterns_overlap_where_a_subject_fits_both(void **state) {
    (void)state;
    expect_overlap("a.b", "a.b", true);
    expect_overlap("a.b", "a.c", false);
    expect_overlap("a.b", "a.bc", false);
    expect_overlap("a.b", "a.b.c", false);
    expect_overlap("a.*", "*.b", true);
    expect_overlap("a.*.c", "a.b.*", true);
    expect_overlap("a.*.c", "a.b", false);
    expect_overlap(">", "a.b.c", true);
    expect_overlap("a.>", "a", false);
    expect_overlap("a.>", "a.b", true);
    expect_overlap("a.>", "b.>", false);
    expect_overlap("a.b.>", "a.*", false);
    expect_overlap("a.b.>", "*.*.c", true);
}

static void names_are_those_of_folders(void **state) {
    (void)state;
    assert_true(stream_name_is_valid("readings_of-2026"));
    assert_false(stream_name_is_valid(""));
    assert_false(stream_name_is_valid(".."));
    assert_false(stream_name_is_valid("a/b"));
    assert_false(stream_name_is_valid("a b"));
}

static void it_is_read_as_it_was_written(void **state) {
    (void)state;
    uint8_t bytes[STREAM_TABLE_BYTES_MAX];
    struct stream_table table = {.count = 0};
    size_t length_bytes = stream_table_write(&sound, bytes);
    assert_int_equal(length_bytes, STREAM_TABLE_HEAD_BYTES + 3 * sizeof(struct stream_entry));
    assert_int_equal(stream_table_read(bytes, length_bytes, &table), 0);
    assert_int_equal(table.count, 3);
    assert_true(table.is_apart);
    assert_memory_equal(table.entries, sound.entries, sound.count * sizeof sound.entries[0]);
}

static void damage_is_found(void **state) {
    (void)state;
    uint8_t bytes[STREAM_TABLE_BYTES_MAX];
    struct stream_table table;
    size_t length_bytes = stream_table_write(&sound, bytes);
    for (size_t cut = 0; cut < length_bytes; cut++)
        assert_true(stream_table_read(bytes, cut, &table) < 0);
    for (size_t at = STREAM_TABLE_HEAD_BYTES; at < length_bytes; at++) {
        bytes[at] ^= 0x10;
        assert_int_equal(stream_table_read(bytes, length_bytes, &table), GROVE_CORRUPT);
        bytes[at] ^= 0x10;
    }
    bytes[4] = 2;
    assert_int_equal(stream_table_read(bytes, length_bytes, &table), GROVE_VERSION);
}

static void expect_refused(unsigned at, const char *name, const char *pattern) {
    uint8_t bytes[STREAM_TABLE_BYTES_MAX];
    struct stream_table table = sound;
    strncpy(table.entries[at].name, name, sizeof table.entries[at].name - 1);
    strncpy(table.entries[at].pattern, pattern, sizeof table.entries[at].pattern - 1);
    size_t length_bytes = stream_table_write(&table, bytes);
    assert_int_equal(stream_table_read(bytes, length_bytes, &table), GROVE_CORRUPT);
}

static void what_makes_no_sense_is_refused(void **state) {
    (void)state;
    expect_refused(0, "else", ">");
    expect_refused(0, STREAM_USUAL, "a.>");
    expect_refused(1, "../x", "a.>");
    expect_refused(1, "trips", "a.>");
    expect_refused(1, "readings", "alarm.>");
    expect_refused(2, "trips", "a..b");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(patterns_overlap_where_a_subject_fits_both),
        cmocka_unit_test(names_are_those_of_folders),
        cmocka_unit_test(it_is_read_as_it_was_written),
        cmocka_unit_test(damage_is_found),
        cmocka_unit_test(what_makes_no_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
