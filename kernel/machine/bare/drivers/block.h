/*
 * Disks: requests for whole sectors, which are answered later, in any order.
 */
#ifndef GROVE_BARE_BLOCK_H
#define GROVE_BARE_BLOCK_H

#include "kernel/machine/bare/spinlock.h"
#include "kernel/machine/bare/wait/wait.h"

#include <stdbool.h>
#include <stdint.h>

#define BLOCK_SECTOR_BYTES 512u
#define BLOCK_SECTORS_MAX 2048u /* in one request */

enum block_operation { BLOCK_READ, BLOCK_WRITE, BLOCK_FLUSH };

struct block_request {
    enum block_operation operation;
    uint64_t sector;
    uint32_t sectors;
    uint64_t physical; /* of memory that lies in one piece; see device_memory_take */
    /* Called once, from an interrupt or from block_submit itself: 0, GROVE_IO. The request is the caller's again then. */
    void (*done)(struct block_request *request, int status);
    struct block_request *next; /* the driver's */
};

struct block_device {
    const char *name;
    uint64_t sectors;
    bool is_read_only;
    void (*submit)(struct block_device *device, struct block_request *request); /* the driver's: see block_submit */
};

/*
 * Hand a request over. Any context. GROVE_INVALID: it does not lie on the disk, or is none; GROVE_READ_ONLY. `done` is not called
 * then. What was written before a flush was submitted, and was done, is kept by the disk once the flush is done.
 */
int block_submit(struct block_device *device, struct block_request *request);
/* The same, and sleep until it is done. `request->done` is set here. Errors of both. */
int block_wait(struct block_device *device, struct block_request *request);

#endif
