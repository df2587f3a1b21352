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

extern const uint8_t trampoline_start[], trampoline_end[], trampoline_root[], trampoline_processor[];
/* The entry's tables, of which the trampoline's are made once they are not needed any more. */
extern uint64_t boot_tables[][PAGE_TABLE_ENTRIES];

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

static void fill_trampoline(struct processor *processor) {
    uint8_t *copy = memory_view(LAYOUT_TRAMPOLINE);
    uint32_t root = (uint32_t)memory_physical(boot_tables);
    memcpy(copy, trampoline_start, offset_in_trampoline(trampoline_end));
    memcpy(copy + offset_in_trampoline(trampoline_root), &root, sizeof(root));
    memcpy(copy + offset_in_trampoline(trampoline_processor), &processor, sizeof(processor));
}

static bool comes_up(const struct processor *processor, uint64_t within_ns) {
    uint64_t end = clock_now_ns() + within_ns;
    while (!__atomic_load_n(&processor->is_up, __ATOMIC_ACQUIRE)) /* pairs with the store in processors_enter */
        if (clock_now_ns() > end)
            return false;
    return true;
}

static bool start(struct processor *processor) {
    fill_trampoline(processor);
    apic_send_init(processor->apic_id);
    apic_send_startup(processor->apic_id, LAYOUT_TRAMPOLINE / PAGE_BYTES);
    if (comes_up(processor, AFTER_FIRST_CALL_NS))
        return true;
    apic_send_startup(processor->apic_id, LAYOUT_TRAMPOLINE / PAGE_BYTES); /* as Intel wants it: it may miss one */
    return comes_up(processor, AFTER_SECOND_CALL_NS);
}

void processors_start(const struct acpi_processors *table, uint32_t limit) {
    uint32_t here = apic_here();
    processors[0].apic_id = here;
    make_trampoline_tables();
    for (uint32_t i = 0; i < table->count && count < limit && count < PROCESSORS_MAX; i++) {
        struct processor *processor = &processors[count];
        if (table->apic_ids[i] == here || table->apic_ids[i] >= APIC_IDS)
            continue;
        processor->apic_id = table->apic_ids[i];
        processor->number = count;
        processors_prepare(processor);
        if (!start(processor)) {
            /* Its place stays taken: it may come up yet, and must find its stack. */
            panic("processor with APIC number %u does not come up", processor->apic_id);
        }
        count++;
    }
}

/* Called by the trampoline, on this processor's own stack. */
_Noreturn void processors_enter(struct processor *self);
void processors_enter(struct processor *self) {
    write_cr3(memory_kernel_tables.root);
    processor_init(self, self->number);
    apic_enable();
    __atomic_store_n(&self->is_up, true, __ATOMIC_RELEASE);
    threads_enter_processor();
}
