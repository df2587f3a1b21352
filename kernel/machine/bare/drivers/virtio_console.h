/*
 * A virtio console (virtio 1.2, section 5.3): its first port, both ways, and how large the window at its other end is.
 *
 * The device's lock of console.h also guards both queues. One request is under way for output, with as much as it took of the ring;
 * for input there are always some.
 */
#ifndef GROVE_BARE_VIRTIO_CONSOLE_H
#define GROVE_BARE_VIRTIO_CONSOLE_H

#include "kernel/machine/bare/drivers/console.h"
#include "kernel/machine/bare/drivers/virtio.h"

#define VIRTIO_CONSOLE_PIECES 8u /* for input */
#define VIRTIO_CONSOLE_PIECE_BYTES 128u
#define VIRTIO_CONSOLE_OUTPUT_BYTES 2048u

/* What the device sees of the driver's memory. */
struct virtio_console_memory {
    uint8_t input[VIRTIO_CONSOLE_PIECES][VIRTIO_CONSOLE_PIECE_BYTES];
    uint8_t output[VIRTIO_CONSOLE_OUTPUT_BYTES];
};

struct virtio_console {
    struct console_device console; /* first */
    struct virtio_device device;
    struct virtqueue input, output;
    struct virtio_console_memory *memory;
    uint64_t physical; /* of `memory` */
    bool is_sending, has_size, is_ready;
    bool is_stuck; /* it was waited for in vain: not again before it took something */
};

/* Set it up, ready for input. `driver` stays where it is. Errors of virtio_begin, virtio_add_queue and its interrupt. */
int virtio_console_start(struct virtio_console *driver, const struct virtio_device *device, const char *name);
/* Called by its interrupt. */
void virtio_console_interrupt(void *driver);

#endif
