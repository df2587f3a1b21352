/* The interrupt table, and who handles what: see interrupts.h. */
#include "kernel/machine/x86_64/interrupt/interrupts.h"

#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/mm/translation.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/process/fault.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/machine/x86_64/time/clock.h"

#define STUB_BYTES 16u
#define GATE_INTERRUPT UINT64_C(0x8e) /* present, interrupts off, for the kernel only */
#define GATE_FOR_USER UINT64_C(0x60)

struct gate {
    uint64_t low, high;
};

static struct gate gates[VECTORS];
extern const uint8_t interrupt_stubs[];
extern uint8_t interrupt_has_smap;

static unsigned stack_of(unsigned vector) {
    switch (vector) {
    case VECTOR_DOUBLE_FAULT:
        return EMERGENCY_DOUBLE_FAULT;
    case VECTOR_NOT_MASKABLE:
        return EMERGENCY_NOT_MASKABLE;
    case VECTOR_MACHINE_CHECK:
        return EMERGENCY_MACHINE_CHECK;
    default:
        return 0;
    }
}

void interrupts_init(void) {
    for (unsigned vector = 0; vector < VECTORS; vector++) {
        uint64_t entry = (uint64_t)(interrupt_stubs + (uint64_t)vector * STUB_BYTES);
        uint64_t kind = GATE_INTERRUPT | (vector == VECTOR_BREAKPOINT ? GATE_FOR_USER : 0);
        gates[vector].low = (entry & 0xffff) | (uint64_t)SELECTOR_KERNEL_CODE << 16 | (uint64_t)stack_of(vector) << 32 |
                            kind << 40 | (entry >> 16 & 0xffff) << 48;
        gates[vector].high = entry >> 32;
    }
}

void interrupts_load_table(void) {
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) pointer = {.limit = sizeof(gates) - 1, .base = (uint64_t)gates};
    interrupt_has_smap = processor_features.has_smap;
    __asm__ volatile("lidt %0" : : "m"(pointer));
}

static const char *const exception_names[EXCEPTIONS] = {
    "division error",
    "debug",
    "not maskable interrupt",
    "breakpoint",
    "overflow",
    "bound exceeded",
    "invalid instruction",
    "no vector unit",
    "double fault",
    "coprocessor overrun",
    "invalid task state",
    "segment not present",
    "stack segment fault",
    "general protection fault",
    "page fault",
    "reserved",
    "floating-point error",
    "alignment check",
    "machine check",
    "vector floating-point error",
    "virtualization exception",
    "control protection fault",
};

const char *interrupts_exception_name(uint64_t vector) {
    const char *name = vector < EXCEPTIONS ? exception_names[vector] : NULL;
    return name != NULL ? name : "reserved exception";
}

static void handle(uint64_t vector) {
    if (vector == VECTOR_TIMER)
        clock_interrupt();
    else if (vector == VECTOR_CALL)
        processors_called();
    else if (vector == VECTOR_WAKE)
        threads_interrupt();
    else if (vector == VECTOR_FORGET)
        translation_interrupt();
    else
        console_print("interrupt: nobody waits for vector %lu\n", vector);
}

/* While an interrupt is handled the processor is held, as by a spin lock. */
static void interrupt(const struct interrupt_frame *frame) {
    struct processor *here = processor_here();
    here->interrupts++;
    if (frame->vector == VECTOR_SPURIOUS)
        return; /* wants no end */
    here->holds++;
    handle(frame->vector);
    apic_end_of_interrupt();
    if (!interrupt_is_from_user(frame))
        threads_leave_interrupt();
    processor_here()->holds--;
}

void interrupts_dispatch(struct interrupt_frame *frame) {
    if (frame->vector == VECTOR_NOT_MASKABLE && panic_is_going_on())
        panic_stop_here();
    if (frame->vector >= EXCEPTIONS)
        interrupt(frame);
    else if (!process_exception(frame))
        panic_exception(frame, interrupts_exception_name(frame->vector));
    if (interrupt_is_from_user(frame))
        threads_leave();
}
