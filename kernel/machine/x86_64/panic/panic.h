/*
 * The end of a kernel that found itself wrong: what happened, where, the registers, who called whom; then QEMU's exit
 * device, if the command line names one, and a halt. Also the orderly end, which takes the same way out.
 */
#ifndef GROVE_X86_64_PANIC_H
#define GROVE_X86_64_PANIC_H

#include "kernel/machine/x86_64/interrupt/interrupts.h"

/* Written to the exit device; QEMU's exit status is twice that and one. */
#define EXIT_PASSED 0x10u /* QEMU ends with 33 */
#define EXIT_FAILED 0x11u /* 35: a program or a self test failed */
#define EXIT_PANIC 0x12u /* 37 */

_Noreturn void panic(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An exception that nobody handles. */
_Noreturn void panic_exception(const struct interrupt_frame *frame, const char *name);

/*
 * `say` is called at the end of a panic, once: for the last audit records, say. It prints with console_print, takes no lock and
 * trusts nothing; a fault in it ends the panic. The last call counts.
 */
void panic_set_last_words(void (*say)(void));

/* What a processor does that the panicking one interrupts. */
bool panic_is_going_on(void);
_Noreturn void panic_stop_here(void);

/* The I/O port of the exit device; 0 for none. */
void machine_set_exit_port(uint16_t port);
bool machine_has_exit_port(void);
/* Leave by the exit device; where there is none switch the machine off, but halt for good after a panic. */
_Noreturn void machine_exit(uint8_t code);

#endif
