/*
 * What the boot loader tells, the same for both protocols. Everything in it is input.
 *
 * PVH: Xen's docs/misc/pvh.pandoc and public/arch-x86/hvm/start_info.h. Multiboot2: its specification, version 2.0.
 */
#ifndef GROVE_X86_64_FACTS_H
#define GROVE_X86_64_FACTS_H

#include "kernel/machine/bare/boot/memory_map.h"
#include "kernel/machine/bare/boot/physical.h"

#define FACTS_COMMAND_LINE_BYTES 1024u

struct boot_facts {
    struct memory_map memory; /* usable; what the loader put there is removed from it already */
    char command_line[FACTS_COMMAND_LINE_BYTES];
    bool is_command_line_cut;
    uint64_t initramfs, initramfs_bytes; /* physical address; 0 bytes for none */
    uint64_t root_pointer; /* ACPI's; 0 if the loader does not say */
};

/* `info`: the address that the loader passed. GROVE_INVALID, with `facts` half filled in. */
int facts_read_pvh(const struct physical_memory *memory, uint64_t info, struct boot_facts *facts);
int facts_read_multiboot(const struct physical_memory *memory, uint64_t info, struct boot_facts *facts);

/* For both: copy a command line of at most `room_bytes` bytes, up to its end or to what fits. */
void facts_set_command_line(struct boot_facts *facts, const char *text, uint64_t room_bytes);
/* For both: the first module is the initramfs; all of them are no free memory. */
void facts_add_module(struct boot_facts *facts, uint64_t start, uint64_t size_bytes);

#endif
