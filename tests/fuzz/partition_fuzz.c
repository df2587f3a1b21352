/*
 * Fuzz target: partition tables. The input is the beginning of a disk, of which the rest is zero; sums of a GUID table are mended
 * before each try, or hardly any input would come past them. Parts lie on the disk and not over each other.
 */
#include "kernel/machine/bare/drivers/partition.h"

#include "grove/abi/status.h"

#include <stdlib.h>
#include <string.h>

#define SECTORS_MAX 64u
#define ENTRIES_SECTOR 2u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

struct image {
    uint8_t bytes[SECTORS_MAX][PARTITION_SECTOR_BYTES];
    unsigned reads;
};

static int read_image(void *context, uint64_t sector, uint8_t *bytes) {
    struct image *image = context;
    if (sector >= SECTORS_MAX || ++image->reads > 2000)
        abort();
    memcpy(bytes, image->bytes[sector], PARTITION_SECTOR_BYTES);
    return 0;
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

static void mend(struct image *image) {
    uint8_t *header = image->bytes[1];
    uint32_t size, entries, entry_bytes;
    memcpy(&size, header + 12, 4);
    memcpy(&entries, header + 80, 4);
    memcpy(&entry_bytes, header + 84, 4);
    if (size < 92 || size > PARTITION_SECTOR_BYTES)
        return;
    if (entries <= 128 && entry_bytes <= 512 && entries * entry_bytes <= (SECTORS_MAX - ENTRIES_SECTOR) * 512) {
        uint32_t sum = sum_of(image->bytes[ENTRIES_SECTOR], (size_t)entries * entry_bytes);
        memcpy(header + 88, &sum, 4);
    }
    memset(header + 16, 0, 4);
    uint32_t sum = sum_of(header, size);
    memcpy(header + 16, &sum, 4);
}

static void check(const struct partition_table *table) {
    if (table->count > PARTITIONS_MAX)
        abort();
    for (uint32_t i = 0; i < table->count; i++) {
        const struct partition *part = &table->parts[i];
        if (part->sectors == 0 || part->first_sector + part->sectors > SECTORS_MAX)
            abort();
        for (uint32_t j = 0; j < i; j++)
            if (part->first_sector < table->parts[j].first_sector + table->parts[j].sectors &&
                table->parts[j].first_sector < part->first_sector + part->sectors)
                abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct image *image = calloc(1, sizeof(*image));
    struct partition_table table;
    if (image == NULL)
        return 0;
    if (size_bytes > 0)
        memcpy(image->bytes, data, size_bytes < sizeof(image->bytes) ? size_bytes : sizeof(image->bytes));
    mend(image);
    const struct partition_disk disk = {.sectors = SECTORS_MAX, .read = read_image, .context = image};
    int status = partition_read(&disk, &table);
    if (status == 0)
        check(&table);
    else if (status != GROVE_NOT_FOUND && status != GROVE_CORRUPT)
        abort();
    free(image);
    return 0;
}
