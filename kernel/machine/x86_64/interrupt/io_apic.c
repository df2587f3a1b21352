/* The I/O APICs, and the vectors of devices: see io_apic.h. */
#include "kernel/machine/x86_64/interrupt/io_apic.h"

#include "grove/abi/status.h"
#include "kernel/machine/bare/spinlock.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/machine/x86_64/mm/memory.h"

#include <stddef.h>

#define REGISTERS_BYTES 32u
#define REGISTER_CHOICE 0u
#define REGISTER_WINDOW 16u
#define NUMBER_VERSION 1u
#define NUMBER_ENTRIES 16u /* two for each line */
#define ENTRY_MASKED (1u << 16)
#define ENTRY_LEVEL (1u << 15)
#define ENTRY_LOW (1u << 13)
#define FLAGS_POLARITY 3u
#define FLAGS_LOW 3u
#define FLAGS_TRIGGER 12u
#define FLAGS_LEVEL 12u
#define OLD_LINES 16u
#define MESSAGE_ADDRESS 0xfee00000u /* to the processor whose number stands in bits 12 to 19 */
#define VECTORS_OF_DEVICES (VECTOR_DEVICES_END - VECTOR_DEVICES)

struct io_apic {
    volatile uint8_t *registers;
    uint32_t first_line, lines;
};

struct claim {
    interrupt_handler *handler; /* stored with release, loaded with acquire in interrupt_deliver */
    void *context;
};

static const struct acpi_processors *known;
static struct io_apic io_apics[ACPI_IO_APICS_MAX];
static struct claim claims[VECTORS_OF_DEVICES];
static uint32_t claimed;
static uint32_t target; /* the number of the processor that booted */
static struct spinlock lock; /* of all above */

static uint32_t read(const struct io_apic *apic, uint32_t number) {
    *(volatile uint32_t *)(apic->registers + REGISTER_CHOICE) = number;
    return *(volatile uint32_t *)(apic->registers + REGISTER_WINDOW);
}

static void write(const struct io_apic *apic, uint32_t number, uint32_t value) {
    *(volatile uint32_t *)(apic->registers + REGISTER_CHOICE) = number;
    *(volatile uint32_t *)(apic->registers + REGISTER_WINDOW) = value;
}

void io_apic_init(const struct acpi_processors *table) {
    known = table;
    target = apic_here();
    for (uint32_t i = 0; i < table->io_apics_count; i++) {
        struct io_apic *apic = &io_apics[i];
        apic->registers = memory_map_device(table->io_apics[i].address, REGISTERS_BYTES);
        apic->first_line = table->io_apics[i].first_line;
        apic->lines = (read(apic, NUMBER_VERSION) >> 16 & 0xff) + 1;
        for (uint32_t line = 0; line < apic->lines; line++)
            write(apic, NUMBER_ENTRIES + 2 * line, ENTRY_MASKED);
    }
}

/* With the lock held. A negative status, or the vector. */
static int claim_vector(interrupt_handler *handler, void *context) {
    if (claimed == VECTORS_OF_DEVICES)
        return GROVE_NO_MEMORY;
    claims[claimed].context = context;
    __atomic_store_n(&claims[claimed].handler, handler, __ATOMIC_RELEASE);
    return (int)(VECTOR_DEVICES + claimed++);
}

static const struct io_apic *find(uint32_t line) {
    for (uint32_t i = 0; known != NULL && i < known->io_apics_count; i++)
        if (line >= io_apics[i].first_line && line - io_apics[i].first_line < io_apics[i].lines)
            return &io_apics[i];
    return NULL;
}

/* How an old interrupt arrives, where the firmware says otherwise than the bus has it. */
static uint32_t mode_of(uint16_t flags, uint32_t mode) {
    if ((flags & FLAGS_TRIGGER) != 0)
        mode = (mode & ~ENTRY_LEVEL) | ((flags & FLAGS_TRIGGER) == FLAGS_LEVEL ? ENTRY_LEVEL : 0);
    if ((flags & FLAGS_POLARITY) != 0)
        mode = (mode & ~ENTRY_LOW) | ((flags & FLAGS_POLARITY) == FLAGS_LOW ? ENTRY_LOW : 0);
    return mode;
}

int interrupt_claim_line(uint32_t line, bool is_old, bool is_level, interrupt_handler *handler, void *context) {
    uint32_t mode = is_level ? ENTRY_LEVEL | ENTRY_LOW : 0;
    if (is_old && known != NULL && line < OLD_LINES) {
        mode = mode_of(known->old_interrupts[line].flags, mode);
        line = known->old_interrupts[line].line;
    }
    const struct io_apic *apic = find(line);
    if (apic == NULL || target > UINT8_MAX)
        return GROVE_NOT_FOUND;
    spinlock_lock(&lock);
    int vector = claim_vector(handler, context);
    if (vector >= 0) {
        uint32_t entry = NUMBER_ENTRIES + 2 * (line - apic->first_line);
        write(apic, entry + 1, target << 24);
        write(apic, entry, mode | (uint32_t)vector);
    }
    spinlock_unlock(&lock);
    return vector < 0 ? vector : 0;
}

int interrupt_claim_message(interrupt_handler *handler, void *context, struct interrupt_message *message) {
    spinlock_lock(&lock);
    int vector = target <= UINT8_MAX ? claim_vector(handler, context) : GROVE_NO_MEMORY;
    spinlock_unlock(&lock);
    if (vector < 0)
        return vector;
    *message = (struct interrupt_message){.address = MESSAGE_ADDRESS | target << 12, .data = (uint32_t)vector};
    return 0;
}

bool interrupt_deliver(uint64_t vector) {
    if (vector < VECTOR_DEVICES || vector >= VECTOR_DEVICES_END)
        return false;
    const struct claim *claim = &claims[vector - VECTOR_DEVICES];
    interrupt_handler *handler = __atomic_load_n(&claim->handler, __ATOMIC_ACQUIRE);
    if (handler == NULL)
        return false;
    handler(claim->context);
    return true;
}
