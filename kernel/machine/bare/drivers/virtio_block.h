/* Virtio's disk: virtio 1.2, section 5.2. */
#ifndef GROVE_BARE_VIRTIO_BLOCK_H
#define GROVE_BARE_VIRTIO_BLOCK_H

#include "kernel/machine/bare/drivers/block.h"
#include "kernel/machine/bare/drivers/virtio.h"

#define VIRTIO_BLOCK_PIECES 3u /* of a request: what is wanted, the sectors, how it went */
#define VIRTIO_BLOCK_REQUESTS_MAX (VIRTQUEUE_SIZE_MAX / VIRTIO_BLOCK_PIECES)

/* What the device reads and writes of a request, beside its sectors. */
struct virtio_block_header {
    uint32_t kind, reserved;
    uint64_t sector;
    uint8_t result;
    uint8_t unused[15];
};

struct virtio_block_slot {
    struct virtio_block_slot *next; /* free ones */
    struct block_request *request; /* NULL: free */
    uint32_t number; /* of its header */
};

struct virtio_block {
    struct block_device block; /* first */
    struct virtio_device device;
    struct spinlock lock; /* of all that follows */
    struct virtqueue queue;
    bool can_flush, is_broken;
    struct virtio_block_header *headers; /* seen by the device */
    uint64_t headers_physical;
    struct virtio_block_slot slots[VIRTIO_BLOCK_REQUESTS_MAX], *free;
    struct block_request *first_waiting, *last_waiting; /* for room in the queue */
};

/* Set it up. `driver` stays where it is, and so does `name`. Errors of virtio_begin, virtio_add_queue and its interrupt. */
int virtio_block_start(struct virtio_block *driver, const struct virtio_device *device, const char *name);
/* Called by its interrupt. */
void virtio_block_interrupt(void *driver);

#endif
