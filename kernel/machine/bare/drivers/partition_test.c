/* Unit tests of partition tables: both kinds, whole, damaged, and leading in circles. */
#include "kernel/machine/bare/drivers/partition.h"

#include "grove/abi/status.h"
#include "kernel/core/test/unit.h"

#include <string.h>

#define SECTORS 256u

static uint8_t image[SECTORS][PARTITION_SECTOR_BYTES];
static unsigned reads;
static uint64_t broken_sector = UINT64_MAX;

static int read_image(void *context, uint64_t sector, uint8_t *bytes) {
    (void)context;
    assert_true(sector < SECTORS);
    reads++;
    if (sector == broken_sector)
        return GROVE_IO;
    memcpy(bytes, image[sector], PARTITION_SECTOR_BYTES);
    return 0;
}

static int read_table(struct partition_table *table) {
    const struct partition_disk disk = {.sectors = SECTORS, .read = read_image};
    reads = 0;
    return partition_read(&disk, table);
}

static void put32(uint8_t *to, uint32_t value) {
    for (unsigned i = 0; i < 4; i++)
        to[i] = (uint8_t)(value >> (8 * i));
}

static void put_entry(unsigned sector, unsigned number, uint8_t kind, uint32_t first, uint32_t count) {
    uint8_t *entry = image[sector] + 446 + (size_t)number * 16;
    entry[4] = kind;
    put32(entry + 8, first);
    put32(entry + 12, count);
    image[sector][510] = 0x55;
    image[sector][511] = 0xaa;
}

static void begin(void) {
    memset(image, 0, sizeof(image));
    broken_sector = UINT64_MAX;
}

static void expect(const struct partition *part, uint32_t number, uint64_t first, uint64_t count) {
    assert_int_equal(part->number, number);
    assert_int_equal(part->first_sector, first);
    assert_int_equal(part->sectors, count);
}

static void boot_records_and_their_chain_are_read(void **state) {
    struct partition_table table = {0};
    (void)state;
    begin();
    put_entry(0, 0, 0x83, 10, 20);
    put_entry(0, 2, 0x0f, 100, 100);
    put_entry(0, 3, 0x82, 50, 10);
    put_entry(100, 0, 0x83, 2, 20);
    put_entry(100, 1, 0x05, 50, 50);
    put_entry(150, 0, 0x83, 1, 30);
    assert_int_equal(read_table(&table), 0);
    assert_false(table.is_guid);
    assert_int_equal(table.count, 4);
    expect(&table.parts[0], 1, 10, 20);
    expect(&table.parts[1], 4, 50, 10);
    expect(&table.parts[2], 5, 102, 20);
    expect(&table.parts[3], 6, 151, 30);
    assert_int_equal(table.parts[1].kind[0], 0x82);
}

static void what_does_not_fit_is_left_out(void **state) {
    struct partition_table table = {0};
    (void)state;
    begin();
    put_entry(0, 0, 0x83, 250, 7); /* one sector too many */
    put_entry(0, 1, 0x83, 0, 5); /* over the record itself */
    put_entry(0, 2, 0x83, 20, 20);
    put_entry(0, 3, 0x83, 39, 5); /* over the other */
    assert_int_equal(read_table(&table), 0);
    assert_int_equal(table.count, 1);
    expect(&table.parts[0], 3, 20, 20);
}

static void chains_end(void **state) {
    struct partition_table table = {0};
    (void)state;
    begin();
    put_entry(0, 0, 0x05, 100, 100);
    put_entry(100, 0, 0x83, 1, 10);
    put_entry(100, 1, 0x05, 20, 30);
    put_entry(120, 0, 0x83, 1, 10);
    put_entry(120, 1, 0x05, 0, 30); /* back to the first */
    assert_int_equal(read_table(&table), 0);
    assert_int_equal(table.count, 2);
    put_entry(120, 1, 0x05, UINT32_MAX, 30); /* beyond the disk */
    assert_int_equal(read_table(&table), 0);
    assert_int_equal(table.count, 2);
    broken_sector = 120;
    assert_int_equal(read_table(&table), GROVE_IO);
}

