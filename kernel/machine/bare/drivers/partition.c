/* The parts of a disk: see partition.h. */
#include "kernel/machine/bare/drivers/partition.h"

#include "grove/abi/status.h"

#include <stddef.h>
#include <string.h>

#define RECORD_ENTRIES 446u
#define RECORD_ENTRY_BYTES 16u
#define RECORD_ENTRIES_MAX 4u
#define RECORD_END 510u
#define KIND_NONE 0x00u
#define KIND_PROTECTIVE 0xeeu
#define CHAIN_MAX 64u
#define FIRST_IN_CHAIN 5u

#define GUID_HEADER_MIN 92u
#define GUID_HEADER_MAX PARTITION_SECTOR_BYTES
#define GUID_ENTRY_MIN 128u
#define GUID_ENTRY_MAX PARTITION_SECTOR_BYTES
#define GUID_ENTRIES_MAX 1024u
#define SUM_BEGIN UINT32_MAX

static uint32_t read32(const uint8_t *bytes) {
    return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 | (uint32_t)bytes[3] << 24;
}

static uint64_t read64(const uint8_t *bytes) {
    return read32(bytes) | (uint64_t)read32(bytes + 4) << 32;
}

/* The sum of the table's format (CRC-32, as in IEEE 802.3), continued; the complement of the last is the sum. */
static uint32_t add_to_sum(uint32_t sum, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        sum ^= bytes[i];
        for (unsigned bit = 0; bit < 8; bit++)
            sum = sum >> 1 ^ ((sum & 1) != 0 ? 0xedb88320u : 0);
    }
    return sum;
}

static int read_sector(const struct partition_disk *disk, uint64_t sector, uint8_t *bytes) {
    return sector < disk->sectors ? disk->read(disk->context, sector, bytes) : GROVE_INVALID;
}

/* What does not fit or lies over another part is left out. */
static void add(const struct partition_disk *disk, struct partition_table *table, const struct partition *part) {
    if (table->count == PARTITIONS_MAX || part->first_sector == 0 || part->sectors == 0 ||
        part->first_sector >= disk->sectors || part->sectors > disk->sectors - part->first_sector)
        return;
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition *other = &table->parts[i];
        if (part->first_sector < other->first_sector + other->sectors &&
            other->first_sector < part->first_sector + part->sectors)
            return;
    }
    table->parts[table->count++] = *part;
}

/* ---- boot records ---- */

struct record_entry {
    uint8_t kind;
    uint32_t first_sector, sectors;
};

static bool is_record(const uint8_t *bytes) {
    return bytes[RECORD_END] == 0x55 && bytes[RECORD_END + 1] == 0xaa;
}

static struct record_entry entry_of(const uint8_t *record, unsigned number) {
    const uint8_t *bytes = record + RECORD_ENTRIES + (size_t)number * RECORD_ENTRY_BYTES;
    return (struct record_entry){.kind = bytes[4], .first_sector = read32(bytes + 8), .sectors = read32(bytes + 12)};
}

static bool is_extended(uint8_t kind) {
    return kind == 0x05 || kind == 0x0f || kind == 0x85;
}

static void add_entry(const struct partition_disk *disk, struct partition_table *table, uint32_t number, uint64_t base,
                      const struct record_entry *entry) {
    const struct partition part = {
        .number = number, .first_sector = base + entry->first_sector, .sectors = entry->sectors, .kind = {entry->kind}};
    if (entry->kind != KIND_NONE)
        add(disk, table, &part);
}

/*
 * Records within an extended part: the first entry is a part, counted from its own record, the second the next record,
 * counted from the first of them. Each must lie behind the one before, so that there is no circle.
 */
static int read_chain(const struct partition_disk *disk, struct partition_table *table, uint64_t base) {
    uint8_t bytes[PARTITION_SECTOR_BYTES];
    uint64_t at = base;
    for (uint32_t i = 0; i < CHAIN_MAX; i++) {
        int status = read_sector(disk, at, bytes);
        if (status < 0)
            return status == GROVE_INVALID ? 0 : status; /* it leads beyond the disk: what came before counts */
        if (!is_record(bytes))
            return 0;
        struct record_entry entry = entry_of(bytes, 0), next = entry_of(bytes, 1);
        add_entry(disk, table, FIRST_IN_CHAIN + i, at, &entry);
        if (!is_extended(next.kind) || base + next.first_sector <= at)
            return 0;
        at = base + next.first_sector;
    }
    return 0;
}

