/* PCI: see pci.h. */
#include "kernel/machine/bare/drivers/pci.h"

#define REGISTER_COMMAND 0x04u
#define REGISTER_STATE 0x06u
#define REGISTER_HEADER 0x0eu
#define REGISTER_BAR 0x10u
#define REGISTER_BUS_BEHIND 0x19u
#define REGISTER_CAPABILITIES 0x34u
#define COMMAND_MEMORY 0x2u
#define COMMAND_MASTER 0x4u
#define COMMAND_NO_LINE 0x400u
#define STATE_CAPABILITIES 0x10u
#define HEADER_MANY 0x80u
#define HEADER_BRIDGE 1u
#define BAR_PORTS 1u
#define BAR_LONG 4u
#define BAR_KIND 6u
#define DEVICES 32u
#define FUNCTIONS 8u
#define CAPABILITIES_FIRST 0x40u
#define CAPABILITIES_MAX 48u /* in 192 bytes, each of four at least */

uint32_t pci_read(const struct pci_access *access, uint32_t function, uint32_t offset, unsigned bytes) {
    uint32_t value = access->read(access->context, function, offset & ~3u) >> (8 * (offset & 3));
    return bytes == 4 ? value : value & ((1u << (8 * bytes)) - 1);
}

void pci_write(const struct pci_access *access, uint32_t function, uint32_t offset, unsigned bytes, uint32_t value) {
    unsigned shift = 8 * (offset & 3);
    uint32_t mask = (bytes == 4 ? UINT32_MAX : (1u << (8 * bytes)) - 1) << shift;
    uint32_t word = bytes == 4 ? 0 : access->read(access->context, function, offset & ~3u) & ~mask;
    access->write(access->context, function, offset & ~3u, word | (value << shift & mask));
}

static bool is_there(const struct pci_access *access, uint32_t function) {
    return pci_read(access, function, PCI_REGISTER_VENDOR, 2) != PCI_NOBODY;
}

/* Buses still to be looked at, and those that were. */
struct buses {
    bool seen[PCI_BUSES];
    uint32_t count;
    uint8_t waiting[PCI_BUSES];
};

static void add_bus(struct buses *buses, uint32_t bus) {
    if (buses->seen[bus])
        return;
    buses->seen[bus] = true;
    buses->waiting[buses->count++] = (uint8_t)bus;
}

static void scan_device(const struct pci_access *access, uint32_t first, struct buses *buses,
                        void (*found)(void *context, uint32_t function), void *context) {
    uint32_t functions = (pci_read(access, first, REGISTER_HEADER, 1) & HEADER_MANY) != 0 ? FUNCTIONS : 1;
    for (uint32_t function = first; function < first + functions; function++) {
        if (!is_there(access, function))
            continue;
        if ((pci_read(access, function, REGISTER_HEADER, 1) & ~HEADER_MANY) == HEADER_BRIDGE)
            add_bus(buses, pci_read(access, function, REGISTER_BUS_BEHIND, 1));
        found(context, function);
    }
}

void pci_scan(const struct pci_access *access, void (*found)(void *context, uint32_t function), void *context) {
    struct buses buses = {.count = 0};
    add_bus(&buses, 0);
    for (uint32_t i = 0; i < buses.count; i++) {
        for (uint32_t device = 0; device < DEVICES; device++) {
            uint32_t function = (uint32_t)buses.waiting[i] << 8 | device << 3;
            if (is_there(access, function))
                scan_device(access, function, &buses, found, context);
        }
    }
}

uint32_t pci_find_capability(const struct pci_access *access, uint32_t function, uint8_t kind, uint32_t after) {
    if ((pci_read(access, function, REGISTER_STATE, 2) & STATE_CAPABILITIES) == 0)
        return 0;
    uint32_t at = pci_read(access, function, REGISTER_CAPABILITIES, 1) & ~3u;
    bool is_behind = after == 0;
    for (uint32_t i = 0; i < CAPABILITIES_MAX && at >= CAPABILITIES_FIRST; i++) {
        if (is_behind && pci_read(access, function, at, 1) == kind)
            return at;
        is_behind = is_behind || at == after;
        at = pci_read(access, function, at + 1, 1) & ~3u;
    }
    return 0;
}

/* The register with all bits set gives back a mask of the size. */
static uint32_t read_mask(const struct pci_access *access, uint32_t function, uint32_t offset) {
    uint32_t before = pci_read(access, function, offset, 4);
    pci_write(access, function, offset, 4, UINT32_MAX);
    uint32_t mask = pci_read(access, function, offset, 4);
    pci_write(access, function, offset, 4, before);
    return mask;
}

struct pci_range pci_read_bar(const struct pci_access *access, uint32_t function, unsigned number) {
    struct pci_range range = {0};
    uint32_t offset = REGISTER_BAR + 4 * number;
    if (number >= PCI_BARS)
        return range;
    uint32_t command = pci_read(access, function, REGISTER_COMMAND, 2), low = pci_read(access, function, offset, 4);
    bool is_long = (low & BAR_KIND) == BAR_LONG && number + 1 < PCI_BARS;
    if ((low & BAR_PORTS) != 0)
        return range;
    /* It must not answer at what is written there meanwhile. */
    access->write(access->context, function, REGISTER_COMMAND, command & ~COMMAND_MEMORY);
    uint64_t mask = read_mask(access, function, offset) & ~0xfu;
    mask |= (uint64_t)(is_long ? read_mask(access, function, offset + 4) : UINT32_MAX) << 32;
    access->write(access->context, function, REGISTER_COMMAND, command);
    range.address = (low & ~0xfu) | (uint64_t)(is_long ? pci_read(access, function, offset + 4, 4) : 0) << 32;
    bool is_missing = range.address == 0 || ((uint32_t)mask == 0 && !is_long);
    range.size_bytes = is_missing ? 0 : ~mask + 1;
    return range;
}

void pci_enable(const struct pci_access *access, uint32_t function) {
    uint32_t command = pci_read(access, function, REGISTER_COMMAND, 2);
    /* The upper half of that word is cleared by ones. */
    access->write(access->context, function, REGISTER_COMMAND,
                  (command & 0xffff) | COMMAND_MEMORY | COMMAND_MASTER | COMMAND_NO_LINE);
}
