/* Segment records: the checksum, every flipped bit, torn tails of every length, damage in the middle. */
#include "examples/grid/historian/checksum.h"
#include "examples/grid/historian/segment.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Batches of three records, except that the last may be shorter. */
#define BATCH 3u

static void fill(struct segment_record *records, unsigned count) {
    for (unsigned i = 0; i < count; i++) {
        unsigned left = count - i / BATCH * BATCH;
        records[i] = (struct segment_record){.position = (uint16_t)(i % BATCH),
                                             .count = (uint16_t)(left < BATCH ? left : BATCH),
                                             .batch = i / BATCH + 1,
                                             .reading = {.sequence = i + 1, .epoch = 1, .feeder = 1}};
        segment_record_seal(&records[i]);
    }
}

static void the_checksum_is_crc32c(void **state) {
    (void)state;
    assert_int_equal(checksum("123456789", 9), 0xe3069283u);
    assert_int_equal(checksum("", 0), 0);
}

static void every_flipped_bit_is_seen(void **state) {
    (void)state;
    struct segment_record record, original;
    fill(&original, 1);
    for (unsigned bit = 0; bit < sizeof record * 8; bit++) {
        record = original;
        ((unsigned char *)&record)[bit / 8] ^= (unsigned char)(1u << bit % 8);
        assert_false(segment_record_is_whole(&record));
    }
    assert_true(segment_record_is_whole(&original));
    memset(&record, 0, sizeof record);
    assert_false(segment_record_is_whole(&record));
}

static void headers(void **state) {
    (void)state;
    struct segment_header *header = calloc(1, sizeof *header);
    header->number = 3;
    segment_header_seal(header);
    assert_int_equal(segment_header_check(header), 0);
    header->feeder[5].numbering.sequence ^= 1;
    assert_int_equal(segment_header_check(header), GROVE_CORRUPT);
    segment_header_seal(header);
    header->version = 2;
    header->check = checksum(header, offsetof(struct segment_header, check));
    assert_int_equal(segment_header_check(header), GROVE_VERSION);
    free(header);
}

/* Whatever part of the last batch was written, in whatever order, everything before it is kept and nothing after it. */
static void the_last_batch_torn_in_every_way(void **state) {
    (void)state;
    struct segment_record records[9];
    for (unsigned torn = 1; torn < 8; torn++) { /* bit i: record 6 + i did not reach the disk */
        fill(records, 9);
        unsigned first = 0;
        while (!(torn >> first & 1))
            first++;
        for (unsigned i = 0; i < 3; i++)
            if (torn >> i & 1)
                memset(&records[6 + i], 0, sizeof records[0]);
        struct segment_extent extent = segment_extent(records, 9, 1);
        assert_int_equal(extent.records, 6 + first);
        assert_int_equal(extent.damaged, 0);
        assert_int_equal(extent.last_batch, first == 0 ? 2 : 3);
    }
}

static void damage_in_an_acknowledged_batch_keeps_the_rest(void **state) {
    (void)state;
    struct segment_record records[9];
    for (unsigned at = 0; at < 6; at++) {
        fill(records, 9);
        records[at].reading.wall_ns ^= 4;
        struct segment_extent extent = segment_extent(records, 9, 1);
        assert_int_equal(extent.records, 9);
        assert_int_equal(extent.damaged, 1);
        assert_int_equal(extent.last_batch, 3);
    }
}

static void damage_and_a_torn_tail(void **state) {
    (void)state;
    struct segment_record records[9];
    fill(records, 9);
    records[1].reading.wall_ns ^= 4;
    memset(&records[8], 0xff, sizeof records[0]);
    struct segment_extent extent = segment_extent(records, 9, 1);
    assert_int_equal(extent.records, 8);
    assert_int_equal(extent.damaged, 1);
    assert_int_equal(segment_extent(records, 0, 7).last_batch, 6);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_checksum_is_crc32c),
        cmocka_unit_test(every_flipped_bit_is_seen),
        cmocka_unit_test(headers),
        cmocka_unit_test(the_last_batch_torn_in_every_way),
        cmocka_unit_test(damage_in_an_acknowledged_batch_keeps_the_rest),
        cmocka_unit_test(damage_and_a_torn_tail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
