/* What can only be tested with the machine's devices: see tests.h. */
#include "kernel/machine/bare/drivers/registers.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/devices/devices.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/time/clock.h"

#include <string.h>

#define DEADLINE_NS UINT64_C(30000000000)

/* The device answers each time it is asked, by an interrupt; without one the processor's instruction has to do. */
const char *self_test_random(void) {
    struct virtio_random *device = devices_random();
    uint8_t first[64], second[64];
    for (unsigned i = 0; i < 4 && device != NULL; i++) {
        uint64_t before = __atomic_load_n(&device->mixed, __ATOMIC_RELAXED), end = clock_now_ns() + DEADLINE_NS;
        virtio_random_ask(device);
        while (__atomic_load_n(&device->mixed, __ATOMIC_RELAXED) == before)
            if (clock_now_ns() > end)
                return "the device of random numbers does not answer";
    }
    if ((device != NULL || processor_features.has_random) && !random_is_ready(&random_kernel))
        return "there are no random numbers";
    random_fill(&random_kernel, first, sizeof(first));
    random_fill(&random_kernel, second, sizeof(second));
    return memcmp(first, second, sizeof(first)) == 0 ? "random numbers come twice" : NULL;
}

/* ---- disks ---- */

#define PERMISSION "grove: may be written over"
#define PIECE_SECTORS UINT64_C(8) /* one page */
#define PIECE_BYTES (PIECE_SECTORS * BLOCK_SECTOR_BYTES)
#define FIRST_SECTOR 64u
#define PIECES UINT64_C(24)

static int transfer(struct block_device *disk, enum block_operation operation, uint64_t sector, uint32_t sectors,
                    uint64_t physical) {
    struct block_request request = {.operation = operation, .sector = sector, .sectors = sectors, .physical = physical};
    return block_wait(disk, &request);
}

static uint8_t pattern(uint64_t piece, uint32_t at) {
    return (uint8_t)(piece * 37 + UINT64_C(11) * at + (at >> 8));
}

static const char *write_and_read(struct block_device *disk, uint8_t *page, uint64_t physical) {
    for (uint64_t piece = 0; piece < PIECES; piece++) {
        for (uint32_t at = 0; at < PIECE_BYTES; at++)
            page[at] = pattern(piece, at);
        if (transfer(disk, BLOCK_WRITE, FIRST_SECTOR + piece * PIECE_SECTORS, PIECE_SECTORS, physical) < 0)
            return "a disk cannot be written";
    }
    if (transfer(disk, BLOCK_FLUSH, 0, 0, 0) < 0)
        return "a disk cannot be flushed";
    for (uint64_t piece = PIECES; piece-- > 0;) {
        memset(page, 0, PIECE_BYTES);
        if (transfer(disk, BLOCK_READ, FIRST_SECTOR + piece * PIECE_SECTORS, PIECE_SECTORS, physical) < 0)
            return "a disk cannot be read";
        for (uint32_t at = 0; at < PIECE_BYTES; at++)
            if (page[at] != pattern(piece, at))
                return "a disk does not keep what was written";
    }
    return NULL;
}

/* Only a disk that says in its first sector that it may be written is. */
const char *self_test_disk(void) {
    struct block_device *disk = devices_disk(0);
    uint64_t physical = 0;
    if (disk == NULL || disk->sectors < FIRST_SECTOR + PIECES * PIECE_SECTORS)
        return NULL;
    uint8_t *page = device_memory_take(PIECE_BYTES, &physical);
    if (page == NULL)
        return "there is no memory";
    const char *fault = transfer(disk, BLOCK_READ, 0, 1, physical) < 0 ? "a disk cannot be read" : NULL;
    if (fault == NULL && memcmp(page, PERMISSION, sizeof(PERMISSION) - 1) == 0)
        fault = write_and_read(disk, page, physical);
    device_memory_give_back(page);
    return fault;
}
