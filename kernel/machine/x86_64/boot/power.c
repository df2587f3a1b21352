/* Switching off and resetting by the registers that ACPI names, with the PC's older ways after that: see power.h. */
#include "kernel/machine/x86_64/boot/power.h"

#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/mm/memory.h"

#include <stddef.h>

#define KEYBOARD_COMMAND 0x64u
#define KEYBOARD_RESET 0xfeu

/* One command, and where its register is seen if it lies in memory. */
struct place {
    struct acpi_command command;
    volatile uint8_t *memory;
};

static struct place reset, power_off[2];

static void prepare(struct place *place, const struct acpi_command *command) {
    place->command = *command;
    if (command->target.space == ACPI_SPACE_MEMORY && command->target.address != 0)
        place->memory = memory_map_device(command->target.address, sizeof(uint16_t));
}

static void run(const struct place *place) {
    const struct acpi_command *command = &place->command;
    if (command->target.address == 0)
        return;
    if (place->memory != NULL && command->is_byte)
        *place->memory = (uint8_t)command->value;
    else if (place->memory != NULL)
        *(volatile uint16_t *)(volatile void *)place->memory = command->value;
    else if (command->is_byte)
        out8((uint16_t)command->target.address, (uint8_t)command->value);
    else
        out16((uint16_t)command->target.address, command->value);
}

void power_init(const struct acpi_machine *machine) {
    prepare(&reset, &machine->reset);
    prepare(&power_off[0], &machine->power_off[0]);
    prepare(&power_off[1], &machine->power_off[1]);
}

static _Noreturn void stop(void) {
    for (;;) {
        interrupts_off();
        halt();
    }
}

void power_switch_off(void) {
    interrupts_off();
    run(&power_off[0]);
    run(&power_off[1]);
    stop();
}

/* Where nothing else helps: an interrupt table without entries, so that the next exception cannot be told of. */
static void fault_three_times(void) {
    struct {
        uint16_t limit;
        uint64_t base;
    } __attribute__((packed)) nothing = {0};
    __asm__ volatile("lidt %0\n\tint3" : : "m"(nothing));
}

void power_reset(void) {
    interrupts_off();
    run(&reset);
    out8(KEYBOARD_COMMAND, KEYBOARD_RESET);
    fault_three_times();
    stop();
}
