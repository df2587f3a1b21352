/*
 * Fuzz target: ACPI tables. The input is a small physical memory at 0xe0000, searched for a root pointer. Sums are mended
 * before each try, or hardly any input would come past the first.
 */
#include "kernel/machine/bare/boot/acpi.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/boot/acpi_machine.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_START UINT64_C(0xe0000)

struct memory {
    uint8_t *bytes;
    size_t size_bytes;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const uint8_t *view(void *context, uint64_t address, size_t size) {
    struct memory *memory = context;
    if (address < MEMORY_START || size > memory->size_bytes || address - MEMORY_START > memory->size_bytes - size)
        return NULL;
    return memory->bytes + (address - MEMORY_START);
}

static void mend(uint8_t *bytes, size_t count, size_t at) {
    uint8_t sum = 0;
    for (size_t i = 0; i < count; i++)
        sum = (uint8_t)(sum + bytes[i]);
    bytes[at] = (uint8_t)(bytes[at] - sum);
}

/* Tables stand at multiples of 16 here; whatever names one is mended as long as it says, if that fits. */
static void mend_all(struct memory *memory) {
    for (size_t at = 0; at + 36 <= memory->size_bytes; at += 16) {
        uint8_t *bytes = memory->bytes + at;
        uint32_t size;
        memcpy(&size, bytes + 4, sizeof(size));
        if (memcmp(bytes, "RSD PTR ", 8) == 0) {
            mend(bytes, 20, 8);
            mend(bytes, 36, 32);
        } else if (size >= 36 && size <= memory->size_bytes - at) {
            static const char names[][5] = {"XSDT", "RSDT", "APIC", "FACP", "DSDT", "MCFG"};
            for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
                if (memcmp(bytes, names[i], 4) == 0)
                    mend(bytes, size, 9);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    struct memory memory = {.bytes = malloc(size_bytes > 0 ? size_bytes : 1), .size_bytes = size_bytes};
    struct physical_memory access = {.view = view, .context = &memory};
    struct acpi_processors processors;
    struct acpi_machine machine;
    if (memory.bytes == NULL)
        return 0;
    if (size_bytes > 0)
        memcpy(memory.bytes, data, size_bytes);
    mend_all(&memory);
    int status = acpi_read_processors(&access, 0, &processors);
    if (status != 0 && status != GROVE_INVALID && status != GROVE_NOT_FOUND)
        abort();
    if (status == 0 && processors.count > ACPI_PROCESSORS_MAX)
        abort();
    acpi_read_machine(&access, 0, &machine);
    if (machine.pci_ranges_count > ACPI_PCI_RANGES_MAX)
        abort();
    free(memory.bytes);
    return 0;
}
