/*
 * The kernel page of a container: the kernel keeps the only writable mapping, made before the seal; the container maps
 * the descriptor it gets for reading and can do nothing else with it.
 */
#include "kernel/machine/linux/memory/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

static int map_and_seal(int descriptor, struct grove_kernel_page **page) {
    void *mapped = mmap(NULL, GROVE_SEGMENT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
    if (mapped == MAP_FAILED)
        return memory_status(errno);
    if (fcntl(descriptor, F_ADD_SEALS, F_SEAL_FUTURE_WRITE | F_SEAL_SEAL) < 0) {
        munmap(mapped, GROVE_SEGMENT_PAGE);
        return GROVE_IO;
    }
    *page = mapped;
    return 0;
}

int machine_kernel_page_create(machine_object *memory, struct grove_kernel_page **page) {
    int descriptor;
    int status = memory_descriptor("grove-page", GROVE_SEGMENT_PAGE, &descriptor);
    if (status < 0)
        return status;
    status = map_and_seal(descriptor, page);
    if (status < 0) {
        close(descriptor);
        return status;
    }
    *memory = descriptor;
    return 0;
}

void machine_kernel_page_wake(struct grove_kernel_page *page) {
    memory_wake(&page->notices);
}

void machine_kernel_page_destroy(machine_object memory, struct grove_kernel_page *page) {
    if (page != NULL)
        munmap(page, GROVE_SEGMENT_PAGE);
    machine_object_close(memory);
}
