/*
 * What memory/ shares with its own parts and tests. Its interface proper is the memory part of kernel/core/machine.h.
 */
#ifndef GROVE_LINUX_MEMORY_H
#define GROVE_LINUX_MEMORY_H

#include "kernel/core/machine.h"

/* A sealed, empty memory object named for people reading /proc. GROVE_NO_MEMORY, GROVE_NO_DESCRIPTORS, GROVE_IO. */
int memory_descriptor(const char *name, uint64_t size_bytes, int *descriptor);
/* The status that stands for what errno says about making or mapping something. */
int memory_status(int error);
/* Wake everybody who sleeps on a futex word shared between processes. */
void memory_wake(uint32_t *word);

/*
 * The control pages kept mapped for machine_memory_signal, by descriptor. A mapping made before the seal stays writable
 * after it. `keep` takes over the mapping; `drop` unmaps it and is harmless where there is none.
 */
int control_keep(int descriptor, void *page);
void *control_find(int descriptor);
void control_drop(int descriptor);

#endif
