/* Which devices there are, and whose they are: see devices.h. */
#include "kernel/machine/x86_64/devices/devices.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/drivers/partition.h"
#include "kernel/machine/bare/drivers/virtio_block.h"
#include "kernel/machine/bare/drivers/virtio_console.h"
#include "kernel/machine/bare/drivers/virtio_mmio.h"
#include "kernel/machine/bare/drivers/virtio_pci.h"
#include "kernel/machine/x86_64/boot/start.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/devices/claims.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/module/modules.h"

#include <stddef.h>
#include <string.h>

static struct virtio_random random_driver;
static bool has_random;
static const char *const disk_names[DEVICES_DISKS_MAX] = {"vda", "vdb", "vdc", "vdd"};
static struct virtio_block *disk_drivers[DEVICES_DISKS_MAX];
static uint32_t disks;
static struct virtio_console console_driver;
static bool has_console;
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

static int start_console(const struct virtio_device *device) {
    if (has_console)
        return 0;
    int status = virtio_console_start(&console_driver, device, "hvc0");
    has_console = status == 0;
    return status;
}

struct console_device *devices_console(void) {
    return has_console ? &console_driver.console : NULL;
}

static int start_disk(const struct virtio_device *device) {
    if (disks == DEVICES_DISKS_MAX)
        return GROVE_EXHAUSTED;
    struct virtio_block *driver = memory_take(sizeof(*driver));
    if (driver == NULL)
        return GROVE_NO_MEMORY;
    int status = virtio_block_start(driver, device, disk_names[disks]);
    if (status == 0)
        disk_drivers[disks++] = driver;
    return status; /* else it keeps its memory: an interrupt may come to it still */
}

struct block_device *devices_disk(uint32_t number) {
    return number < disks ? &disk_drivers[number]->block : NULL;
}

static const struct {
    uint32_t kind;
    const char *name;
    const char *module; /* that serves it too; NULL: none */
    int (*start)(const struct virtio_device *device);
} drivers[] = {
    {VIRTIO_KIND_RANDOM, "random numbers", "virtio-rng", start_random},
    {VIRTIO_KIND_BLOCK, "disk", NULL, start_disk},
    {VIRTIO_KIND_CONSOLE, "console", NULL, start_console},
};

/* A device that a module is to have: one that the command line names, or later, with `leave=NAME`. */
static bool is_left(const char *module) {
    char left[MODULE_NAME_BYTES];
    if (module == NULL)
        return false;
    return modules_are_asked_for(module) ||
           (options_text(boot_facts.command_line, "leave", left, sizeof(left)) && strcmp(left, module) == 0);
}

static void start(const struct virtio_device *device, const char *where) {
    for (size_t i = 0; i < sizeof(drivers) / sizeof(drivers[0]); i++) {
        if (drivers[i].kind != device->kind || is_left(drivers[i].module))
            continue;
        int status = drivers[i].start(device);
        if (status < 0)
            console_print("boot: virtio %s %s does not work (status %d)\n", where, drivers[i].name, status);
        else
            console_print("boot: virtio %s: %s\n", where, drivers[i].name);
        return;
    }
    claims_offer(device);
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

/* ---- what lies on the disks ---- */

static int read_sector(void *context, uint64_t sector, uint8_t *bytes) {
    uint64_t physical = 0;
    uint8_t *page = device_memory_take(PARTITION_SECTOR_BYTES, &physical);
    struct block_request request = {.operation = BLOCK_READ, .sector = sector, .sectors = 1, .physical = physical};
    int status = page != NULL ? block_wait(context, &request) : GROVE_NO_MEMORY;
    if (status == 0)
        memcpy(bytes, page, PARTITION_SECTOR_BYTES);
    device_memory_give_back(page);
    return status;
}

static void tell_of_disk(struct block_device *disk) {
    const struct partition_disk access = {.sectors = disk->sectors, .read = read_sector, .context = disk};
    struct partition_table table;
    int status = partition_read(&access, &table);
    console_print("boot: %s: %lu sectors%s\n", disk->name, disk->sectors, disk->is_read_only ? ", read-only" : "");
    if (status < 0 && status != GROVE_NOT_FOUND)
        console_print("boot: %s: its partition table cannot be read (status %d)\n", disk->name, status);
    for (uint32_t i = 0; status == 0 && i < table.count; i++)
        console_print("boot: %s%u: sectors %lu to %lu\n", disk->name, table.parts[i].number,
                      table.parts[i].first_sector, table.parts[i].first_sector + table.parts[i].sectors - 1);
}

void devices_start(const struct acpi_machine *machine) {
    pci = pci_open(machine);
    pci_scan(pci, found_function, NULL);
    look_in_memory(machine);
    for (uint32_t i = 0; i < disks; i++)
        tell_of_disk(&disk_drivers[i]->block);
}
