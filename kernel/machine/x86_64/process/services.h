/*
 * Services on this machine: the kernel core at work (kernel/services/containers), its thread, and the socket at which shells
 * find it. Init is started from its compiled spec; it starts the rest.
 */
#ifndef GROVE_X86_64_SERVICES_H
#define GROVE_X86_64_SERVICES_H

#include "kernel/services/vfs/vfs.h"

#include <stdbool.h>

/*
 * Once, after processes_init: from here on shells connect to /run/grove/kernel.sock, until the end
 * of all services, which whoever connects to /run/grove/kernel.stop asks for. An error of Linux, negative.
 */
int services_begin(const struct caller *caller);
/* Start init from the spec at `path`. False, and it was said why on the console. */
bool services_boot(const char *path);
/* All services are asked to stop, and ended if they do not; then nothing of them is left. */
void services_end(void);
/* Until somebody asked for the end of all of them, and there are none any more; services_end must still be called. */
void services_wait(void);

#endif
