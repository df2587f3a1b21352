/* The kernel's way from its entry to its first program. */
#ifndef GROVE_X86_64_START_H
#define GROVE_X86_64_START_H

#include "kernel/machine/x86_64/boot/facts.h"

/* What the boot loader told; filled in once. */
extern struct boot_facts boot_facts;

/* Called by the entry, on the boot stack. protocol: BOOT_PVH or BOOT_MULTIBOOT; info: what the loader passed. */
_Noreturn void boot_start(uint32_t protocol, uint64_t info);

#endif
