/* What can only be tested on the machine itself, with all of its processors: see tests.h. */
#include "kernel/machine/x86_64/boot/layout.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/machine/x86_64/time/clock.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

/* ---- the tables ---- */

extern const char image_start[], image_text_end[], image_rodata_end[], image_data_end[], image_tables_end[],
    image_end[];

/* The flags of the page that holds an address; all bits if there is none. */
static unsigned flags_at(uint64_t address) {
    struct page_mapping mapping;
    return page_find(&memory_kernel_tables, address, &mapping) ? mapping.flags : ~0u;
}

const char *self_test_tables(void) {
    uint64_t text = (uint64_t)image_start, constants = (uint64_t)image_text_end, data = (uint64_t)image_rodata_end;
    if (flags_at(text) != (PAGE_EXECUTE | PAGE_GLOBAL) || flags_at(constants - 1) != (PAGE_EXECUTE | PAGE_GLOBAL))
        return "the text is not just executable";
    if (flags_at(constants) != PAGE_GLOBAL || flags_at(data - 1) != PAGE_GLOBAL)
        return "the constants are not just readable";
    if (flags_at(data) != (PAGE_WRITE | PAGE_GLOBAL))
        return "the data is not just writable";
    uint64_t tables = (uint64_t)image_data_end, zero = (uint64_t)image_tables_end;
    if (flags_at(tables) != PAGE_GLOBAL || flags_at(zero - 1) != PAGE_GLOBAL)
        return "the tables are not just readable";
    if (flags_at(zero) != (PAGE_WRITE | PAGE_GLOBAL))
        return "the data that begins as zeros is not just writable";
    uint64_t linked = LAYOUT_IMAGE + LAYOUT_IMAGE_PHYSICAL;
    if (text != linked && flags_at(linked) != ~0u)
        return "the image is still seen where it was linked to run";
    if (flags_at(LAYOUT_DIRECT + memory_physical(image_start)) != ~0u)
        return "the text is seen twice";
    if (flags_at(0) != ~0u || flags_at(LAYOUT_IMAGE_PHYSICAL) != ~0u)
        return "something is mapped in the lower half";
    for (uint32_t i = 0; i < processors_count(); i++)
        if (flags_at(processors[i].kernel_stack - KERNEL_STACK_BYTES - 1) != ~0u)
            return "a stack has no guard page";
    return NULL;
}

/* ---- memory, by all processors at once ---- */

#define HELD 96u
#define STEPS 4000u

struct stress {
    uint32_t number;
    const char *fault;
    uint8_t *held[HELD];
    size_t sizes[HELD];
};

static bool is_filled(const uint8_t *piece, size_t size, uint8_t value) {
    for (size_t i = 0; i < size; i++)
        if (piece[i] != value)
            return false;
    return true;
}

static void stress_memory(void *argument) {
    struct stress *stress = argument;
    uint32_t random = stress->number + 1;
    uint8_t mark = (uint8_t)(0xa0 + stress->number);
    for (uint32_t step = 0; step < STEPS && stress->fault == NULL; step++) {
        random = random * 1664525 + 1013904223;
        uint32_t i = (random >> 16) % HELD;
        if (stress->held[i] != NULL) {
            if (!is_filled(stress->held[i], stress->sizes[i], mark))
                stress->fault = "a piece of memory was changed by somebody else";
            memory_give_back(stress->held[i]);
            stress->held[i] = NULL;
            continue;
        }
        stress->sizes[i] = 1 + (random >> 8) % ((random >> 28) == 0 ? 9000 : 700);
        stress->held[i] = memory_take(stress->sizes[i]);
        if (stress->held[i] == NULL)
            stress->fault = "there is no memory";
        else if (!is_filled(stress->held[i], stress->sizes[i], 0))
            stress->fault = "memory was not zero when it was taken";
        else
            memset(stress->held[i], mark, stress->sizes[i]);
    }
    for (uint32_t i = 0; i < HELD; i++)
        memory_give_back(stress->held[i]);
}