static uint32_t sum_of(const uint8_t *bytes, size_t count) {
    uint32_t sum = UINT32_MAX;
    for (size_t i = 0; i < count; i++) {
        sum ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ ((sum & 1) != 0 ? 0xedb88320u : 0);
    }
    return ~sum;
}

static void put_guid_entry(unsigned sector, unsigned number, uint32_t first, uint32_t last) {
    uint8_t *entry = image[sector + number / 4] + (size_t)(number % 4) * 128;
    memset(entry, 0x11, 16);
    put32(entry + 32, first);
    put32(entry + 40, last);
}

static void put_guid_header(unsigned sector, unsigned entries_sector, uint32_t entries) {
    uint8_t *header = image[sector];
    memcpy(header, "EFI PART", 8);
    put32(header + 12, 92);
    put32(header + 16, 0);
    put32(header + 24, sector);
    put32(header + 72, entries_sector);
    put32(header + 80, entries);
    put32(header + 84, 128);
    put32(header + 88, sum_of(image[entries_sector], (size_t)entries * 128));
    put32(header + 16, sum_of(header, 92));
}

static void make_guid_table(void) {
    begin();
    put_entry(0, 0, 0xee, 1, SECTORS - 1);
    for (unsigned copy = 0; copy < 2; copy++) {
        unsigned at = copy == 0 ? 2 : SECTORS - 33;
        put_guid_entry(at, 0, 40, 59);
        put_guid_entry(at, 5, 60, 60);
        put_guid_entry(at, 6, 55, 70); /* over both */
        put_guid_entry(at, 7, 90, 80); /* ends before it begins */
        put_guid_entry(at, 127, 200, SECTORS); /* beyond the disk */
        put_guid_header(copy == 0 ? 1 : SECTORS - 1, at, 128);
    }
}

static void a_guid_table_is_read(void **state) {
    struct partition_table table = {0};
    (void)state;
    make_guid_table();
    assert_int_equal(read_table(&table), 0);
    assert_true(table.is_guid);
    assert_int_equal(table.count, 2);
    expect(&table.parts[0], 1, 40, 20);
    expect(&table.parts[1], 6, 60, 1);
    assert_int_equal(table.parts[0].kind[15], 0x11);
}

static void the_second_copy_counts_where_the_first_is_damaged(void **state) {
    static const unsigned damaged[] = {1, 2, 33}; /* the header, the first and the last entries */
    struct partition_table table = {0};
    (void)state;
    for (unsigned i = 0; i < ITEMS(damaged); i++) {
        make_guid_table();
        image[damaged[i]][40] ^= 1;
        assert_int_equal(read_table(&table), 0);
        assert_int_equal(table.count, 2);
        image[SECTORS - 1][0] = 'e';
        table.count = 77;
        assert_int_equal(read_table(&table), GROVE_CORRUPT);
        assert_int_equal(table.count, 77);
    }
}

static void each_bit_of_a_header_counts(void **state) {
    struct partition_table table;
    (void)state;
    for (unsigned bit = 0; bit < 92 * 8; bit++) {
        make_guid_table();
        memset(image[SECTORS - 1], 0, PARTITION_SECTOR_BYTES);
        image[1][bit / 8] ^= (uint8_t)(1u << bit % 8);
        assert_int_equal(read_table(&table), GROVE_CORRUPT);
    }
}

static void without_a_table_there_is_none(void **state) {
    struct partition_table table;
    const struct partition_disk nothing = {.sectors = 0, .read = read_image};
    (void)state;
    begin();
    assert_int_equal(read_table(&table), GROVE_NOT_FOUND);
    assert_int_equal(partition_read(&nothing, &table), GROVE_NOT_FOUND);
    broken_sector = 0;
    assert_int_equal(read_table(&table), GROVE_IO);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(boot_records_and_their_chain_are_read),
        cmocka_unit_test(what_does_not_fit_is_left_out),
        cmocka_unit_test(chains_end),
        cmocka_unit_test(a_guid_table_is_read),
        cmocka_unit_test(the_second_copy_counts_where_the_first_is_damaged),
        cmocka_unit_test(each_bit_of_a_header_counts),
        cmocka_unit_test(without_a_table_there_is_none),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
