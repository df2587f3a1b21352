/* Registers of a device, wherever they lie: the machine's, or a device that a test plays. */
#ifndef GROVE_BARE_REGISTERS_H
#define GROVE_BARE_REGISTERS_H

#include <stddef.h>
#include <stdint.h>

struct registers {
    /* `bytes` is 1, 2 or 4, and the offset a multiple of it. */
    uint32_t (*read)(void *context, uint64_t offset, unsigned bytes);
    void (*write)(void *context, uint64_t offset, unsigned bytes, uint32_t value);
    void *context;
    uint64_t base; /* added to each offset */
};

static inline uint32_t registers_read(const struct registers *registers, uint64_t offset, unsigned bytes) {
    return registers->read(registers->context, registers->base + offset, bytes);
}

static inline void registers_write(const struct registers *registers, uint64_t offset, unsigned bytes, uint32_t value) {
    registers->write(registers->context, registers->base + offset, bytes, value);
}

/* ---- served by the machine ---- */

/* Registers in physical memory, uncached; for good. */
struct registers registers_in_memory(uint64_t physical, uint64_t size_bytes);
/* Memory for a device to read and write, all zero, aligned to a page; NULL: there is none. Its physical address. */
void *device_memory_take(size_t size_bytes, uint64_t *physical);
void device_memory_give_back(void *memory);
/* The physical address of memory of the kernel, of which a page lies in one piece. */
uint64_t device_memory_physical(const void *memory);

#endif
