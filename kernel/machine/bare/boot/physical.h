/* How parsers of the firmware's and the boot loader's tables read physical memory: on a test's fake one, too. */
#ifndef GROVE_BARE_PHYSICAL_H
#define GROVE_BARE_PHYSICAL_H

#include <stddef.h>
#include <stdint.h>

struct physical_memory {
    /* `size_bytes` bytes at `address`, or NULL where there is no such memory. They stay where they are. */
    const uint8_t *(*view)(void *context, uint64_t address, size_t size_bytes);
    void *context;
};

#endif
