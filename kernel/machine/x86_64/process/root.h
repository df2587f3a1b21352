/* The files that programs see: the initramfs, unpacked into memory. */
#ifndef GROVE_X86_64_ROOT_H
#define GROVE_X86_64_ROOT_H

#include "kernel/services/vfs/vfs.h"

#include <stddef.h>

/* Once, before all else here: what is there from boot to the end, whatever becomes of the files. -LINUX_ENOMEM. */
int root_prepare(void);
/*
 * Once, before the first program: *caller sees all of it, with all capabilities. -LINUX_EINVAL: the archive is damaged;
 * -LINUX_ENOMEM.
 */
int root_begin(const uint8_t *archive, size_t size_bytes, struct caller *caller);
/* No process is left: give it all back. */
void root_end(void);

#endif
