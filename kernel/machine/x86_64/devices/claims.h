/*
 * Virtio devices that no driver in the image took: modules take them, and give them back when they go.
 *
 * A device's interrupt is connected once and for good, to a function here that calls whoever has the device; so the interrupt of a
 * driver that went calls nobody.
 */
#ifndef GROVE_X86_64_CLAIMS_H
#define GROVE_X86_64_CLAIMS_H

#include "kernel/machine/bare/drivers/virtio.h"

#define CLAIMS_MAX 8u

/* Keep a device that was found for whoever asks. Nothing if there are CLAIMS_MAX. */
void claims_offer(const struct virtio_device *device);
/* The first free device of this kind, whose `connect` may be called as any; NULL: there is none. */
const struct virtio_device *claims_take(uint32_t kind);
/* Its interrupt calls nobody any more, and is not calling. */
void claims_disconnect(const struct virtio_device *device);
/* Others may have it: disconnected, and reset. */
void claims_give_back(const struct virtio_device *device);

#endif
