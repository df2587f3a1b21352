/* Virtio devices behind PCI: virtio 1.2, section 4.1, without its older kind. They interrupt by a message (MSI-X). */
#ifndef GROVE_BARE_VIRTIO_PCI_H
#define GROVE_BARE_VIRTIO_PCI_H

#include "kernel/machine/bare/drivers/pci.h"
#include "kernel/machine/bare/drivers/virtio.h"

/*
 * The device at that function; `access` stays where it is. GROVE_NOT_FOUND: it is none of virtio; GROVE_INVALID: what it says of itself
 * does not fit together; GROVE_UNSUPPORTED: it is of the older kind only.
 */
int virtio_pci_open(const struct pci_access *access, uint32_t function, struct virtio_device *device);

#endif
