/* From the entry to the first program, step by step. Runs on the processor that booted, with interrupts off. */
#include "kernel/machine/x86_64/boot/start.h"

#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/panic/panic.h"

struct boot_facts boot_facts;

/* The loader's tables lie below 4 GiB, which the entry has mapped. */
static const uint8_t *view_early(void *context, uint64_t address, size_t size) {
    (void)context;
    if (size > LAYOUT_EARLY_BYTES || address > LAYOUT_EARLY_BYTES - size)
        return NULL;
    return (const uint8_t *)(LAYOUT_DIRECT + address);
}

static void read_facts(uint32_t protocol, uint64_t info) {
    static const struct physical_memory memory = {.view = view_early};
    int status = -1;
    if (protocol == BOOT_PVH)
        status = facts_read_pvh(&memory, info, &boot_facts);
    else if (protocol == BOOT_MULTIBOOT)
        status = facts_read_multiboot(&memory, info, &boot_facts);
    uint64_t port = 0;
    if (options_number(boot_facts.command_line, "debug-exit", &port))
        machine_set_exit_port((uint16_t)port);
    if (status != 0)
        panic("the boot loader's information cannot be read (protocol %x, status %d)", protocol, status);
}

void boot_start(uint32_t protocol, uint64_t info) {
    console_init();
    interrupts_init();
    processor_init(&processors[0], 0);
    processors[0].canary = processor_random() & ~UINT64_C(0xff); /* a zero byte stops a copied text */
    read_facts(protocol, info);
    console_print("grove: %lu KiB of memory, booted by %s\n", memory_map_bytes(&boot_facts.memory) / 1024,
                  protocol == BOOT_PVH ? "PVH" : "Multiboot2");
    machine_exit(EXIT_PASSED);
}