const char *self_test_memory(void) {
    struct stress *stress = memory_take(processors_count() * sizeof(*stress));
    const char *fault = NULL;
    if (stress == NULL)
        return "there is no memory";
    for (uint32_t i = 0; i < processors_count(); i++)
        stress[i].number = i;
    for (uint32_t i = 0; i < processors_count(); i++)
        processors_call(i, stress_memory, &stress[i]);
    for (uint32_t i = 0; i < processors_count(); i++)
        processors_wait(i);
    for (uint32_t i = 0; i < processors_count(); i++)
        fault = stress[i].fault != NULL ? stress[i].fault : fault;
    memory_give_back(stress);
    return fault;
}

/* ---- processors ---- */

static void say_who(void *argument) {
    *(uint32_t *)argument = processor_here()->number;
}

const char *self_test_processors(void) {
    for (uint32_t i = 0; i < processors_count(); i++) {
        uint32_t number = UINT32_MAX;
        processors_call(i, say_who, &number);
        processors_wait(i);
        if (number != i)
            return "a processor takes itself for another";
        for (uint32_t j = 0; j < i; j++)
            if (processors[j].canary == processors[i].canary || processors[j].apic_id == processors[i].apic_id)
                return "two processors have a canary or an APIC number in common";
    }
    return NULL;
}

/* ---- the clock ---- */

#define SLEEP_NS UINT64_C(20000000)
#define INTERRUPTS_MAX 8u /* a tick of a thousandth of a second would be twenty */

/* Sleep to a moment; the number of timer interrupts meanwhile goes into the argument, UINT64_MAX if it was early. */
static void sleep_once(void *argument) {
    static struct wait_queue nothing;
    const struct processor *here = processor_here(); /* this thread stays there */
    uint64_t before = here->timer_interrupts, until = clock_now_ns() + SLEEP_NS;
    int status = thread_sleep(&nothing, NULL, until);
    bool is_early = clock_now_ns() < until || status != -LINUX_ETIMEDOUT;
    *(uint64_t *)argument = is_early ? UINT64_MAX : here->timer_interrupts - before;
}

/*
 * To sleep is one interrupt (some more where the timer runs a little fast), not one for each tick. It may be none: what is due is
 * done in whatever interrupt comes first.
 */
static const char *sleep_everywhere(void) {
    uint64_t counts[PROCESSORS_MAX] = {0};
    for (uint32_t i = 0; i < processors_count(); i++)
        processors_call(i, sleep_once, &counts[i]);
    for (uint32_t i = 0; i < processors_count(); i++)
        processors_wait(i);
    for (uint32_t i = 0; i < processors_count(); i++)
        if (counts[i] == UINT64_MAX)
            return "a sleep ended before its deadline";
        else if (counts[i] > INTERRUPTS_MAX)
            return "a deadline was more than an interrupt";
    return NULL;
}

static void spin(void *argument) {
    const struct processor *here = processor_here();
    uint64_t before = here->timer_interrupts;
    clock_spin_ns(SLEEP_NS);
    *(uint64_t *)argument = here->timer_interrupts - before;
}

/* Neither a processor without a thread nor one with a single thread is interrupted by its timer. */
static const char *disturb_nobody(void) {
    uint64_t interrupts = 0, idle = 0;
    uint32_t other = processors_count() - 1, alone = processors_count() > 2 ? other - 1 : other;
    const struct processor *empty = &processors[other];
    if (other == 0)
        return NULL;
    processors_call(alone, spin, &interrupts);
    processors_wait(alone);
    idle = empty->timer_interrupts;
    processors_call(alone, spin, &interrupts);
    processors_wait(alone);
    if (interrupts > 1) /* a timer that was set for what ran before may still ring */
        return "a thread that is alone on its processor was interrupted by the timer";
    return alone != other && empty->timer_interrupts != idle
               ? "a processor with nothing to do was interrupted by its timer"
               : NULL;
}

const char *self_test_clock(void) {
    const char *fault = sleep_everywhere();
    return fault != NULL ? fault : disturb_nobody();
}
