/* The PVH start structure: see facts.h. Fields are little-endian and aligned, as on this processor. */
#include "grove/abi/status.h"
#include "kernel/machine/x86_64/boot/facts.h"
#include "kernel/machine/x86_64/boot/layout.h"

#include <stddef.h>
#include <string.h>

#define MODULES_MAX 16u
#define MAP_ENTRIES_MAX 1024u
#define KIND_USABLE 1u

struct pvh_start {
    uint32_t magic, version, flags, modules;
    uint64_t module_list, command_line, root_pointer;
    uint64_t map; /* from version 1 on */
    uint32_t map_entries, reserved;
};

struct pvh_module {
    uint64_t start, size_bytes, command_line, reserved;
};

struct pvh_map_entry {
    uint64_t start, size_bytes;
    uint32_t kind, reserved;
};

static bool read(const struct physical_memory *memory, uint64_t address, void *to, size_t size) {
    const uint8_t *bytes = address != 0 ? memory->view(memory->context, address, size) : NULL;
    if (bytes == NULL)
        return false;
    memcpy(to, bytes, size);
    return true;
}

static int read_map(const struct physical_memory *memory, const struct pvh_start *start, struct boot_facts *facts) {
    uint32_t count = start->map_entries < MAP_ENTRIES_MAX ? start->map_entries : MAP_ENTRIES_MAX;
    /* First what may be used, then what may not: where both are said of a page, the second counts. */
    for (uint32_t pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < count; i++) {
            struct pvh_map_entry entry;
            if (!read(memory, start->map + (uint64_t)i * sizeof(entry), &entry, sizeof(entry)))
                return GROVE_INVALID;
            if (pass == 0 && entry.kind == KIND_USABLE)
                memory_map_add(&facts->memory, entry.start, entry.size_bytes);
            else if (pass == 1 && entry.kind != KIND_USABLE)
                memory_map_remove(&facts->memory, entry.start, entry.size_bytes);
        }
    }
    return 0;
}

static int read_modules(const struct physical_memory *memory, const struct pvh_start *start, struct boot_facts *facts) {
    uint32_t count = start->modules < MODULES_MAX ? start->modules : MODULES_MAX;
    for (uint32_t i = 0; i < count; i++) {
        struct pvh_module module;
        if (!read(memory, start->module_list + (uint64_t)i * sizeof(module), &module, sizeof(module)))
            return GROVE_INVALID;
        facts_add_module(facts, module.start, module.size_bytes);
    }
    return 0;
}

/* One byte after the other: the line may end right before memory that is not there. */
static void read_command_line(const struct physical_memory *memory, uint64_t address, struct boot_facts *facts) {
    char text[FACTS_COMMAND_LINE_BYTES + 1];
    uint64_t length = 0;
    while (length < sizeof(text) && read(memory, address + length, &text[length], 1) && text[length] != 0)
        length++;
    facts_set_command_line(facts, text, length);
}

int facts_read_pvh(const struct physical_memory *memory, uint64_t info, struct boot_facts *facts) {
    struct pvh_start start = {0};
    if (!read(memory, info, &start, offsetof(struct pvh_start, map)) || start.magic != BOOT_PVH)
        return GROVE_INVALID;
    if (start.version == 0 || !read(memory, info, &start, sizeof(start)))
        return GROVE_INVALID; /* without a memory map there is nothing to begin with */
    read_command_line(memory, start.command_line, facts);
    facts->root_pointer = start.root_pointer;
    int status = read_map(memory, &start, facts);
    return status == 0 ? read_modules(memory, &start, facts) : status;
}
