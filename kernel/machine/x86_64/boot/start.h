/* The kernel's way from its entry to its first program. */
#ifndef GROVE_X86_64_START_H
#define GROVE_X86_64_START_H

#include "kernel/machine/x86_64/boot/facts.h"

/* What the boot loader told; filled in once. */
extern struct boot_facts boot_facts;

/*
 * Called by the entry, on the boot stack: read what the loader passed (`info`), and move the image. protocol: BOOT_PVH or
 * BOOT_MULTIBOOT. Nothing that this leaves behind may hold an address in the image.
 */
void boot_prepare(uint32_t protocol, uint64_t info);
/* The same, once the image runs where it was moved to. */
_Noreturn void boot_start(uint32_t protocol);

#endif
