/* What all virtio devices have in common: see virtio.h. */
#include "kernel/machine/bare/drivers/virtio.h"

#include "grove/abi/status.h"

#define STATUS_SEEN 1u
#define STATUS_DRIVER 2u
#define STATUS_READY 4u
#define STATUS_FEATURES 8u
#define STATUS_FAILED 128u
#define RESET_TRIES 1000000u
#define CONFIGURATION_TRIES 16u

static void add_status(struct virtio_device *device, uint8_t bit) {
    device->transport->write_status(device, device->transport->read_status(device) | bit);
}

static bool reset(struct virtio_device *device) {
    device->transport->write_status(device, 0);
    for (uint32_t i = 0; i < RESET_TRIES; i++)
        if (device->transport->read_status(device) == 0)
            return true;
    return false;
}

int virtio_begin(struct virtio_device *device, uint64_t wanted, uint64_t *features) {
    if (!reset(device))
        return GROVE_UNSUPPORTED;
    add_status(device, STATUS_SEEN);
    add_status(device, STATUS_DRIVER);
    uint64_t offered = device->transport->read_features(device, 0);
    offered |= (uint64_t)device->transport->read_features(device, 1) << 32;
    uint64_t agreed = offered & (wanted | VIRTIO_FEATURE_VERSION_1);
    if ((agreed & VIRTIO_FEATURE_VERSION_1) == 0)
        return GROVE_UNSUPPORTED;
    device->transport->write_features(device, 0, (uint32_t)agreed);
    device->transport->write_features(device, 1, (uint32_t)(agreed >> 32));
    add_status(device, STATUS_FEATURES);
    if ((device->transport->read_status(device) & STATUS_FEATURES) == 0)
        return GROVE_UNSUPPORTED;
    *features = agreed;
    return 0;
}

/* The largest power of two that is not larger than either. */
static uint16_t size_of(uint16_t size_max) {
    uint16_t size = VIRTQUEUE_SIZE_MAX;
    while (size > size_max)
        size /= 2;
    return size;
}

int virtio_add_queue(struct virtio_device *device, uint16_t number, struct virtqueue *queue) {
    uint64_t physical = 0;
    uint16_t size = size_of(device->transport->queue_size_max(device, number));
    if (size == 0)
        return GROVE_NOT_FOUND;
    struct virtqueue_memory *memory = device_memory_take(sizeof(*memory), &physical);
    if (memory == NULL)
        return GROVE_NO_MEMORY;
    virtqueue_init(queue, memory, size);
    device->transport->set_queue(device, number, physical, size);
    return 0;
}

void virtio_ready(struct virtio_device *device) {
    add_status(device, STATUS_READY);
}

bool virtio_end(struct virtio_device *device) {
    return reset(device);
}

void virtio_fail(struct virtio_device *device) {
    add_status(device, STATUS_FAILED);
}

void virtio_notify(struct virtio_device *device, uint16_t number, const struct virtqueue *queue) {
    if (virtqueue_wants_notice(queue))
        device->transport->notify(device, number);
}

uint64_t virtio_configuration(struct virtio_device *device, uint32_t offset, unsigned bytes) {
    uint64_t value = 0;
    for (uint32_t i = 0; i < CONFIGURATION_TRIES; i++) {
        uint32_t before = device->transport->generation(device);
        value = 0;
        for (unsigned at = 0; at < bytes; at++)
            value |= (uint64_t)device->transport->read_configuration(device, offset + at) << (8 * at);
        if (device->transport->generation(device) == before)
            break;
    }
    return value;
}
