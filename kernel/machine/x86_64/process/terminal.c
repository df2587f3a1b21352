/* The consoles' terminals: see terminal.h. */
#include "kernel/machine/x86_64/process/terminal.h"

#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/boot/start.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/devices/devices.h"
#include "kernel/services/posix/terminals.h"
#include "kernel/services/tty/console.h"
#include "kernel/services/vfs/file.h"

#define STANDARD_DESCRIPTORS 3u

static struct tty_console serial, virtual_console;
static struct terminal_consoles consoles;

/* A serial line does not tell how large the window at its other end is: the command line may. */
static uint16_t window_option(const char *name) {
    uint64_t value = 0;
    return options_number(boot_facts.command_line, name, &value) && value <= UINT16_MAX ? (uint16_t)value : 0;
}

static int begin(struct tty_console *console, const struct vfs_machine *machine, struct console_device *device,
                 struct terminal **terminal) {
    struct thread *thread;
    if (device == NULL)
        return 0;
    int status = tty_console_init(console, machine, &posix_terminal_processes, device);
    if (status < 0)
        return status;
    console->terminal.window =
        (struct linux_window){.rows = window_option("rows"), .columns = window_option("columns")};
    status = thread_create_kernel(tty_console_run, console, &thread);
    if (status < 0) {
        tty_console_deinit(console);
        return status;
    }
    thread_start(thread);
    *terminal = &console->terminal;
    return 0;
}

int console_terminals_begin(const struct vfs_machine *machine) {
    int status = begin(&serial, machine, console_serial(), &consoles.serial);
    if (status == 0)
        status = begin(&virtual_console, machine, devices_console(), &consoles.virtual_console);
    consoles.console = console_first() == console_serial() ? consoles.serial : consoles.virtual_console;
    return status;
}

const struct terminal_consoles *console_terminals(void) {
    return &consoles;
}

static void drain(struct tty_console *console) {
    do
        console_device_write_now(console->device, NULL, 0, false);
    while (tty_console_push(console));
}

void console_terminals_drain(void) {
    if (consoles.serial != NULL)
        drain(&serial);
    if (consoles.virtual_console != NULL)
        drain(&virtual_console);
}

int console_terminals_open(const struct caller *caller, struct descriptors *descriptors) {
    struct walk_path path = {.text = consoles.console != NULL ? "/dev/console" : "/dev/null"};
    struct open_file *file;
    uint32_t number;
    int status = file_open(caller, &path, LINUX_O_RDWR | LINUX_O_LARGEFILE, 0, &file);
    if (status < 0)
        return status;
    for (uint32_t i = 0; i < STANDARD_DESCRIPTORS && status == 0; i++) {
        file_ref(file);
        status = descriptors_add(descriptors, file, 0, false, &number);
        if (status < 0)
            file_unref(file);
    }
    file_unref(file);
    return status;
}
