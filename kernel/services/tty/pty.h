/* Pseudo-terminals: a terminal whose other end is a file too, the master. pty(7). See files.h. */
#ifndef GROVE_TTY_PTY_H
#define GROVE_TTY_PTY_H

#include "kernel/services/tty/files.h"

/* The pair of a number, held once more, or NULL; the same for the pair that a terminal is of. */
struct pty *pty_find(struct terminals *terminals, uint32_t number);
struct pty *pty_find_terminal(struct terminals *terminals, const struct terminal *terminal);
/* A new pair: `file` becomes its master. -LINUX_ENOSPC: PTYS_MAX are there; -LINUX_ENOMEM. */
int pty_open_master(struct open_file *file, struct terminals *terminals);

#endif
