/*
 * The local APIC: see apic.h. Both modes have the same registers, in memory (xAPIC) 16 bytes apart, as model-specific ones
 * (x2APIC) beside each other; only the command differs.
 */
#include "kernel/machine/x86_64/interrupt/apic.h"

#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"

#define REGISTER_ID 0x20u
#define REGISTER_PRIORITY 0x80u
#define REGISTER_END 0xb0u
#define REGISTER_SPURIOUS 0xf0u
#define REGISTER_COMMAND 0x300u
#define REGISTER_COMMAND_TARGET 0x310u
#define REGISTER_TIMER 0x320u
#define REGISTER_TIMER_INITIAL 0x380u
#define REGISTER_TIMER_CURRENT 0x390u
#define REGISTER_TIMER_DIVISOR 0x3e0u
#define REGISTERS_BYTES 4096u
#define MSR_REGISTERS 0x800u

#define BASE_ENABLED (UINT64_C(1) << 11)
#define BASE_X2APIC (UINT64_C(1) << 10)
#define BASE_MASK UINT64_C(0x000ffffffffff000)
#define SPURIOUS_ENABLE 0x100u
#define COMMAND_NOT_MASKABLE 0x400u
#define COMMAND_INIT 0x500u
#define COMMAND_STARTUP 0x600u
#define COMMAND_PENDING 0x1000u
#define COMMAND_ASSERT 0x4000u
#define COMMAND_ALL_OTHERS 0xc0000u
#define TIMER_MASKED 0x10000u
#define TIMER_BY_16 0x3u
#define SHORT_IDS 255u /* the last one means all */

#define OLD_CONTROLLER_DATA 0x21u
#define OLD_CONTROLLER_DATA_SECOND 0xa1u

static volatile uint8_t *registers; /* NULL in the mode with model-specific ones */
static bool is_ready, is_long; /* long: the mode with numbers of 32 bits, x2APIC */

static uint32_t read(uint32_t number) {
    if (is_long)
        return (uint32_t)read_msr(MSR_REGISTERS + number / 16);
    return *(volatile uint32_t *)(registers + number);
}

static void write(uint32_t number, uint32_t value) {
    if (is_long)
        write_msr(MSR_REGISTERS + number / 16, value);
    else
        *(volatile uint32_t *)(registers + number) = value;
}

void apic_init(uint64_t physical) {
    uint64_t base = read_msr(MSR_APIC_BASE);
    if ((base & BASE_ENABLED) == 0)
        panic("the local APIC is off (%lx)", base);
    is_long = (cpuid(1, 0).c >> 21 & 1) != 0;
    if (!is_long)
        registers = memory_map_device(physical != 0 ? physical : base & BASE_MASK, REGISTERS_BYTES);
    out8(OLD_CONTROLLER_DATA, 0xff);
    out8(OLD_CONTROLLER_DATA_SECOND, 0xff);
    is_ready = true;
}

void apic_enable(void) {
    if (is_long)
        write_msr(MSR_APIC_BASE, read_msr(MSR_APIC_BASE) | BASE_X2APIC);
    write(REGISTER_PRIORITY, 0);
    write(REGISTER_TIMER, TIMER_MASKED);
    write(REGISTER_TIMER_DIVISOR, TIMER_BY_16);
    write(REGISTER_SPURIOUS, SPURIOUS_ENABLE | VECTOR_SPURIOUS);
}

bool apic_reaches(uint32_t id) {
    return is_long || id < SHORT_IDS;
}

uint32_t apic_here(void) {
    return is_long ? read(REGISTER_ID) : read(REGISTER_ID) >> 24;
}

void apic_end_of_interrupt(void) {
    write(REGISTER_END, 0);
}

static void command(uint32_t id, uint32_t value) {
    if (is_long) {
        /* The write does not wait for what was stored before it, and the other processor is to see that. */
        __asm__ volatile("mfence\n\tlfence" : : : "memory");
        write_msr(MSR_REGISTERS + REGISTER_COMMAND / 16, (uint64_t)id << 32 | value | COMMAND_ASSERT);
        return;
    }
    while ((read(REGISTER_COMMAND) & COMMAND_PENDING) != 0)
        __builtin_ia32_pause();
    write(REGISTER_COMMAND_TARGET, id << 24);
    write(REGISTER_COMMAND, value | COMMAND_ASSERT);
}

void apic_send(uint32_t id, uint8_t vector) {
    command(id, vector);
}

void apic_send_init(uint32_t id) {
    command(id, COMMAND_INIT);
}

void apic_send_startup(uint32_t id, uint8_t page) {
    command(id, COMMAND_STARTUP | page);
}

void apic_stop_others(void) {
    if (is_ready)
        command(0, COMMAND_ALL_OTHERS | COMMAND_NOT_MASKABLE);
}

void apic_timer_set(uint32_t count) {
    write(REGISTER_TIMER, VECTOR_TIMER);
    write(REGISTER_TIMER_INITIAL, count);
}

void apic_timer_measure(uint32_t count) {
    write(REGISTER_TIMER, TIMER_MASKED);
    write(REGISTER_TIMER_INITIAL, count);
}

uint32_t apic_timer_left(void) {
    return read(REGISTER_TIMER_CURRENT);
}
