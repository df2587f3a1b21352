/*
 * How a machine is switched off and reset, whether it has the PC's clock, where PCI's configuration lies, and which virtio
 * devices lie in memory: the fixed table (FADT), the machine's byte code (DSDT), which is searched and never run, and MCFG.
 * ACPI 6.5, sections 4.8.3, 4.8.4 and 5.2.9; PCI Firmware Specification 3.3, section 4.1.2. What is
 * true of all tables stands in acpi_tables.h.
 */
#ifndef GROVE_BARE_ACPI_MACHINE_H
#define GROVE_BARE_ACPI_MACHINE_H

#include "kernel/machine/bare/boot/physical.h"

#include <stdbool.h>
#include <stdint.h>

#define ACPI_PCI_RANGES_MAX 8u
#define ACPI_VIRTIO_MAX 32u

enum acpi_space { ACPI_SPACE_MEMORY = 0, ACPI_SPACE_PORTS = 1 };

struct acpi_register {
    uint8_t space; /* enum acpi_space */
    uint64_t address; /* 0: there is none */
};

/* One byte or word that is written to one register. */
struct acpi_command {
    struct acpi_register target;
    uint16_t value;
    bool is_byte; /* else 16 bits */
};

/* Configuration of PCI devices: 4 KiB for each function, by bus, device and function. */
struct acpi_pci_range {
    uint64_t address; /* physical, of bus 0, whether that is in the range or not */
    uint16_t segment;
    uint8_t first_bus, last_bus;
};

/* Registers of a virtio device, and the line by which it interrupts, at edges. */
struct acpi_virtio {
    uint32_t address, size_bytes, line;
};

struct acpi_machine {
    struct acpi_command reset; /* its target's address is 0 where the machine tells none */
    struct acpi_command power_off[2]; /* the same; the second register exists on few machines */
    bool has_no_cmos_clock; /* it says so itself */
    uint8_t century_register; /* of the CMOS clock; 0 for none */
    uint32_t pci_ranges_count;
    struct acpi_pci_range pci_ranges[ACPI_PCI_RANGES_MAX];
    uint32_t virtio_count;
    struct acpi_virtio virtio[ACPI_VIRTIO_MAX];
};

/* What is not there or damaged is left empty: all of it where there are no tables. `root_pointer` as in acpi_find_table. */
void acpi_read_machine(const struct physical_memory *memory, uint64_t root_pointer, struct acpi_machine *machine);

#endif
