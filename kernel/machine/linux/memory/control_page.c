/*
 * The first pages of memory objects, kept mapped so that the kernel can mark a segment closed after its owner's death.
 * One table indexed by descriptor number; an entry lives from the making of the object until machine_object_close.
 */
#include "kernel/machine/linux/memory/memory.h"
#include "kernel/machine/linux/memory/slots.h"

#include <sys/mman.h>

static struct slots pages;

int control_keep(int descriptor, void *page) {
    int status = slots_reach(&pages, (uint32_t)descriptor);
    if (status == 0)
        slots_set(&pages, (uint32_t)descriptor, page);
    return status;
}

void *control_find(int descriptor) {
    return descriptor >= 0 ? slots_get(&pages, (uint32_t)descriptor) : NULL;
}

void control_drop(int descriptor) {
    void *page = control_find(descriptor);
    if (page == NULL)
        return;
    munmap(page, GROVE_SEGMENT_PAGE);
    slots_set(&pages, (uint32_t)descriptor, NULL);
}
