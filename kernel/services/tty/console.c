/* The terminal on a console: see console.h. */
#include "kernel/services/tty/console.h"

#include "kernel/core/list.h"

#define STEP 64u

static struct tty_console *console_of(struct terminal *terminal) {
    return list_item(terminal, struct tty_console, terminal);
}

/* With the terminal's lock held: what the device has room for. */
static void put_out(struct terminal *terminal) {
    struct console_device *device = console_of(terminal)->device;
    const uint8_t *bytes;
    size_t size, taken = 1;
    while (taken > 0 && (size = terminal_peek(terminal, &bytes)) > 0) {
        taken = console_device_write(device, bytes, size);
        terminal->output_read += (uint32_t)taken; /* whoever called wakes those who wait for room */
    }
}

static const struct terminal_line line = {.changed = put_out};

/* The device has room again: its thread is one of those who wait for input. */
static void wake_reader(struct wait_entry *entry) {
    wait_wake(&list_item(entry, struct tty_console, room)->device->readable);
}

int tty_console_init(struct tty_console *console, const struct vfs_machine *machine,
                     const struct terminal_processes *processes, struct console_device *device) {
    int status = terminal_init(&console->terminal, machine, processes, &line);
    if (status != 0)
        return status;
    console->device = device;
    console->room = (struct wait_entry){.woken = wake_reader};
    wait_add(&device->room, &console->room);
    return 0;
}

void tty_console_deinit(struct tty_console *console) {
    wait_remove(&console->room);
    terminal_deinit(&console->terminal);
}

/* Bytes for which the terminal has no room are lost, as on every line without flow control. */
void tty_console_work(struct tty_console *console) {
    struct terminal *terminal = &console->terminal;
    uint8_t bytes[STEP];
    size_t size;
    do {
        size = console_device_read(console->device, bytes, sizeof(bytes));
        terminal_lock(terminal);
        if (size > 0)
            (void)terminal_receive(terminal, bytes, size);
        else
            terminal_wake(terminal); /* also puts out what waits */
        terminal_unlock(terminal);
    } while (size > 0);
}

bool tty_console_push(struct tty_console *console) {
    struct terminal *terminal = &console->terminal;
    terminal_lock(terminal);
    uint32_t before = terminal->output_read;
    terminal_wake(terminal);
    bool has_moved = terminal->output_read != before;
    terminal_unlock(terminal);
    return has_moved;
}

static bool has_work(struct tty_console *console) {
    const struct console_device *device = console->device;
    const struct terminal *terminal = &console->terminal;
    bool has_room = device->output_end - device->output_first < CONSOLE_OUTPUT_BYTES;
    bool has_output = __atomic_load_n(&terminal->output_read, __ATOMIC_RELAXED) !=
                      __atomic_load_n(&terminal->output_written, __ATOMIC_RELAXED);
    return device->input_first != device->input_end || (has_room && has_output);
}

void tty_console_run(void *argument) {
    struct tty_console *console = argument;
    struct console_device *device = console->device;
    const struct vfs_machine *machine = console->terminal.machine;
    for (;;) {
        tty_console_work(console);
        spinlock_lock(&device->lock);
        while (!has_work(console))
            (void)machine->sleep(machine->context, &device->readable, &device->lock);
        spinlock_unlock(&device->lock);
    }
}
