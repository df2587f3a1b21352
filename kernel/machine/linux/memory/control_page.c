/*
 * The first pages of sealed memory objects, kept mapped so that the kernel can mark a segment closed after its owner's
 * death. One table indexed by descriptor number; an entry lives from the seal until machine_object_close.
 */
#include "kernel/machine/linux/memory/memory.h"

#include <stdlib.h>
#include <sys/mman.h>

static void **pages;
static uint32_t capacity;

static int reach(uint32_t descriptor) {
    if (descriptor < capacity)
        return 0;
    uint32_t wanted = capacity == 0 ? 256 : capacity;
    while (wanted <= descriptor)
        wanted *= 2;
    void **grown = realloc(pages, wanted * sizeof *grown);
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    for (uint32_t i = capacity; i < wanted; i++)
        grown[i] = NULL;
    pages = grown;
    capacity = wanted;
    return 0;
}

int control_keep(int descriptor, void *page) {
    int status = reach((uint32_t)descriptor);
    if (status == 0)
        pages[descriptor] = page;
    return status;
}

void *control_find(int descriptor) {
    return descriptor >= 0 && (uint32_t)descriptor < capacity ? pages[descriptor] : NULL;
}

void control_drop(int descriptor) {
    void *page = control_find(descriptor);
    if (page == NULL)
        return;
    munmap(page, GROVE_SEGMENT_PAGE);
    pages[descriptor] = NULL;
}
