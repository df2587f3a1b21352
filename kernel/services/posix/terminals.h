/* Terminals of processes: what kernel/services/tty needs of kernel/services/posix. */
#ifndef GROVE_POSIX_TERMINALS_H
#define GROVE_POSIX_TERMINALS_H

#include "kernel/services/tty/files.h"

/*
 * Before the file system of devices is made: the devices of terminals, and the kind of file system "devpts". `consoles` may be
 * NULL; see terminals_init. -LINUX_ENOMEM, EEXIST.
 */
int posix_terminals_begin(struct vfs *vfs, const struct terminal_consoles *consoles);
/* All processes are gone. */
void posix_terminals_end(void);
/* For whoever makes the console's terminal before that. */
extern const struct terminal_processes posix_terminal_processes;

#endif
