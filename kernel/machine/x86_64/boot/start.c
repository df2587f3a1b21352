/* From the entry to the first program, step by step. Runs on the processor that booted, with interrupts off. */
#include "kernel/machine/x86_64/boot/start.h"

#include "kernel/machine/bare/boot/acpi.h"
#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/process/process.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/machine/x86_64/time/clock.h"
#include "kernel/services/posix/missing.h"

#define PATH_BYTES 128u

struct boot_facts boot_facts;
static struct acpi_processors boot_processors;

_Noreturn void boot_switch_stack(uint64_t end, void (*function)(void));

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

/* Where the processors are: from the firmware's tables, which lie in memory that only the entry's tables map. */
static void find_processors(void) {
    static const struct physical_memory memory = {.view = view_early};
    int status = acpi_read_processors(&memory, boot_facts.root_pointer, &boot_processors);
    if (status < 0) {
        console_print("boot: no table of processors (status %d): going on with one\n", status);
        boot_processors.count = 0;
    }
}

/* Which calls programs made that are not there. */
static void print_missing_calls(void) {
    struct missing_call entry;
    for (uint32_t i = 0; missing_entry(i, &entry); i++)
        console_print("abi: %s made call %u, which is missing, %lu times\n", entry.name, entry.call, entry.count);
}

/* The program that `run=` names, from the initramfs; /init by itself. False: it was not there, or ended badly. */
static bool run_first_program(void) {
    static char path[PATH_BYTES] = "/init";
    const uint8_t *archive = memory_view(boot_facts.initramfs);
    int exit_status = 0;
    (void)options_text(boot_facts.command_line, "run", path, sizeof(path));
    if (boot_facts.initramfs_bytes == 0) {
        console_print("boot: no initramfs, so nothing to run\n");
        return true;
    }
    struct memory_usage before, after;
    process_prepare();
    threads_trim();
    memory_usage(&before);
    int status = process_run(archive, boot_facts.initramfs_bytes, path, options_rest(boot_facts.command_line), &exit_status);
    memory_usage(&after);
    if (!memory_is_as_before(&before, &after))
        panic("%s left memory in use", path);
    if (status < 0)
        console_print("boot: %s cannot be run (status %d)\n", path, status);
    else
        console_print("boot: %s ended with %d\n", path, exit_status);
    if (options_have(boot_facts.command_line, "abi"))
        print_missing_calls();
    return status == 0 && exit_status == 0;
}

/* The first thread, while the others wait for work. */
static void run_all(void) {
    tests_run(boot_facts.command_line);
    machine_exit(run_first_program() ? EXIT_PASSED : EXIT_FAILED);
}

/* The rest, on a stack with a guard page. */
static _Noreturn void go_on(void) {
    struct memory_usage usage;
    uint64_t limit = PROCESSORS_MAX;
    apic_init(boot_processors.local_apic_address);
    apic_enable();
    clock_init();
    (void)options_number(boot_facts.command_line, "processors", &limit);
    processors_start(&boot_processors, limit < PROCESSORS_MAX ? (uint32_t)limit : PROCESSORS_MAX);
    memory_usage(&usage);
    console_print("boot: %lu KiB of memory free, protected by NX%s%s%s\n", usage.free_frames * FRAME_BYTES / 1024,
                  processor_features.has_smep ? " SMEP" : "", processor_features.has_smap ? " SMAP" : "",
                  processor_features.has_umip ? " UMIP" : "");
    console_print("boot: %u of %u processors run, at %lu MHz\n", processors_count(),
                  boot_processors.count > 0 ? boot_processors.count : 1, clock_cycles_per_second() / 1000000);
    threads_start(run_all);
}

void boot_start(uint32_t protocol, uint64_t info) {
    console_init();
    interrupts_init();
    processor_init(&processors[0], 0);
    read_facts(protocol, info);
    console_print("grove: booted by %s, %lu KiB of memory, \"%s\"\n", protocol == BOOT_PVH ? "PVH" : "Multiboot2",
                  memory_map_bytes(&boot_facts.memory) / 1024, boot_facts.command_line);
    find_processors();
    struct memory_range initramfs = {boot_facts.initramfs, boot_facts.initramfs + boot_facts.initramfs_bytes};
    memory_start(&boot_facts.memory, &initramfs);
    processors_prepare(&processors[0]);
    /* Not on the stack on which system calls of its programs begin. */
    boot_switch_stack(memory_make_stack(KERNEL_STACK_BYTES), go_on);
}
