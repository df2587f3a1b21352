/*
 * The console: a 16550 at the first serial port's usual address, until another device is chosen. Lines of several processors do not
 * mix. It works from the first instruction on and in a panic, and does nothing where there is no such port.
 */
#ifndef GROVE_X86_64_CONSOLE_H
#define GROVE_X86_64_CONSOLE_H

#include "kernel/machine/bare/drivers/console.h"

void console_init(void);
/* From now on it is console_first, with input and output by interrupt. False: there is no port, or its line is nobody's. */
bool console_use_interrupts(void);
/* The 16550, as ttyS0; NULL: it is not there, or is nobody's. */
struct console_device *console_serial(void);
/*
 * From now on the kernel speaks on another device, and that is console_first: if the command line's last `console=` is its name, or there
 * is no 16550. NULL: there is none, and nothing changes.
 */
void console_choose(const char *command_line, struct console_device *other);
/* What programs wrote goes out, before the machine stops. */
void console_flush(void);
/* `\n` goes out as `\r\n`. */
void console_write(const char *text, size_t length_bytes);
/* See kernel/machine/bare/text/format.h. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* From now on without the lock: whoever holds it may be stopped for good. */
void console_enter_panic(void);

#endif
