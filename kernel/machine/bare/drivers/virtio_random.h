/* A device that gives unpredictable bytes (virtio 1.2, section 5.4), into the kernel's pool of them. */
#ifndef GROVE_BARE_VIRTIO_RANDOM_H
#define GROVE_BARE_VIRTIO_RANDOM_H

#include "kernel/machine/bare/drivers/virtio.h"
#include "kernel/machine/bare/random/random.h"

#define VIRTIO_RANDOM_BYTES 64u

struct virtio_random {
    struct virtio_device device;
    struct spinlock lock; /* of the queue */
    struct virtqueue queue;
    struct random_pool *pool;
    uint8_t *bytes; /* where the device writes */
    uint64_t physical;
    uint64_t mixed; /* bytes that came, so far: atomic */
};

/* Set it up and ask for bytes, once. `driver` stays where it is. Errors of virtio_begin, virtio_add_queue and its interrupt. */
int virtio_random_start(struct virtio_random *driver, const struct virtio_device *device, struct random_pool *pool);
/* Ask for VIRTIO_RANDOM_BYTES more; nothing while it is asked already. Any context. */
void virtio_random_ask(struct virtio_random *driver);
/*
 * No more bytes. Its interrupt is not called any more, and not being called. False: the device does not let go of its memory,
 * which stays taken.
 */
bool virtio_random_stop(struct virtio_random *driver);
/* Called by its interrupt. */
void virtio_random_interrupt(void *driver);

#endif
