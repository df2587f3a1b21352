/* The console's terminal: see terminal.h. */
#include "kernel/machine/x86_64/process/terminal.h"

#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/boot/start.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/services/posix/terminals.h"
#include "kernel/services/tty/console.h"
#include "kernel/services/vfs/file.h"

#define STANDARD_DESCRIPTORS 3u

static struct tty_console console;
static bool is_there;

/* A serial line does not tell how large the window at its other end is: the command line may. */
static uint16_t window_option(const char *name) {
    uint64_t value = 0;
    return options_number(boot_facts.command_line, name, &value) && value <= UINT16_MAX ? (uint16_t)value : 0;
}

int terminal_on_console_begin(const struct vfs_machine *machine) {
    struct console_device *device = console_first();
    struct thread *thread;
    if (device == NULL)
        return 0;
    int status = tty_console_init(&console, machine, &posix_terminal_processes, device);
    if (status < 0)
        return status;
    console.terminal.window = (struct linux_window){.rows = window_option("rows"), .columns = window_option("columns")};
    status = thread_create_kernel(tty_console_run, &console, &thread);
    if (status < 0) {
        tty_console_deinit(&console);
        return status;
    }
    thread_start(thread);
    is_there = true;
    return 0;
}

struct terminal *terminal_on_console(void) {
    return is_there ? &console.terminal : NULL;
}

void terminal_on_console_drain(void) {
    if (!is_there)
        return;
    do
        console_flush();
    while (tty_console_push(&console));
}

int terminal_open_standard(const struct caller *caller, struct descriptors *descriptors) {
    struct walk_path path = {.text = is_there ? "/dev/console" : "/dev/null"};
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
