/*
 * Virtio devices, version 1 and later: virtio 1.2, chapters 2 to 4. How one is reached (its transport) is a table of
 * functions; what it is for is its driver's.
 */
#ifndef GROVE_BARE_VIRTIO_H
#define GROVE_BARE_VIRTIO_H

#include "kernel/machine/bare/drivers/interrupt.h"
#include "kernel/machine/bare/drivers/registers.h"
#include "kernel/machine/bare/drivers/virtqueue.h"

#define VIRTIO_KIND_BLOCK 2u
#define VIRTIO_KIND_CONSOLE 3u
#define VIRTIO_KIND_RANDOM 4u
#define VIRTIO_FEATURE_VERSION_1 (UINT64_C(1) << 32)

struct virtio_device;

struct virtio_transport {
    uint32_t (*read_features)(struct virtio_device *device, uint32_t word);
    void (*write_features)(struct virtio_device *device, uint32_t word, uint32_t bits);
    uint8_t (*read_status)(struct virtio_device *device);
    void (*write_status)(struct virtio_device *device, uint8_t status);
    /* How many entries the queue may have; 0: there is no such queue. */
    uint16_t (*queue_size_max)(struct virtio_device *device, uint16_t number);
    void (*set_queue)(struct virtio_device *device, uint16_t number, uint64_t physical, uint16_t size);
    void (*notify)(struct virtio_device *device, uint16_t number);
    uint8_t (*read_configuration)(struct virtio_device *device, uint32_t offset);
    /* A number that changes with the configuration. */
    uint32_t (*generation)(struct virtio_device *device);
    /* Called first in an interrupt: tell the device that it was heard. */
    void (*acknowledge)(struct virtio_device *device);
    /* Let it interrupt by calling this, also when its configuration changes. */
    int (*connect)(struct virtio_device *device, interrupt_handler *handler, void *context);
};

struct virtio_device {
    const struct virtio_transport *transport;
    uint32_t kind; /* VIRTIO_KIND_ */
    struct registers registers; /* MMIO: all of them; PCI: the common ones */
    /* MMIO: its interrupt line. */
    uint32_t line;
    bool is_old_line;
    /* PCI. */
    struct registers notices, configuration;
    uint32_t notice_step, notice_bytes, configuration_bytes;
    uint16_t notice_places[4]; /* by queue */
    const struct pci_access *pci;
    uint32_t pci_function;
};

/*
 * Reset the device and agree on features: those of `wanted` that it has, version 1 always. GROVE_UNSUPPORTED: it has no
 * version 1, or does not take them.
 */
int virtio_begin(struct virtio_device *device, uint64_t wanted, uint64_t *features);
/* Make its queue of that number, in memory that the device keeps. GROVE_NOT_FOUND: it has none; GROVE_NO_MEMORY. */
int virtio_add_queue(struct virtio_device *device, uint16_t number, struct virtqueue *queue);
/* It may work from now on. */
void virtio_ready(struct virtio_device *device);
/*
 * It is to forget its queues and its driver: after that it touches no memory. False: it does not answer, so what it was told of
 * stays its own.
 */
bool virtio_end(struct virtio_device *device);
/* It may not work any more: it did what none may do, or could not be set up. */
void virtio_fail(struct virtio_device *device);
/* Tell it of what was added, if it wants to be told. */
void virtio_notify(struct virtio_device *device, uint16_t number, const struct virtqueue *queue);
/* A little-endian number of its configuration, of 1, 2, 4 or 8 bytes, whole even if it changes. */
uint64_t virtio_configuration(struct virtio_device *device, uint32_t offset, unsigned bytes);

#endif
