/* Virtio over registers in memory: see virtio_mmio.h. */
#include "kernel/machine/bare/drivers/virtio_mmio.h"

#include "grove/abi/status.h"

#define MAGIC 0x74726976u
#define VERSION 2u
#define REGISTER_MAGIC 0x000u
#define REGISTER_VERSION 0x004u
#define REGISTER_KIND 0x008u
#define REGISTER_FEATURES 0x010u
#define REGISTER_FEATURES_WORD 0x014u
#define REGISTER_AGREED 0x020u
#define REGISTER_AGREED_WORD 0x024u
#define REGISTER_QUEUE 0x030u
#define REGISTER_QUEUE_SIZE_MAX 0x034u
#define REGISTER_QUEUE_SIZE 0x038u
#define REGISTER_QUEUE_READY 0x044u
#define REGISTER_NOTICE 0x050u
#define REGISTER_INTERRUPT 0x060u
#define REGISTER_INTERRUPT_HEARD 0x064u
#define REGISTER_STATUS 0x070u
#define REGISTER_DESCRIPTORS 0x080u
#define REGISTER_AVAILABLE 0x090u
#define REGISTER_USED 0x0a0u
#define REGISTER_GENERATION 0x0fcu
#define CONFIGURATION 0x100u

static uint32_t read(struct virtio_device *device, uint32_t offset) {
    return registers_read(&device->registers, offset, 4);
}

static void write(struct virtio_device *device, uint32_t offset, uint32_t value) {
    registers_write(&device->registers, offset, 4, value);
}

static uint32_t read_features(struct virtio_device *device, uint32_t word) {
    write(device, REGISTER_FEATURES_WORD, word);
    return read(device, REGISTER_FEATURES);
}

static void write_features(struct virtio_device *device, uint32_t word, uint32_t bits) {
    write(device, REGISTER_AGREED_WORD, word);
    write(device, REGISTER_AGREED, bits);
}

static uint8_t read_status(struct virtio_device *device) {
    return (uint8_t)read(device, REGISTER_STATUS);
}

static void write_status(struct virtio_device *device, uint8_t status) {
    write(device, REGISTER_STATUS, status);
}

static uint16_t queue_size_max(struct virtio_device *device, uint16_t number) {
    write(device, REGISTER_QUEUE, number);
    uint32_t size = read(device, REGISTER_QUEUE_READY) != 0 ? 0 : read(device, REGISTER_QUEUE_SIZE_MAX);
    return size < UINT16_MAX ? (uint16_t)size : UINT16_MAX;
}

static void write_address(struct virtio_device *device, uint32_t offset, uint64_t physical) {
    write(device, offset, (uint32_t)physical);
    write(device, offset + 4, (uint32_t)(physical >> 32));
}

static void set_queue(struct virtio_device *device, uint16_t number, uint64_t physical, uint16_t size) {
    write(device, REGISTER_QUEUE, number);
    write(device, REGISTER_QUEUE_SIZE, size);
    write_address(device, REGISTER_DESCRIPTORS, physical);
    write_address(device, REGISTER_AVAILABLE, physical + VIRTQUEUE_OFFSET_AVAILABLE);
    write_address(device, REGISTER_USED, physical + VIRTQUEUE_OFFSET_USED);
    write(device, REGISTER_QUEUE_READY, 1);
}

static void notify(struct virtio_device *device, uint16_t number) {
    write(device, REGISTER_NOTICE, number);
}

static uint8_t read_configuration(struct virtio_device *device, uint32_t offset) {
    return (uint8_t)registers_read(&device->registers, CONFIGURATION + offset, 1);
}

static uint32_t generation(struct virtio_device *device) {
    return read(device, REGISTER_GENERATION);
}

static void acknowledge(struct virtio_device *device) {
    write(device, REGISTER_INTERRUPT_HEARD, read(device, REGISTER_INTERRUPT));
}

static int connect(struct virtio_device *device, interrupt_handler *handler, void *context) {
    return interrupt_claim_line(device->line, device->is_old_line, false, handler, context);
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

int virtio_mmio_open(const struct registers *registers, uint32_t line, bool is_old_line, struct virtio_device *device) {
    struct virtio_device found = {
        .transport = &transport, .registers = *registers, .line = line, .is_old_line = is_old_line};
    if (read(&found, REGISTER_MAGIC) != MAGIC || read(&found, REGISTER_VERSION) != VERSION)
        return GROVE_NOT_FOUND;
    found.kind = read(&found, REGISTER_KIND);
    if (found.kind == 0) /* a place where a device could be */
        return GROVE_NOT_FOUND;
    *device = found;
    return 0;
}
