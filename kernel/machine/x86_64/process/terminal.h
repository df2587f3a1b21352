/* The terminals on this machine's consoles, and what process 1 begins with as its input and output. */
#ifndef GROVE_X86_64_TERMINAL_H
#define GROVE_X86_64_TERMINAL_H

#include "kernel/services/tty/files.h"
#include "kernel/services/vfs/descriptors.h"

/*
 * Once, before the first program: a terminal and its thread for each console, which stay. They are the kernel's own memory, and count as
 * in use from here on. -LINUX_ENOMEM.
 */
int console_terminals_begin(const struct vfs_machine *machine);
const struct terminal_consoles *console_terminals(void);
/* All that programs wrote goes out, at once. For the machine's end, and the kernel's words about it. */
void console_terminals_drain(void);
/* Descriptors 0, 1 and 2 of an empty table: /dev/console, or /dev/null without one. Errors of opening. */
int console_terminals_open(const struct caller *caller, struct descriptors *descriptors);

#endif
