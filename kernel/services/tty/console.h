/*
 * The terminal on a console: bytes between a device (kernel/machine/bare/drivers/console.h) and a terminal.
 *
 * Output goes from the terminal's ring into the device's as far as there is room, in whatever thread made it. What comes in, and
 * output that found no room, is moved by a thread of the console's own, since terminals are not touched by interrupts: the
 * device's two queues wake it.
 */
#ifndef GROVE_TTY_CONSOLE_H
#define GROVE_TTY_CONSOLE_H

#include "kernel/machine/bare/drivers/console.h"
#include "kernel/services/tty/terminal.h"

struct tty_console {
    struct terminal terminal; /* for terminals_init */
    struct console_device *device;
    struct wait_entry room; /* on the device's queue of that name */
};

/* The device stays. -LINUX_ENOMEM. */
int tty_console_init(struct tty_console *console, const struct vfs_machine *machine,
                     const struct terminal_processes *processes, struct console_device *device);
/* Its thread no longer runs, and no file of the terminal is open. */
void tty_console_deinit(struct tty_console *console);
/* Move what can be moved, both ways, without waiting. */
void tty_console_work(struct tty_console *console);
/*
 * Move output into the device as far as there is room. True: it took some, so there may be more once that went out. For the machine's
 * end; any thread.
 */
bool tty_console_push(struct tty_console *console);
/* What its thread does, for ever: `argument` is the struct tty_console. */
void tty_console_run(void *argument);

#endif
