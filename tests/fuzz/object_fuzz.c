/* A module's object, whatever it says: kernel/machine/bare/module/object.h. */
#include "kernel/machine/bare/module/object.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool resolve(void *context, const char *name, uint64_t *address) {
    (void)context;
    *address = strlen(name) * 64;
    return name[0] != 'x';
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static struct object object;
    struct object_memory memory = {.addresses = {0x10000, 0x20000, 0x30000}};
    uint64_t offset;
    if (object_open(&object, data, size) != 0)
        return 0;
    for (uint32_t part = 0; part < OBJECT_PARTS; part++)
        memory.bytes[part] = calloc(1, object.part_bytes[part] + 1);
    (void)object_place(&object, &memory, resolve, NULL);
    if (object.header_section != 0 && object.header_bytes > 0 &&
        *(const volatile uint8_t *)object_header(&object, &memory) == 1)
        memory.addresses[0]++;
    (void)object_find_function(&object, &memory, memory.addresses[0] + size, &offset);
    for (uint32_t part = 0; part < OBJECT_PARTS; part++)
        free(memory.bytes[part]);
    return 0;
}
