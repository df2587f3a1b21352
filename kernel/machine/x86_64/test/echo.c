/* The console both ways by interrupt: what is typed comes back a line at a time, until a line says `end`. See tests.h. */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/test/tests.h"

#include <string.h>

#define LINE_BYTES 128u

static uint8_t read_byte(struct console_device *device) {
    uint8_t byte;
    while (console_device_read(device, &byte, 1) == 0) {
        spinlock_lock(&device->lock);
        if (device->input_first == device->input_end)
            (void)thread_sleep(&device->readable, &device->lock, WAIT_FOREVER);
        spinlock_unlock(&device->lock);
    }
    return byte;
}

static void write_all(struct console_device *device, const uint8_t *bytes, size_t count) {
    for (size_t done = 0; done < count;) {
        size_t taken = console_device_write(device, bytes + done, count - done);
        done += taken;
        if (taken > 0)
            continue;
        spinlock_lock(&device->lock);
        if (device->output_end - device->output_first == CONSOLE_OUTPUT_BYTES)
            (void)thread_sleep(&device->room, &device->lock, WAIT_FOREVER);
        spinlock_unlock(&device->lock);
    }
}

void echo_run(void) {
    static const uint8_t before[] = {'e', 'c', 'h', 'o', ':', ' '};
    struct console_device *device = console_first();
    uint8_t line[LINE_BYTES];
    size_t length = 0;
    if (device == NULL)
        machine_exit(EXIT_FAILED);
    console_print("echo: go on\n");
    for (;;) {
        line[length++] = read_byte(device);
        if (line[length - 1] != '\n' && length < sizeof(line))
            continue;
        if (length == 4 && memcmp(line, "end\n", 4) == 0)
            machine_exit(EXIT_PASSED);
        write_all(device, before, sizeof(before));
        write_all(device, line, length);
        length = 0;
    }
}
