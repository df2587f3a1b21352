/* What mmap asks of descriptors, while programs have none. */
#include "kernel/services/posix/memory/mapped_file.h"
#include "kernel/services/vfs/errors.h"

void mapped_file_find(uint32_t descriptor, struct memory_call_file *file) {
    (void)descriptor;
    *file = (struct memory_call_file){.status = -LINUX_EBADF};
}
