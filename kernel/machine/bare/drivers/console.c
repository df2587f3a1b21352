/* What all consoles have in common: see console.h. */
#include "kernel/machine/bare/drivers/console.h"

_Static_assert((CONSOLE_OUTPUT_BYTES & (CONSOLE_OUTPUT_BYTES - 1)) == 0, "a remainder must go on when the count wraps");
_Static_assert((CONSOLE_INPUT_BYTES & (CONSOLE_INPUT_BYTES - 1)) == 0, "the same");

static bool push_output(struct console_device *device, uint8_t byte) {
    if (device->output_end - device->output_first == CONSOLE_OUTPUT_BYTES)
        return false;
    device->output[device->output_end++ % CONSOLE_OUTPUT_BYTES] = byte;
    return true;
}

size_t console_device_write(struct console_device *device, const uint8_t *bytes, size_t count) {
    size_t taken = 0;
    spinlock_lock(&device->lock);
    while (taken < count && push_output(device, bytes[taken]))
        taken++;
    if (taken > 0)
        device->driver->start(device);
    spinlock_unlock(&device->lock);
    return taken;
}

size_t console_device_waiting(struct console_device *device) {
    spinlock_lock(&device->lock);
    size_t waiting = device->output_end - device->output_first;
    spinlock_unlock(&device->lock);
    return waiting;
}

void console_device_flush(struct console_device *device) {
    spinlock_lock(&device->lock);
    device->output_first = device->output_end;
    wait_wake(&device->room);
    spinlock_unlock(&device->lock);
}

bool console_next(struct console_device *device, uint8_t *byte) {
    if (device->output_end == device->output_first)
        return false;
    *byte = device->output[device->output_first++ % CONSOLE_OUTPUT_BYTES];
    /* Not for each byte: whoever waits finds half of the ring empty. */
    if (device->output_end - device->output_first == CONSOLE_OUTPUT_BYTES / 2 ||
        device->output_end == device->output_first)
        wait_wake(&device->room);
    return true;
}

static void keep(struct console_device *device, const uint8_t *bytes, size_t count) {
    for (size_t i = 0; i < count; i++) {
        if (device->input_end - device->input_first == CONSOLE_INPUT_BYTES)
            device->lost++;
        else
            device->input[device->input_end++ % CONSOLE_INPUT_BYTES] = bytes[i];
    }
    wait_wake(&device->readable);
}

void console_receive(struct console_device *device, const uint8_t *bytes, size_t count) {
    spinlock_lock(&device->lock);
    void (*received)(void *context, const uint8_t *bytes, size_t count) = device->received;
    if (received == NULL)
        keep(device, bytes, count);
    spinlock_unlock(&device->lock);
    if (received != NULL)
        received(device->context, bytes, count);
}

static size_t take_input(struct console_device *device, uint8_t *bytes, size_t room) {
    size_t taken = 0;
    while (taken < room && device->input_first != device->input_end)
        bytes[taken++] = device->input[device->input_first++ % CONSOLE_INPUT_BYTES];
    return taken;
}

void console_resize(struct console_device *device, uint16_t rows, uint16_t columns) {
    spinlock_lock(&device->lock);
    if (rows != device->rows || columns != device->columns) {
        device->rows = rows;
        device->columns = columns;
        device->is_resized = true;
        wait_wake(&device->readable);
    }
    spinlock_unlock(&device->lock);
}

bool console_device_window(struct console_device *device, uint16_t *rows, uint16_t *columns) {
    spinlock_lock(&device->lock);
    bool is_resized = device->is_resized;
    device->is_resized = false;
    *rows = device->rows;
    *columns = device->columns;
    spinlock_unlock(&device->lock);
    return is_resized;
}

size_t console_device_read(struct console_device *device, uint8_t *bytes, size_t room) {
    spinlock_lock(&device->lock);
    size_t taken = take_input(device, bytes, room);
    spinlock_unlock(&device->lock);
    return taken;
}

/* What was kept is handed over before anything newer: `received` is set only when nothing is left. */
void console_device_attach(struct console_device *device,
                           void (*received)(void *context, const uint8_t *bytes, size_t count), void *context) {
    uint8_t kept[CONSOLE_INPUT_BYTES];
    size_t count;
    do {
        spinlock_lock(&device->lock);
        count = take_input(device, kept, sizeof(kept));
        if (count == 0) {
            device->context = context;
            device->received = received;
        }
        spinlock_unlock(&device->lock);
        if (count > 0)
            received(context, kept, count);
    } while (count > 0);
}

void console_device_write_now(struct console_device *device, const uint8_t *bytes, size_t count, bool is_alone) {
    uint8_t before;
    if (!is_alone)
        spinlock_lock(&device->lock);
    while (device->output_first != device->output_end) {
        before = device->output[device->output_first++ % CONSOLE_OUTPUT_BYTES];
        device->driver->put(device, before);
    }
    for (size_t i = 0; i < count; i++)
        device->driver->put(device, bytes[i]);
    if (device->driver->settle != NULL)
        device->driver->settle(device);
    if (!is_alone) {
        wait_wake(&device->room);
        spinlock_unlock(&device->lock);
    }
}
