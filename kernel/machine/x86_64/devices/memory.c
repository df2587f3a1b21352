/* Registers in memory, and memory for devices: what kernel/machine/bare/drivers/registers.h wants of a machine. */
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/bare/drivers/registers.h"

static uint32_t read(void *context, uint64_t offset, unsigned bytes) {
    volatile void *at = (volatile uint8_t *)context + offset;
    if (bytes == 1)
        return *(volatile uint8_t *)at;
    return bytes == 2 ? *(volatile uint16_t *)at : *(volatile uint32_t *)at;
}

static void write(void *context, uint64_t offset, unsigned bytes, uint32_t value) {
    volatile void *at = (volatile uint8_t *)context + offset;
    if (bytes == 1)
        *(volatile uint8_t *)at = (uint8_t)value;
    else if (bytes == 2)
        *(volatile uint16_t *)at = (uint16_t)value;
    else
        *(volatile uint32_t *)at = value;
}

struct registers registers_in_memory(uint64_t physical, uint64_t size) {
    return (struct registers){
        .read = read, .write = write, .context = (void *)(uintptr_t)memory_map_device(physical, size)};
}

void *device_memory_take(size_t size, uint64_t *physical) {
    size_t whole = (size + PAGE_BYTES - 1) & ~(PAGE_BYTES - 1);
    void *memory = memory_take(whole);
    if (memory != NULL)
        *physical = memory_physical(memory);
    return memory;
}

void device_memory_give_back(void *memory) {
    memory_give_back(memory);
}

uint64_t device_memory_physical(const void *memory) {
    return memory_physical(memory);
}
