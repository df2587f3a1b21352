/* Which devices there are, and whose they are: see devices.h. */
#include "kernel/machine/x86_64/devices/devices.h"

#include "kernel/machine/bare/drivers/virtio_mmio.h"
#include "kernel/machine/bare/drivers/virtio_pci.h"
#include "kernel/machine/x86_64/console/console.h"

#include <stddef.h>

static struct virtio_random random_driver;
static bool has_random;
static const struct pci_access *pci;

static int start_random(const struct virtio_device *device) {
    if (has_random) /* one is enough */
        return 0;
    int status = virtio_random_start(&random_driver, device, &random_kernel);
    has_random = status == 0;
    return status;
}

struct virtio_random *devices_random(void) {
    return has_random ? &random_driver : NULL;
}

static const struct {
    uint32_t kind;
    const char *name;
    int (*start)(const struct virtio_device *device);
} drivers[] = {
    {VIRTIO_KIND_RANDOM, "random numbers", start_random},
};

static void start(const struct virtio_device *device, const char *where) {
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (drivers[i].kind != device->kind)
            continue;
        int status = drivers[i].start(device);
        if (status < 0)
            console_print("boot: virtio %s %s does not work (status %d)\n", where, drivers[i].name, status);
        else
            console_print("boot: virtio %s: %s\n", where, drivers[i].name);
    }
}

static void found_function(void *context, uint32_t function) {
    struct virtio_device device;
    (void)context;
    if (virtio_pci_open(pci, function, &device) == 0)
        start(&device, "by PCI");
}

static void look_in_memory(const struct acpi_machine *machine) {
    for (uint32_t i = 0; i < machine->virtio_count; i++) {
        struct virtio_device device;
        if (machine->virtio[i].size_bytes < VIRTIO_MMIO_BYTES)
            continue;
        struct registers registers = registers_in_memory(machine->virtio[i].address, VIRTIO_MMIO_BYTES);
        if (virtio_mmio_open(&registers, machine->virtio[i].line, false, &device) == 0)
            start(&device, "in memory");
    }
}

void devices_start(const struct acpi_machine *machine) {
    pci = pci_open(machine);
    pci_scan(pci, found_function, NULL);
    look_in_memory(machine);
}
