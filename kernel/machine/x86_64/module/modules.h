/* Modules on this machine: their memory, what they may use, and those that the boot loader's command line names. */
#ifndef GROVE_X86_64_MODULES_H
#define GROVE_X86_64_MODULES_H

#include "kernel/machine/bare/module/module.h"
#include "kernel/services/vfs/vfs.h"

/* Does `modules=` of the command line name it? Then a driver in the image leaves its device to it. */
bool modules_are_asked_for(const char *name);
/* Load what `modules=a,b` names, from /lib/modules/NAME.ko; what cannot be loaded is told, and boot goes on. */
void modules_load_asked_for(const struct caller *caller);
/* Take out all that are there, before the kernel looks whether all memory came back. */
void modules_end(void);

#endif
