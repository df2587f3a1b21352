/* What both boot protocols have in common: see facts.h. */
#include "kernel/machine/x86_64/boot/facts.h"

void facts_set_command_line(struct boot_facts *facts, const char *text, uint64_t room) {
    uint64_t length = 0;
    while (length < room && text[length] != 0 && length + 1 < FACTS_COMMAND_LINE_BYTES) {
        facts->command_line[length] = text[length];
        length++;
    }
    facts->command_line[length] = 0;
    facts->is_command_line_cut = length < room && text[length] != 0;
}

void facts_add_module(struct boot_facts *facts, uint64_t start, uint64_t size) {
    memory_map_remove(&facts->memory, start, size);
    if (facts->initramfs_bytes == 0 && size > 0 && start + size > start) {
        facts->initramfs = start;
        facts->initramfs_bytes = size;
    }
}
