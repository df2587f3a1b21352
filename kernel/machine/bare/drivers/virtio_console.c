/* The virtio console: see virtio_console.h. */
#include "kernel/machine/bare/drivers/virtio_console.h"

#include "grove/abi/status.h"

#include "pause.h"

#include <string.h>

#define QUEUE_INPUT 0u
#define QUEUE_OUTPUT 1u
#define FEATURE_SIZE UINT64_C(1)
#define CONFIGURATION_COLUMNS 0u
#define CONFIGURATION_ROWS 2u
#define TRIES_MAX 10000000u /* a device that never takes a byte must not stop the kernel */

static struct virtio_console *driver_of(struct console_device *device) {
    return (struct virtio_console *)device;
}

/* ---- output; the lock is held ---- */

static void hand_over(struct virtio_console *driver, uint32_t size) {
    const struct virtqueue_piece piece = {.address = driver->physical + offsetof(struct virtio_console_memory, output),
                                          .size_bytes = size};
    if (virtqueue_add(&driver->output, &piece, 1, 0, driver) != 0)
        return;
    driver->is_sending = true;
    virtio_notify(&driver->device, QUEUE_OUTPUT, &driver->output);
}

static void send(struct virtio_console *driver) {
    uint32_t size = 0;
    while (size < VIRTIO_CONSOLE_OUTPUT_BYTES && console_next(&driver->console, &driver->memory->output[size]))
        size++;
    if (size > 0)
        hand_over(driver, size);
}

/* What was handed over is through, if it is. */
static void take_sent(struct virtio_console *driver) {
    void *token;
    uint32_t written;
    int status = driver->is_sending ? virtqueue_take(&driver->output, &token, &written) : GROVE_NOT_FOUND;
    if (status == 0)
        driver->is_sending = driver->is_stuck = false;
    else if (status == GROVE_INVALID)
        virtio_fail(&driver->device);
}

static void start(struct console_device *device) {
    struct virtio_console *driver = driver_of(device);
    if (driver->is_ready && !driver->is_sending)
        send(driver);
}

static void wait_until_sent(struct virtio_console *driver) {
    uint32_t tries = driver->is_stuck ? 1 : TRIES_MAX;
    for (uint32_t i = 0; i < tries && driver->is_sending && !driver->output.is_broken; i++) {
        take_sent(driver);
        pause_processor();
    }
    driver->is_stuck = driver->is_sending;
}

static void put(struct console_device *device, uint8_t byte) {
    struct virtio_console *driver = driver_of(device);
    wait_until_sent(driver);
    if (!driver->is_ready || driver->is_sending)
        return;
    driver->memory->output[0] = byte;
    hand_over(driver, 1);
    wait_until_sent(driver);
}

static void settle(struct console_device *device) {
    wait_until_sent(driver_of(device));
}

static const struct console_driver driver_operations = {.start = start, .put = put, .settle = settle};

/* ---- input ---- */

/* The lock is held. */
static int offer(struct virtio_console *driver, uint8_t *piece) {
    const struct virtqueue_piece room = {.address = driver->physical + (uint64_t)(piece - (uint8_t *)driver->memory),
                                         .size_bytes = VIRTIO_CONSOLE_PIECE_BYTES};
    return virtqueue_add(&driver->input, &room, 0, 1, piece);
}

/* One piece of input, copied, and its memory offered again. How many bytes; negative: there is none. */
static int take_input(struct virtio_console *driver, uint8_t copy[VIRTIO_CONSOLE_PIECE_BYTES]) {
    void *token;
    uint32_t written = 0;
    spinlock_lock(&driver->console.lock);
    int status = virtqueue_take(&driver->input, &token, &written);
    if (status == 0) {
        memcpy(copy, token, written); /* the queue has checked that it is no more than was offered */
        (void)offer(driver, token);
    } else if (status == GROVE_INVALID) {
        virtio_fail(&driver->device);
    }
    spinlock_unlock(&driver->console.lock);
    return status == 0 ? (int)written : -1;
}

/* As many pieces as there are: a device that fills each again at once has to interrupt again. */
static void receive(struct virtio_console *driver) {
    uint8_t copy[VIRTIO_CONSOLE_PIECE_BYTES];
    for (uint32_t i = 0; i < VIRTIO_CONSOLE_PIECES; i++) {
        int size = take_input(driver, copy);
        if (size < 0)
            break;
        console_receive(&driver->console, copy, (size_t)size);
    }
    spinlock_lock(&driver->console.lock);
    virtio_notify(&driver->device, QUEUE_INPUT, &driver->input);
    spinlock_unlock(&driver->console.lock);
}

static void read_window(struct virtio_console *driver) {
    if (!driver->has_size)
        return;
    uint16_t rows = (uint16_t)virtio_configuration(&driver->device, CONFIGURATION_ROWS, 2);
    uint16_t columns = (uint16_t)virtio_configuration(&driver->device, CONFIGURATION_COLUMNS, 2);
    console_resize(&driver->console, rows, columns);
}

void virtio_console_interrupt(void *context) {
    struct virtio_console *driver = context;
    driver->device.transport->acknowledge(&driver->device);
    receive(driver);
    spinlock_lock(&driver->console.lock);
    take_sent(driver);
    if (!driver->is_sending && driver->is_ready)
        send(driver);
    spinlock_unlock(&driver->console.lock);
    read_window(driver);
}

/* ---- beginning ---- */

static int begin(struct virtio_console *driver) {
    uint64_t features = 0;
    int status = virtio_begin(&driver->device, FEATURE_SIZE, &features);
    driver->has_size = (features & FEATURE_SIZE) != 0;
    if (status == 0)
        status = virtio_add_queue(&driver->device, QUEUE_INPUT, &driver->input);
    if (status == 0)
        status = virtio_add_queue(&driver->device, QUEUE_OUTPUT, &driver->output);
    if (status == 0)
        status = driver->device.transport->connect(&driver->device, virtio_console_interrupt, driver);
    return status;
}

int virtio_console_start(struct virtio_console *driver, const struct virtio_device *device, const char *name) {
    *driver = (struct virtio_console){.device = *device};
    driver->console.name = name;
    driver->console.driver = &driver_operations;
    driver->memory = device_memory_take(sizeof(*driver->memory), &driver->physical);
    if (driver->memory == NULL)
        return GROVE_NO_MEMORY;
    int status = begin(driver);
    if (status < 0) {
        virtio_fail(&driver->device);
        device_memory_give_back(driver->memory);
        return status;
    }
    spinlock_lock(&driver->console.lock);
    for (uint32_t i = 0; i < VIRTIO_CONSOLE_PIECES; i++)
        (void)offer(driver, driver->memory->input[i]); /* a smaller queue has fewer */
    driver->is_ready = true;
    spinlock_unlock(&driver->console.lock);
    virtio_ready(&driver->device);
    read_window(driver);
    virtio_notify(&driver->device, QUEUE_INPUT, &driver->input);
    return 0;
}
