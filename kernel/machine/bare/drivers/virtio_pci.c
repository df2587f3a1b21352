/* Virtio over PCI: see virtio_pci.h. */
#include "kernel/machine/bare/drivers/virtio_pci.h"

#include "grove/abi/status.h"

#define VENDOR 0x1af4u
#define DEVICE_OLD_FIRST 0x1000u
#define DEVICE_FIRST 0x1040u
#define DEVICE_LAST 0x107fu

/* A capability: which registers, in which base address register, where. */
#define PART_KIND 3u
#define PART_BAR 4u
#define PART_OFFSET 8u
#define PART_SIZE 12u
#define PART_NOTICE_STEP 16u
#define KIND_COMMON 1u
#define KIND_NOTICES 2u
#define KIND_CONFIGURATION 4u
#define COMMON_BYTES 56u
#define PART_BYTES_MAX (1u << 20)
#define PARTS_MAX 16u

#define REGISTER_FEATURES_WORD 0u
#define REGISTER_FEATURES 4u
#define REGISTER_AGREED_WORD 8u
#define REGISTER_AGREED 12u
#define REGISTER_CONFIGURATION_MESSAGE 16u
#define REGISTER_STATUS 20u
#define REGISTER_GENERATION 21u
#define REGISTER_QUEUE 22u
#define REGISTER_QUEUE_SIZE 24u
#define REGISTER_QUEUE_MESSAGE 26u
#define REGISTER_QUEUE_ENABLE 28u
#define REGISTER_QUEUE_NOTICE 30u
#define REGISTER_DESCRIPTORS 32u
#define REGISTER_AVAILABLE 40u
#define REGISTER_USED 48u
#define NO_MESSAGE 0xffffu
#define QUEUES_MAX 4u /* as many places for notices are kept */

/* MSI-X: PCI 3.0, section 6.8.2. */
#define MESSAGES_CONTROL 2u
#define MESSAGES_TABLE 4u
#define MESSAGES_ON 0x8000u
#define MESSAGES_ALL_MASKED 0x4000u
#define MESSAGE_BYTES 16u

static uint32_t read_features(struct virtio_device *device, uint32_t word) {
    registers_write(&device->registers, REGISTER_FEATURES_WORD, 4, word);
    return registers_read(&device->registers, REGISTER_FEATURES, 4);
}

static void write_features(struct virtio_device *device, uint32_t word, uint32_t bits) {
    registers_write(&device->registers, REGISTER_AGREED_WORD, 4, word);
    registers_write(&device->registers, REGISTER_AGREED, 4, bits);
}

static uint8_t read_status(struct virtio_device *device) {
    return (uint8_t)registers_read(&device->registers, REGISTER_STATUS, 1);
}

static void write_status(struct virtio_device *device, uint8_t status) {
    registers_write(&device->registers, REGISTER_STATUS, 1, status);
}

static uint16_t queue_size_max(struct virtio_device *device, uint16_t number) {
    if (number >= QUEUES_MAX)
        return 0;
    registers_write(&device->registers, REGISTER_QUEUE, 2, number);
    return (uint16_t)registers_read(&device->registers, REGISTER_QUEUE_SIZE, 2);
}

static void write_address(struct virtio_device *device, uint32_t offset, uint64_t physical) {
    registers_write(&device->registers, offset, 4, (uint32_t)physical);
    registers_write(&device->registers, offset + 4, 4, (uint32_t)(physical >> 32));
}

static void set_queue(struct virtio_device *device, uint16_t number, uint64_t physical, uint16_t size) {
    registers_write(&device->registers, REGISTER_QUEUE, 2, number);
    registers_write(&device->registers, REGISTER_QUEUE_SIZE, 2, size);
    registers_write(&device->registers, REGISTER_QUEUE_MESSAGE, 2, 0);
    write_address(device, REGISTER_DESCRIPTORS, physical);
    write_address(device, REGISTER_AVAILABLE, physical + VIRTQUEUE_OFFSET_AVAILABLE);
    write_address(device, REGISTER_USED, physical + VIRTQUEUE_OFFSET_USED);
    device->notice_places[number] = (uint16_t)registers_read(&device->registers, REGISTER_QUEUE_NOTICE, 2);
    registers_write(&device->registers, REGISTER_QUEUE_ENABLE, 2, 1);
}

static void notify(struct virtio_device *device, uint16_t number) {
    uint64_t offset = (uint64_t)device->notice_places[number] * device->notice_step;
    if (offset + 2 <= device->notice_bytes)
        registers_write(&device->notices, offset, 2, number);
}

static uint8_t read_configuration(struct virtio_device *device, uint32_t offset) {
    return offset < device->configuration_bytes ? (uint8_t)registers_read(&device->configuration, offset, 1) : 0;
}

static uint32_t generation(struct virtio_device *device) {
    return registers_read(&device->registers, REGISTER_GENERATION, 1);
}

