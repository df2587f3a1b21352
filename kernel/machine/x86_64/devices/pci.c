/* PCI's configuration on a PC: see devices.h. */
#include "kernel/machine/bare/spinlock.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/devices/devices.h"
#include "kernel/machine/x86_64/mm/memory.h"

#define PORT_ADDRESS 0xcf8u
#define PORT_DATA 0xcfcu
#define ADDRESS_ENABLE 0x80000000u
#define CONFIGURATION_BYTES 256u /* the part that every device has */
#define FUNCTION_SHIFT 12u /* 4 KiB for each */
#define BUS_BYTES (UINT64_C(1) << 20)
#define BUS_FUNCTIONS 256u

static const struct acpi_pci_range *range; /* NULL: behind ports */
static volatile uint8_t *buses[PCI_BUSES]; /* mapped when first asked */
static struct spinlock port_lock;

static volatile uint32_t *place(uint32_t function, uint32_t offset) {
    uint32_t bus = function / BUS_FUNCTIONS;
    if (bus < range->first_bus || bus > range->last_bus)
        return NULL;
    if (buses[bus] == NULL)
        buses[bus] = memory_map_device(range->address + bus * BUS_BYTES, BUS_BYTES);
    uint64_t at = (uint64_t)(function % BUS_FUNCTIONS) << FUNCTION_SHIFT | offset;
    return (volatile uint32_t *)(volatile void *)(buses[bus] + at);
}

static uint32_t read_memory(void *context, uint32_t function, uint32_t offset) {
    (void)context;
    volatile uint32_t *at = place(function, offset);
    return at != NULL && offset < CONFIGURATION_BYTES ? *at : UINT32_MAX;
}

static void write_memory(void *context, uint32_t function, uint32_t offset, uint32_t value) {
    (void)context;
    volatile uint32_t *at = place(function, offset);
    if (at != NULL && offset < CONFIGURATION_BYTES)
        *at = value;
}

static uint32_t read_ports(void *context, uint32_t function, uint32_t offset) {
    (void)context;
    spinlock_lock(&port_lock);
    out32(PORT_ADDRESS, ADDRESS_ENABLE | function << 8 | (offset & 0xfc));
    uint32_t value = in32(PORT_DATA);
    spinlock_unlock(&port_lock);
    return value;
}

static void write_ports(void *context, uint32_t function, uint32_t offset, uint32_t value) {
    (void)context;
    spinlock_lock(&port_lock);
    out32(PORT_ADDRESS, ADDRESS_ENABLE | function << 8 | (offset & 0xfc));
    out32(PORT_DATA, value);
    spinlock_unlock(&port_lock);
}

const struct pci_access *pci_open(const struct acpi_machine *machine) {
    static const struct pci_access in_memory = {.read = read_memory, .write = write_memory};
    static const struct pci_access behind_ports = {.read = read_ports, .write = write_ports};
    for (uint32_t i = 0; i < machine->pci_ranges_count; i++)
        if (machine->pci_ranges[i].segment == 0 && machine->pci_ranges[i].first_bus == 0)
            range = &machine->pci_ranges[i];
    return range != NULL ? &in_memory : &behind_ports;
}
