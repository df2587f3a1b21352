/* All processors: see processors.h. */
#include "kernel/machine/x86_64/smp/processors.h"

#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/interrupt/interrupts.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/machine/x86_64/time/clock.h"

#include <string.h>

#define TABLE_BITS 3u /* present, writable */
#define AFTER_FIRST_CALL_NS UINT64_C(1000000)
#define AFTER_SECOND_CALL_NS UINT64_C(10000000000) /* a busy host may keep a processor from running for long */

extern const uint8_t trampoline_start[], trampoline_end[], trampoline_root[], trampoline_processor_bytes[];
/* The entry's tables, of which the trampoline's are made once they are not needed any more. */
extern uint64_t boot_tables[][PAGE_TABLE_ENTRIES];

/* How many have taken a number, those that came too late included; the trampoline adds to it. */
uint32_t processors_arrived = 1;
static uint32_t count = 1;

uint32_t processors_count(void) {
    return count;
}

void processors_prepare(struct processor *processor) {
    processor->canary = processor_random() & ~UINT64_C(0xff); /* a zero byte stops a copied text */
    processor->deadline_ns = CLOCK_NEVER;
    processor->kernel_stack = memory_make_stack(KERNEL_STACK_BYTES);
    processor->task.stacks[0] = processor->kernel_stack;
    for (unsigned i = 1; i < EMERGENCY_STACKS; i++)
        processor->task.emergency_stacks[i - 1] = memory_make_stack(EMERGENCY_STACK_BYTES);
}

/* Root, and three tables down to the trampoline's page: it alone is in the lower half. */
static void make_trampoline_tables(void) {
    memset(boot_tables, 0, 4 * PAGE_BYTES);
    memcpy(&boot_tables[0][PAGE_KERNEL_ENTRY],
           (const uint64_t *)memory_view(memory_kernel_tables.root) + PAGE_KERNEL_ENTRY, PAGE_BYTES / 2);
    for (unsigned i = 0; i < 3; i++)
        boot_tables[i][0] = memory_physical(boot_tables[i + 1]) | TABLE_BITS;
    boot_tables[3][LAYOUT_TRAMPOLINE / PAGE_BYTES] = LAYOUT_TRAMPOLINE | 1; /* present */
}

static size_t offset_in_trampoline(const uint8_t *place) {
    return (uintptr_t)place - (uintptr_t)trampoline_start;
}

static void fill_trampoline(void) {
    uint8_t *copy = memory_view(LAYOUT_TRAMPOLINE);
    uint32_t root = (uint32_t)memory_physical(boot_tables);
    uint64_t bytes = sizeof(struct processor);
    memcpy(copy, trampoline_start, offset_in_trampoline(trampoline_end));
    memcpy(copy + offset_in_trampoline(trampoline_root), &root, sizeof(root));
    memcpy(copy + offset_in_trampoline(trampoline_processor_bytes), &bytes, sizeof(bytes));
}

/* Until the first `expected` are up. */
static bool come_up(uint32_t expected, uint64_t within_ns) {
    uint64_t end = clock_now_ns() + within_ns;
    for (uint32_t i = 1; i < expected;) {
        if (__atomic_load_n(&processors[i].is_up, __ATOMIC_ACQUIRE)) /* pairs with the store in processors_enter */
            i++;
        else if (clock_now_ns() > end)
            return false;
        else
            __builtin_ia32_pause();
    }
    return true;
}

/* Those of the table that are to be started: all but this one that can be reached, and no more than are wanted. */
static uint32_t choose(const struct acpi_processors *table, uint32_t limit, uint32_t chosen[ACPI_PROCESSORS_MAX]) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < table->count && found + 1 < limit; i++)
        if (table->apic_ids[i] != processors[0].apic_id && apic_reaches(table->apic_ids[i]))
            chosen[found++] = table->apic_ids[i];
    return found;
}

static void call_all(const uint32_t *chosen, uint32_t number) {
    for (uint32_t i = 0; i < number; i++)
        apic_send_startup(chosen[i], LAYOUT_TRAMPOLINE / PAGE_BYTES);
}

/*
 * No number is given any more. Who has one but is not up yet is near it, and no processor stands still between the two for
 * good; who comes later stops.
 */
static void close_door(uint32_t expected) {
    uint32_t came = __atomic_exchange_n(&processors_arrived, PROCESSORS_MAX, __ATOMIC_SEQ_CST);
    count = came < expected ? came : expected;
    if (!come_up(count, AFTER_SECOND_CALL_NS))
        panic("a processor began to come up and did not");
    if (count < expected)
        console_print("boot: %u processors did not come up\n", expected - count);
}

void processors_start(const struct acpi_processors *table, uint32_t limit) {
    uint32_t chosen[ACPI_PROCESSORS_MAX];
    processors[0].apic_id = apic_here();
    uint32_t number = choose(table, limit < PROCESSORS_MAX ? limit : PROCESSORS_MAX, chosen);
    for (uint32_t i = 1; i <= number; i++) {
        processors[i].number = i;
        processors_prepare(&processors[i]);
    }
    if (number == 0)
        return;
    make_trampoline_tables();
    fill_trampoline();
    for (uint32_t i = 0; i < number; i++)
        apic_send_init(chosen[i]);
    call_all(chosen, number);
    if (!come_up(number + 1, AFTER_FIRST_CALL_NS)) {
        call_all(chosen, number); /* as Intel wants it: one may be missed. Who runs already does not hear it */
        (void)come_up(number + 1, AFTER_SECOND_CALL_NS);
    }
    close_door(number + 1);
}

/* Called by the trampoline, on this processor's own stack. */
_Noreturn void processors_enter(struct processor *self);
void processors_enter(struct processor *self) {
    write_cr3(memory_kernel_tables.root);
    processor_init(self, self->number);
    apic_enable();
    self->apic_id = apic_here();
    __atomic_store_n(&self->is_up, true, __ATOMIC_RELEASE);
    threads_enter_processor();
}
