/*
 * The record of what runs: enough for the next kernel to end it. See recovery.c.
 */
#ifndef GROVE_LINUX_RECOVERY_H
#define GROVE_LINUX_RECOVERY_H

#include "kernel/machine/linux/linux.h"

/* An instance was cloned; it has ended. Cheap: one store into mapped memory. Nothing before recovery_run. */
void recovery_note(machine_container container, pid_t process);
void recovery_forget(machine_container container);
/* An orderly end: nothing is left, and nothing is to be found. */
void recovery_close(void);

#endif
