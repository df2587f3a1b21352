/* The terminal on this machine's console, and what process 1 begins with as its input and output. */
#ifndef GROVE_X86_64_TERMINAL_H
#define GROVE_X86_64_TERMINAL_H

#include "kernel/services/vfs/descriptors.h"
#include "kernel/services/vfs/vfs.h"

struct terminal;

/*
 * Once, before the first program: the terminal and its thread, which stay. It is kernel's own memory, and counts as in use from here
 * on. Nothing happens on a machine without a console. -LINUX_ENOMEM.
 */
int terminal_on_console_begin(const struct vfs_machine *machine);
/* NULL: there is none. */
struct terminal *terminal_on_console(void);
/* All that programs wrote goes out, at once. For the machine's end, and the kernel's words about it. */
void terminal_on_console_drain(void);
/* Descriptors 0, 1 and 2 of an empty table: /dev/console, or /dev/null without one. Errors of opening. */
int terminal_open_standard(const struct caller *caller, struct descriptors *descriptors);

#endif
