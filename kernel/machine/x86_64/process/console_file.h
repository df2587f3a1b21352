/* What process 1 begins with as its input and output. */
#ifndef GROVE_X86_64_CONSOLE_FILE_H
#define GROVE_X86_64_CONSOLE_FILE_H

#include "kernel/services/vfs/descriptors.h"

/* Descriptors 0, 1 and 2 of an empty table: the console is written, and has nothing to read. -LINUX_ENOMEM. */
int console_file_open(struct vfs *vfs, struct descriptors *descriptors);

#endif
