/* Virtio devices whose registers lie in memory: virtio 1.2, section 4.2. */
#ifndef GROVE_BARE_VIRTIO_MMIO_H
#define GROVE_BARE_VIRTIO_MMIO_H

#include "kernel/machine/bare/drivers/virtio.h"

#define VIRTIO_MMIO_BYTES 512u

/*
 * A device behind these registers, which interrupts by that line (see interrupt_claim_line). GROVE_NOT_FOUND: there is none, or
 * one of version 0.
 */
int virtio_mmio_open(const struct registers *registers, uint32_t line, bool is_old_line, struct virtio_device *device);

#endif