static void acknowledge(struct virtio_device *device) {
    (void)device; /* a message is heard once and for all */
}

/* `size` bytes at an offset of what a base address register names; they must lie in it. */
static int map_part(struct virtio_device *device, unsigned bar, uint32_t offset, uint32_t size,
                    struct registers *registers) {
    struct pci_range range = pci_read_bar(device->pci, device->pci_function, bar);
    if (size == 0 || size > range.size_bytes || offset > range.size_bytes - size)
        return GROVE_INVALID;
    *registers = registers_in_memory(range.address + offset, size);
    return 0;
}

static int connect(struct virtio_device *device, interrupt_handler *handler, void *context) {
    uint32_t at = pci_find_capability(device->pci, device->pci_function, PCI_CAPABILITY_MESSAGES, 0);
    struct registers table;
    struct interrupt_message message;
    if (at == 0)
        return GROVE_NOT_FOUND;
    uint32_t place = pci_read(device->pci, device->pci_function, at + MESSAGES_TABLE, 4);
    int status = map_part(device, place & 7, place & ~7u, MESSAGE_BYTES, &table);
    if (status == 0)
        status = interrupt_claim_message(handler, context, &message);
    if (status < 0)
        return status;
    registers_write(&table, 0, 4, (uint32_t)message.address);
    registers_write(&table, 4, 4, (uint32_t)(message.address >> 32));
    registers_write(&table, 8, 4, message.data);
    registers_write(&table, 12, 4, 0);
    uint32_t control = pci_read(device->pci, device->pci_function, at + MESSAGES_CONTROL, 2);
    pci_write(device->pci, device->pci_function, at + MESSAGES_CONTROL, 2,
              (control & ~MESSAGES_ALL_MASKED) | MESSAGES_ON);
    registers_write(&device->registers, REGISTER_CONFIGURATION_MESSAGE, 2, 0);
    return 0;
}

static const struct virtio_transport transport = {
    .read_features = read_features,
    .write_features = write_features,
    .read_status = read_status,
    .write_status = write_status,
    .queue_size_max = queue_size_max,
    .set_queue = set_queue,
    .notify = notify,
    .read_configuration = read_configuration,
    .generation = generation,
    .acknowledge = acknowledge,
    .connect = connect,
};

/* What one capability names. The first of each kind counts. */
static int open_part(struct virtio_device *device, uint32_t at) {
    const struct pci_access *pci = device->pci;
    uint32_t kind = pci_read(pci, device->pci_function, at + PART_KIND, 1);
    unsigned bar = pci_read(pci, device->pci_function, at + PART_BAR, 1);
    uint32_t offset = pci_read(pci, device->pci_function, at + PART_OFFSET, 4);
    uint32_t size = pci_read(pci, device->pci_function, at + PART_SIZE, 4);
    size = size < PART_BYTES_MAX ? size : PART_BYTES_MAX;
    if (kind == KIND_COMMON && device->registers.read == NULL)
        return size < COMMON_BYTES ? GROVE_INVALID : map_part(device, bar, offset, size, &device->registers);
    if (kind == KIND_NOTICES && device->notices.read == NULL) {
        device->notice_step = pci_read(pci, device->pci_function, at + PART_NOTICE_STEP, 4);
        device->notice_bytes = size;
        return map_part(device, bar, offset, size, &device->notices);
    }
    if (kind == KIND_CONFIGURATION && device->configuration.read == NULL && size > 0) {
        device->configuration_bytes = size;
        return map_part(device, bar, offset, size, &device->configuration);
    }
    return 0;
}

/* The newer kind says it in its number; one that can be both, in the subsystem's. */
static uint32_t kind_of(const struct pci_access *access, uint32_t function) {
    uint32_t number = pci_read(access, function, PCI_REGISTER_DEVICE, 2);
    if (pci_read(access, function, PCI_REGISTER_VENDOR, 2) != VENDOR || number < DEVICE_OLD_FIRST ||
        number > DEVICE_LAST)
        return 0;
    return number >= DEVICE_FIRST ? number - DEVICE_FIRST : pci_read(access, function, PCI_REGISTER_SUBSYSTEM, 2);
}

int virtio_pci_open(const struct pci_access *access, uint32_t function, struct virtio_device *device) {
    struct virtio_device found = {
        .transport = &transport, .kind = kind_of(access, function), .pci = access, .pci_function = function};
    uint32_t at = 0;
    if (found.kind == 0)
        return GROVE_NOT_FOUND;
    for (uint32_t i = 0; i < PARTS_MAX; i++) {
        at = pci_find_capability(access, function, PCI_CAPABILITY_VENDOR, at);
        int status = at != 0 ? open_part(&found, at) : 0;
        if (status < 0)
            return status;
        if (at == 0)
            break;
    }
    if (found.registers.read == NULL || found.notices.read == NULL)
        return GROVE_UNSUPPORTED;
    pci_enable(access, function);
    *device = found;
    return 0;
}
