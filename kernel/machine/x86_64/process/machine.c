/* What the layer of processes needs of this machine: see kernel/services/posix/machine.h. */
#include "kernel/services/posix/machine.h"

#include "kernel/machine/bare/boot/power.h"
#include "kernel/machine/bare/mm/space.h"
#include "kernel/machine/bare/process/elf.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/process/terminal.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/vdso/vdso.h"

const struct machine_layout *machine_layout(void) {
    static struct machine_layout layout = {.start = SPACE_START,
                                           .end = LAYOUT_USER_END,
                                           .movable = UINT64_C(0x555555554000),
                                           .elf_machine = ELF_MACHINE_X86_64,
                                           .platform = "x86_64"};
    layout.capabilities = cpuid(1, 0).d;
    return &layout;
}

uint64_t machine_chance(void) {
    return processor_random();
}

uint64_t machine_thread_time(struct thread *thread) {
    return thread_run_ns(thread);
}

void machine_memory_facts(uint64_t *total_bytes, uint64_t *free_bytes) {
    struct memory_usage usage;
    memory_usage(&usage);
    *total_bytes = usage.total_frames * FRAME_BYTES;
    *free_bytes = usage.free_frames * FRAME_BYTES;
}

static void pass_barrier(void *unused) {
    (void)unused;
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void machine_barrier(void) {
    processors_interrupt(pass_barrier, NULL);
}

int machine_space_map_clock(struct space *space, uint64_t *header) {
    return vdso_map(space, header);
}

/* Where QEMU's exit device is there, it is the way off, and a restart too: nobody who set it waits for another boot. */
void machine_leave(bool is_restart) {
    console_terminals_drain();
    if (is_restart && !machine_has_exit_port())
        power_reset();
    machine_exit(EXIT_PASSED);
}
