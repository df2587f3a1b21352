/*
 * The parts of a disk: GUID partition table (UEFI 2.10, chapter 5) or the four entries of a master boot record and the chain
 * of extended ones. A disk's contents are input: sums are checked, entries that do not fit on the disk or lie over another
 * are left out, chains are followed for a bounded number of steps.
 */
#ifndef GROVE_BARE_PARTITION_H
#define GROVE_BARE_PARTITION_H

#include <stdbool.h>
#include <stdint.h>

#define PARTITION_SECTOR_BYTES 512u
#define PARTITIONS_MAX 16u

struct partition {
    uint32_t number; /* from 1 on, as the table counts, with gaps */
    uint64_t first_sector, sectors;
    uint8_t kind[16]; /* GUID of its kind; of a boot record, the one byte of it */
};

struct partition_table {
    bool is_guid;
    uint32_t count; /* in the order of the table; those beyond PARTITIONS_MAX are left out */
    struct partition parts[PARTITIONS_MAX];
};

struct partition_disk {
    uint64_t sectors;
    /* One sector of PARTITION_SECTOR_BYTES below `sectors`. A negative status if it cannot be read. */
    int (*read)(void *context, uint64_t sector, uint8_t *bytes);
    void *context;
};

/*
 * GROVE_NOT_FOUND: the disk has no table; GROVE_CORRUPT: it has a GUID table, of which neither copy is whole; errors of
 * `read`.
 */
int partition_read(const struct partition_disk *disk, struct partition_table *table);

#endif
