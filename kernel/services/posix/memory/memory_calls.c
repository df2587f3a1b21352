/* System calls about a program's memory: what stands in kernel/machine/bare/mm/calls.h, for the program that runs. */
#include "kernel/machine/bare/mm/calls.h"

#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/memory/mapped_file.h"
#include "kernel/services/vfs/errors.h"

#define IN_CORE_BYTES 256u

static struct space *here(void) {
    return process_space(thread_current()->process);
}

int64_t system_call_mmap(const uint64_t arguments[6]) {
    struct memory_call_file file = {.object = NULL};
    if ((arguments[3] & LINUX_MAP_ANONYMOUS) == 0)
        mapped_file_find((uint32_t)arguments[4], &file);
    int64_t result =
        memory_call_map(here(), arguments[0], arguments[1], arguments[2], arguments[3], &file, arguments[5]);
    memory_object_unref(file.object);
    return result;
}

int64_t system_call_munmap(const uint64_t arguments[6]) {
    return memory_call_unmap(here(), arguments[0], arguments[1]);
}

int64_t system_call_mprotect(const uint64_t arguments[6]) {
    return memory_call_protect(here(), arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_mremap(const uint64_t arguments[6]) {
    return memory_call_remap(here(), arguments[0], arguments[1], arguments[2], arguments[3], arguments[4]);
}

int64_t system_call_brk(const uint64_t arguments[6]) {
    return memory_call_break(here(), arguments[0]);
}

int64_t system_call_madvise(const uint64_t arguments[6]) {
    return memory_call_advise(here(), arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_msync(const uint64_t arguments[6]) {
    return memory_call_sync(here(), arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_mlock(const uint64_t arguments[6]) {
    return memory_call_lock(here(), arguments[0], arguments[1], 0);
}

int64_t system_call_mlock2(const uint64_t arguments[6]) {
    return memory_call_lock(here(), arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_munlock(const uint64_t arguments[6]) {
    return memory_call_unlock(here(), arguments[0], arguments[1]);
}

int64_t system_call_mlockall(const uint64_t arguments[6]) {
    return memory_call_lock_all(here(), arguments[0]);
}

int64_t system_call_munlockall(const uint64_t arguments[6]) {
    (void)arguments;
    return memory_call_unlock_all(here());
}

/* In pieces: nothing of the program's is written to while its memory is looked at. */
int64_t system_call_mincore(const uint64_t arguments[6]) {
    uint64_t start = arguments[0], pages = arguments[1] / PAGE_BYTES + (arguments[1] % PAGE_BYTES != 0);
    uint8_t is_there[IN_CORE_BYTES];
    if (start % PAGE_BYTES != 0)
        return -LINUX_EINVAL;
    if (start > SPACE_END || arguments[1] > SPACE_END - start)
        return -LINUX_ENOMEM;
    for (uint64_t done = 0; done < pages;) {
        uint64_t count = pages - done < IN_CORE_BYTES ? pages - done : IN_CORE_BYTES;
        int64_t status = memory_call_in_core(here(), start + done * PAGE_BYTES, is_there, count);
        if (status != 0)
            return status;
        if (!process_write(arguments[2] + done, is_there, count))
            return -LINUX_EFAULT;
        done += count;
    }
    return 0;
}
