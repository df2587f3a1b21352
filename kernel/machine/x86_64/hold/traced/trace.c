/* The longest time that interrupts were off: see hold.h beside this, and trace.h. */
#include "kernel/machine/x86_64/hold/trace.h"

#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/panic/symbols.h"

/* Changed by its processor only, with interrupts off. Padded, so that processors do not disturb each other's measuring. */
static struct trace {
    uint64_t since; /* 0: nothing is measured */
    const void *from; /* where it began */
    uint64_t longest;
    const void *longest_from, *longest_to;
} __attribute__((aligned(64))) traces[PROCESSORS_MAX];

void hold_trace_begin(void) {
    struct trace *here = &traces[processor_here()->number];
    here->from = __builtin_return_address(0);
    here->since = read_cycles();
}

void hold_trace_end(void) {
    struct trace *here = &traces[processor_here()->number];
    uint64_t cycles = read_cycles() - here->since;
    if (here->since != 0 && cycles > here->longest) {
        here->longest = cycles;
        here->longest_from = here->from;
        here->longest_to = __builtin_return_address(0);
    }
    here->since = 0;
}

void hold_trace_reset(void) {
    for (uint32_t i = 0; i < PROCESSORS_MAX; i++)
        traces[i].longest = 0;
}

static const char *name_of(const void *place, uint64_t *offset) {
    const char *name = symbols_find((uint64_t)place - 1, offset);
    return name != NULL ? name : "?";
}

void hold_trace_print(void) {
    const struct trace *worst = &traces[0];
    uint64_t from_offset = 0, to_offset = 0;
    for (uint32_t i = 1; i < PROCESSORS_MAX; i++)
        if (traces[i].longest > worst->longest)
            worst = &traces[i];
    const char *from = name_of(worst->longest_from, &from_offset), *to = name_of(worst->longest_to, &to_offset);
    console_print("interrupts were off for %lu cycles at most, on processor %lu, from %s+0x%lx to %s+0x%lx\n",
                  worst->longest, (uint64_t)(worst - traces), from, from_offset, to, to_offset);
}
