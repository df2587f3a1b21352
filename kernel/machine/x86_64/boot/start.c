/* From the entry to the first program, step by step. Runs on the processor that booted, with interrupts off. */
#include "kernel/machine/x86_64/boot/start.h"

#include "kernel/machine/bare/boot/acpi.h"
#include "kernel/machine/bare/boot/acpi_machine.h"
#include "kernel/machine/bare/boot/options.h"
#include "kernel/machine/bare/random/random.h"
#include "kernel/machine/x86_64/boot/move.h"
#include "kernel/machine/x86_64/boot/power.h"
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/devices/devices.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/machine/x86_64/interrupt/io_apic.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/process/process.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/machine/x86_64/time/clock.h"
#include "kernel/machine/x86_64/time/wall.h"
#include "kernel/machine/x86_64/vdso/vdso.h"
#include "kernel/services/posix/missing.h"

#define PATH_BYTES 128u

struct boot_facts boot_facts;
static int boot_facts_status;
static struct acpi_processors boot_processors;
static struct acpi_machine boot_machine;

_Noreturn void boot_switch_stack(uint64_t end, void (*function)(void));

/* The loader's tables lie below 4 GiB, which the entry has mapped. */
static const uint8_t *view_early(void *context, uint64_t address, size_t size) {
    (void)context;
    if (size > LAYOUT_EARLY_BYTES || address > LAYOUT_EARLY_BYTES - size)
        return NULL;
    return (const uint8_t *)(LAYOUT_DIRECT + address);
}

void boot_prepare(uint32_t protocol, uint64_t info) {
    static const struct physical_memory memory = {.view = view_early};
    boot_facts_status = -1;
    if (protocol == BOOT_PVH)
        boot_facts_status = facts_read_pvh(&memory, info, &boot_facts);
    else if (protocol == BOOT_MULTIBOOT)
        boot_facts_status = facts_read_multiboot(&memory, info, &boot_facts);
    processor_find_features();
    if (!options_have(boot_facts.command_line, "nokaslr"))
        boot_move(processor_random());
}

static void use_facts(uint32_t protocol) {
    uint64_t port = 0;
    if (options_number(boot_facts.command_line, "debug-exit", &port))
        machine_set_exit_port((uint16_t)port);
    if (boot_facts_status != 0)
        panic("the boot loader's information cannot be read (protocol %x, status %d)", protocol, boot_facts_status);
}

/* What the firmware's tables say, which lie in memory that only the entry's tables map. */
static void read_firmware(void) {
    static const struct physical_memory memory = {.view = view_early};
    int status = acpi_read_processors(&memory, boot_facts.root_pointer, &boot_processors);
    if (status < 0) {
        console_print("boot: no table of processors (status %d): going on with one\n", status);
        boot_processors.count = 0;
    }
    acpi_read_machine(&memory, boot_facts.root_pointer, &boot_machine);
}

/* Which calls programs made that are not there. */
static void print_missing_calls(void) {
    struct missing_call entry;
    for (uint32_t i = 0; missing_entry(i, &entry); i++)
        console_print("abi: %s made call %u, which is missing, %lu times\n", entry.name, entry.call, entry.count);
}

/*
 * The program that `run=` names, from the initramfs; /init by itself, or none where services run. With `grove` those whose specs
 * lie where `grove=` says.
 */
static void read_plan(struct process_plan *plan) {
    static char path[PATH_BYTES] = "/init", services[PATH_BYTES] = "/run/grove/boot/init.spec";
    const char *line = boot_facts.command_line;
    bool has_services = options_have(line, "grove"), has_program = options_text(line, "run", path, sizeof(path));
    (void)options_text(line, "grove", services, sizeof(services));
    *plan = (struct process_plan){.archive = memory_view(boot_facts.initramfs),
                                  .archive_bytes = boot_facts.initramfs_bytes,
                                  .path = has_program || !has_services ? path : NULL,
                                  .line = options_rest(line),
                                  .services = has_services ? services : NULL};
}

/* False: it was not there, or ended badly. */
static bool run_programs(void) {
    struct process_plan plan;
    int exit_status = 0;
    read_plan(&plan);
    const char *path = plan.path != NULL ? plan.path : plan.services;
    if (boot_facts.initramfs_bytes == 0) {
        console_print("boot: no initramfs, so nothing to run\n");
        return true;
    }
    struct memory_usage before, after;
    process_prepare();
    threads_trim();
    memory_usage(&before);
    int status = process_run(&plan, &exit_status);
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
    devices_start(&boot_machine);
    tests_run(boot_facts.command_line);
    bool is_good = run_programs();
    tests_end();
    machine_exit(is_good ? EXIT_PASSED : EXIT_FAILED);
}

/* What the processor itself gives counts as unpredictable where it has an instruction for that; a device may add to it. */
static void seed_random(void) {
    for (unsigned i = 0; i < RANDOM_KEY_WORDS; i++) {
        const uint64_t seed[2] = {processor_random(), read_cycles()};
        random_mix(&random_kernel, seed, sizeof(seed), processor_features.has_random ? 64 : 0);
    }
}

/* The rest, on a stack with a guard page. */
static _Noreturn void go_on(void) {
    struct memory_usage usage;
    uint64_t limit = PROCESSORS_MAX;
    apic_init(boot_processors.local_apic_address);
    apic_enable();
    io_apic_init(&boot_processors);
    seed_random();
    vdso_init();
    clock_init();
    wall_init(&boot_machine, boot_facts.command_line);
    power_init(&boot_machine);
    (void)options_number(boot_facts.command_line, "processors", &limit);
    processors_start(&boot_processors, limit < PROCESSORS_MAX ? (uint32_t)limit : PROCESSORS_MAX);
    memory_usage(&usage);
    console_print("boot: %lu KiB of memory free, protected by NX%s%s%s\n", usage.free_frames * FRAME_BYTES / 1024,
                  processor_features.has_smep ? " SMEP" : "", processor_features.has_smap ? " SMAP" : "",
                  processor_features.has_umip ? " UMIP" : "");
    console_print("boot: %u of %u processors run, at %lu MHz\n", processors_count(),
                  boot_processors.count > 0 ? boot_processors.count : 1, clock_cycles_per_second() / 1000000);
    if (!console_use_interrupts())
        console_print("boot: the console does not interrupt, and is not listened to\n");
    threads_start(run_all);
}

void boot_start(uint32_t protocol) {
    console_init();
    interrupts_init();
    processor_init(&processors[0], 0);
    use_facts(protocol);
    console_print("grove: booted by %s, %lu KiB of memory, \"%s\"\n", protocol == BOOT_PVH ? "PVH" : "Multiboot2",
                  memory_map_bytes(&boot_facts.memory) / 1024, boot_facts.command_line);
    read_firmware();
    struct memory_range initramfs = {boot_facts.initramfs, boot_facts.initramfs + boot_facts.initramfs_bytes};
    memory_start(&boot_facts.memory, &initramfs);
    processors_prepare(&processors[0]);
    /* Not on the stack on which system calls of its programs begin. */
    boot_switch_stack(memory_make_stack(KERNEL_STACK_BYTES), go_on);
}
