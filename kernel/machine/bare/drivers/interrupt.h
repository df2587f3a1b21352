/* Interrupts of devices: served by the machine. */
#ifndef GROVE_BARE_INTERRUPT_H
#define GROVE_BARE_INTERRUPT_H

#include <stdbool.h>
#include <stdint.h>

/* Called with interrupts off; does not sleep. */
typedef void interrupt_handler(void *context);

/* What a device is told to write where, to interrupt (MSI and MSI-X). */
struct interrupt_message {
    uint64_t address;
    uint32_t data;
};

/*
 * An input of the interrupt controllers, as the firmware numbers them; `is_old` is one of the PC's first sixteen, which may
 * arrive elsewhere. `is_level`: it holds as long as the device wants something, and is low then. For good.
 * GROVE_NOT_FOUND: no controller has it; GROVE_NO_MEMORY: there is no vector left.
 */
int interrupt_claim_line(uint32_t line, bool is_old, bool is_level, interrupt_handler *handler, void *context);
/* A message of its own. GROVE_NO_MEMORY: there is no vector left. For good. */
int interrupt_claim_message(interrupt_handler *handler, void *context, struct interrupt_message *message);

#endif
