/*
 * Fuzz target: what a boot loader passes. The input's first byte chooses the protocol, the rest is physical memory from
 * 0x1000 on, at whose beginning the information lies.
 */
#include "kernel/machine/x86_64/boot/facts.h"

#include "grove/abi/status.h"

#include <stdlib.h>
#include <string.h>

#define MEMORY_START UINT64_C(0x1000)

struct memory {
    const uint8_t *bytes;
    size_t size_bytes;
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static const uint8_t *view(void *context, uint64_t address, size_t size) {
    const struct memory *memory = context;
    if (address < MEMORY_START || size > memory->size_bytes || address - MEMORY_START > memory->size_bytes - size)
        return NULL;
    return memory->bytes + (address - MEMORY_START);
}

static void check(const struct boot_facts *facts) {
    uint64_t last = 0;
    if (memchr(facts->command_line, 0, sizeof(facts->command_line)) == NULL)
        abort();
    for (uint32_t i = 0; i < facts->memory.count; i++) {
        const struct memory_range *range = &facts->memory.ranges[i];
        if (range->start >= range->end || (i > 0 && range->start <= last) || range->start % MEMORY_PAGE_BYTES != 0)
            abort();
        last = range->end;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static struct boot_facts facts;
    if (size_bytes == 0)
        return 0;
    struct memory memory = {.bytes = data + 1, .size_bytes = size_bytes - 1};
    struct physical_memory access = {.view = view, .context = &memory};
    memset(&facts, 0, sizeof(facts));
    int status = (data[0] == 'm' ? facts_read_multiboot : facts_read_pvh)(&access, MEMORY_START, &facts);
    if (status != 0 && status != GROVE_INVALID)
        abort();
    check(&facts);
    return 0;
}
