/* The devices of the machine: looked for once, and given to their drivers. */
#ifndef GROVE_X86_64_DEVICES_H
#define GROVE_X86_64_DEVICES_H

#include "kernel/machine/bare/boot/acpi_machine.h"
#include "kernel/machine/bare/drivers/block.h"
#include "kernel/machine/bare/drivers/console.h"
#include "kernel/machine/bare/drivers/pci.h"
#include "kernel/machine/bare/drivers/virtio_random.h"

/* Look on PCI and for virtio devices in memory; says what it found. `machine` stays. By the first thread, once. */
void devices_start(const struct acpi_machine *machine);

#define DEVICES_DISKS_MAX 4u

/* A disk, by its number from 0 on; NULL if there is none. */
struct block_device *devices_disk(uint32_t number);
/* The first virtio console, which is called hvc0; NULL if there is none. */
struct console_device *devices_console(void);
/* The device of random numbers; NULL if there is none. */
struct virtio_random *devices_random(void);

/*
 * PCI's configuration: in memory where the firmware says where that is, else behind two ports. Maps what it needs of it, for
 * good. Only before there is more than one who looks.
 */
const struct pci_access *pci_open(const struct acpi_machine *machine);

#endif
