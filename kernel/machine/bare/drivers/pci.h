/*
 * PCI devices and what they say of themselves: PCI Local Bus Specification 3.0, chapter 6. What a device says is input: lists
 * are followed for a bounded number of steps, and offsets stay in the configuration.
 */
#ifndef GROVE_BARE_PCI_H
#define GROVE_BARE_PCI_H

#include "kernel/machine/bare/drivers/interrupt.h"

#include <stdbool.h>
#include <stdint.h>

#define PCI_NOBODY 0xffffu /* the vendor where there is no function */
#define PCI_BUSES 256u
#define PCI_BARS 6u
#define PCI_REGISTER_VENDOR 0x00u
#define PCI_REGISTER_DEVICE 0x02u
#define PCI_REGISTER_SUBSYSTEM 0x2eu
#define PCI_CAPABILITY_VENDOR 0x09u
#define PCI_CAPABILITY_MESSAGES 0x11u /* MSI-X */

/* A function of a device: its bus, device and function in bits 8, 3 and 0. Offsets are multiples of 4. */
struct pci_access {
    uint32_t (*read)(void *context, uint32_t function, uint32_t offset);
    void (*write)(void *context, uint32_t function, uint32_t offset, uint32_t value);
    void *context;
};

struct pci_range {
    uint64_t address, size_bytes; /* physical; size 0: there is none, or it lies behind ports */
};

/* Any alignment that fits into 4 bytes. `bytes` is 1, 2 or 4. */
uint32_t pci_read(const struct pci_access *access, uint32_t function, uint32_t offset, unsigned bytes);
void pci_write(const struct pci_access *access, uint32_t function, uint32_t offset, unsigned bytes, uint32_t value);
/* Tell of each function on bus 0 and on the buses behind its bridges, each bus once. */
void pci_scan(const struct pci_access *access, void (*found)(void *context, uint32_t function), void *context);
/* The next capability of that kind behind `after` (0: from the first on); its offset, or 0. */
uint32_t pci_find_capability(const struct pci_access *access, uint32_t function, uint8_t kind, uint32_t after);
/* What a base address register names. The device may not be used meanwhile. */
struct pci_range pci_read_bar(const struct pci_access *access, uint32_t function, unsigned number);
/* Let it answer at its addresses and reach memory. */
void pci_enable(const struct pci_access *access, uint32_t function);

#endif
