/*
 * The console: a 16550 at the first serial port's usual address. Lines of several processors do not mix. It works from
 * the first instruction on and in a panic, and does nothing where there is no such port.
 */
#ifndef GROVE_X86_64_CONSOLE_H
#define GROVE_X86_64_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

void console_init(void);
/* `\n` goes out as `\r\n`. */
void console_write(const char *text, size_t length_bytes);
/* See kernel/machine/bare/text/format.h. */
void console_print(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* From now on without the lock: whoever holds it may be stopped for good. */
void console_enter_panic(void);

#endif
