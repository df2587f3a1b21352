/* What memory_files_serve (kernel/services/containers/memory_files.h) leaves to whoever has the threads. */
#ifndef GROVE_POSIX_WAKE_H
#define GROVE_POSIX_WAKE_H

#include "kernel/services/containers/host.h"

void wake_serve(struct host_memory *memory);

#endif
