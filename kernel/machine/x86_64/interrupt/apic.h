/*
 * The local APIC of each processor: Intel's manual, volume 3, chapter 11. In x2APIC mode where the processors have it, which
 * reaches all others; else through its registers in memory, which reach those with numbers below 255. The older interrupt
 * controllers (8259) are silenced.
 */
#ifndef GROVE_X86_64_APIC_H
#define GROVE_X86_64_APIC_H

#include <stdbool.h>
#include <stdint.h>

/* Choose the mode, and map the registers. `physical` is where the firmware says they lie; 0 to ask the processor. Once, on the first one. */
void apic_init(uint64_t physical);
/* Let this processor take interrupts. */
void apic_enable(void);
uint32_t apic_here(void);
/* Whether a processor of this number can be interrupted, and so be started. */
bool apic_reaches(uint32_t id);
void apic_end_of_interrupt(void);
/* Interrupt another processor with a vector, put it into its waiting state, or let it begin at `page` * 4096. */
void apic_send(uint32_t id, uint8_t vector);
void apic_send_init(uint32_t id);
void apic_send_startup(uint32_t id, uint8_t page);
/* A not maskable interrupt to all others. Works before apic_init, where it does nothing. */
void apic_stop_others(void);

/* The timer counts down to an interrupt with VECTOR_TIMER, once; 0 stops it. */
void apic_timer_set(uint32_t count);
/* Let it count down without an interrupt, to measure it. */
void apic_timer_measure(uint32_t count);
uint32_t apic_timer_left(void);

#endif
