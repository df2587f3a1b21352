/* The device of unpredictable bytes: see virtio_random.h. */
#include "kernel/machine/bare/drivers/virtio_random.h"

#include "grove/abi/status.h"

#include <string.h>

static void ask(struct virtio_random *driver) {
    const struct virtqueue_piece piece = {.address = driver->physical, .size_bytes = VIRTIO_RANDOM_BYTES};
    if (driver->queue.free_count == driver->queue.size && virtqueue_add(&driver->queue, &piece, 0, 1, driver) == 0)
        virtio_notify(&driver->device, 0, &driver->queue);
}

void virtio_random_ask(struct virtio_random *driver) {
    spinlock_lock(&driver->lock);
    ask(driver);
    spinlock_unlock(&driver->lock);
}

/*
 * The device is trusted with what it gives, as it could read all memory anyway, but not with how much: the queue has checked
 * that. What it wrote is copied first, and cleared.
 */
void virtio_random_interrupt(void *context) {
    struct virtio_random *driver = context;
    uint8_t copy[VIRTIO_RANDOM_BYTES];
    void *token;
    uint32_t written = 0;
    driver->device.transport->acknowledge(&driver->device);
    spinlock_lock(&driver->lock);
    int status = virtqueue_take(&driver->queue, &token, &written);
    if (status == 0) {
        memcpy(copy, driver->bytes, written);
        memset(driver->bytes, 0, VIRTIO_RANDOM_BYTES);
    } else if (status == GROVE_INVALID) {
        virtio_fail(&driver->device);
    }
    spinlock_unlock(&driver->lock);
    if (status < 0 || written == 0)
        return;
    random_mix(driver->pool, copy, written, written * 8);
    __atomic_fetch_add(&driver->mixed, written, __ATOMIC_RELAXED);
}

int virtio_random_start(struct virtio_random *driver, const struct virtio_device *device, struct random_pool *pool) {
    uint64_t features;
    *driver = (struct virtio_random){.device = *device, .pool = pool};
    driver->bytes = device_memory_take(VIRTIO_RANDOM_BYTES, &driver->physical);
    if (driver->bytes == NULL)
        return GROVE_NO_MEMORY;
    int status = virtio_begin(&driver->device, 0, &features);
    if (status == 0)
        status = driver->device.transport->connect(&driver->device, virtio_random_interrupt, driver);
    if (status == 0)
        status = virtio_add_queue(&driver->device, 0, &driver->queue);
    if (status < 0) {
        virtio_fail(&driver->device);
        device_memory_give_back(driver->bytes);
        return status;
    }
    virtio_ready(&driver->device);
    virtio_random_ask(driver);
    return 0;
}

bool virtio_random_stop(struct virtio_random *driver) {
    if (!virtio_end(&driver->device))
        return false;
    device_memory_give_back((uint8_t *)driver->queue.memory);
    device_memory_give_back(driver->bytes);
    return true;
}