static int read_record(const struct partition_disk *disk, const uint8_t *record, struct partition_table *table) {
    uint64_t chain = 0;
    for (unsigned i = 0; i < RECORD_ENTRIES_MAX; i++) {
        struct record_entry entry = entry_of(record, i);
        if (!is_extended(entry.kind))
            add_entry(disk, table, i + 1, 0, &entry);
        else if (chain == 0)
            chain = entry.first_sector;
    }
    return chain != 0 ? read_chain(disk, table, chain) : 0;
}

/* ---- GUID tables ---- */

struct guid_header {
    uint64_t entries_sector;
    uint32_t entries, entry_bytes, entries_sum;
};

/* The header in this sector. False: it is none, or not whole. */
static bool read_guid_header(uint8_t *bytes, uint64_t sector, struct guid_header *header) {
    uint32_t size = read32(bytes + 12), sum = read32(bytes + 16);
    if (memcmp(bytes, "EFI PART", 8) != 0 || size < GUID_HEADER_MIN || size > GUID_HEADER_MAX)
        return false;
    memset(bytes + 16, 0, 4); /* it is counted as if it were zero */
    *header = (struct guid_header){.entries_sector = read64(bytes + 72),
                                   .entries = read32(bytes + 80),
                                   .entry_bytes = read32(bytes + 84),
                                   .entries_sum = read32(bytes + 88)};
    return ~add_to_sum(SUM_BEGIN, bytes, size) == sum && read64(bytes + 24) == sector &&
           header->entry_bytes >= GUID_ENTRY_MIN && header->entry_bytes <= GUID_ENTRY_MAX &&
           (header->entry_bytes & (header->entry_bytes - 1)) == 0 && header->entries <= GUID_ENTRIES_MAX;
}

static void add_guid_entry(const struct partition_disk *disk, struct partition_table *table, uint32_t number,
                           const uint8_t *bytes) {
    static const uint8_t nothing[16];
    uint64_t first = read64(bytes + 32), last = read64(bytes + 40);
    struct partition part = {.number = number, .first_sector = first, .sectors = last - first + 1};
    memcpy(part.kind, bytes, sizeof(part.kind));
    if (memcmp(part.kind, nothing, sizeof(nothing)) != 0 && first <= last)
        add(disk, table, &part);
}

/* All entries, sector by sector. GROVE_CORRUPT: their sum is wrong, and what `table` got is not to be used. */
static int read_guid_entries(const struct partition_disk *disk, const struct guid_header *header,
                             struct partition_table *table) {
    uint8_t bytes[PARTITION_SECTOR_BYTES];
    uint32_t sum = SUM_BEGIN, in_sector = PARTITION_SECTOR_BYTES / header->entry_bytes;
    for (uint32_t done = 0; done < header->entries;) {
        uint64_t sector = header->entries_sector + done / in_sector;
        int status = sector >= header->entries_sector ? read_sector(disk, sector, bytes) : GROVE_INVALID;
        if (status < 0)
            return status == GROVE_INVALID ? GROVE_CORRUPT : status;
        for (uint32_t i = 0; i < in_sector && done < header->entries; i++, done++) {
            const uint8_t *entry = bytes + (size_t)i * header->entry_bytes;
            sum = add_to_sum(sum, entry, header->entry_bytes);
            add_guid_entry(disk, table, done + 1, entry);
        }
    }
    return ~sum == header->entries_sum ? 0 : GROVE_CORRUPT;
}

static int read_guid_copy(const struct partition_disk *disk, uint64_t sector, struct partition_table *table) {
    uint8_t bytes[PARTITION_SECTOR_BYTES];
    struct guid_header header;
    *table = (struct partition_table){.is_guid = true};
    int status = read_sector(disk, sector, bytes);
    if (status < 0)
        return status == GROVE_INVALID ? GROVE_CORRUPT : status;
    return read_guid_header(bytes, sector, &header) ? read_guid_entries(disk, &header, table) : GROVE_CORRUPT;
}

int partition_read(const struct partition_disk *disk, struct partition_table *table) {
    uint8_t record[PARTITION_SECTOR_BYTES];
    struct partition_table found = {0};
    bool is_guid = false;
    if (disk->sectors == 0)
        return GROVE_NOT_FOUND;
    int status = read_sector(disk, 0, record);
    if (status < 0)
        return status;
    if (!is_record(record))
        return GROVE_NOT_FOUND;
    for (unsigned i = 0; i < RECORD_ENTRIES_MAX; i++)
        is_guid = is_guid || entry_of(record, i).kind == KIND_PROTECTIVE;
    if (is_guid) {
        status = read_guid_copy(disk, 1, &found);
        if (status == GROVE_CORRUPT)
            status = read_guid_copy(disk, disk->sectors - 1, &found);
    } else {
        status = read_record(disk, record, &found);
    }
    if (status == 0)
        *table = found;
    return status;
}
