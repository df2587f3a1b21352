/* The clock and each processor's deadline: see clock.h. */
#include "kernel/machine/x86_64/time/clock.h"

#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/cpu/registers.h"
#include "kernel/machine/x86_64/interrupt/apic.h"
#include "kernel/machine/x86_64/panic/panic.h"
#include "kernel/machine/x86_64/thread/machine.h"

#define OLD_TIMER_CHANNEL 0x40u
#define OLD_TIMER_COMMAND 0x43u
#define OLD_TIMER_COUNT_ONCE 0x30u /* channel 0, two bytes, count down once */
#define OLD_TIMER_LATCH 0x00u
#define OLD_TIMER_HERTZ UINT64_C(1193182)
#define MEASURED_TICKS 2386u /* two milliseconds */
#define OLD_TIMER_STATE 0xe2u /* read back: the state of channel 0 */
#define OLD_TIMER_RUN_OUT 0x80u
#define MEASURE_TRIES 8u
#define SAMPLE_TRIES 8u
#define READS_MAX 1000000u /* a timer that stands still must not stop the kernel silently */

#define NS_PER_SECOND UINT64_C(1000000000)
/* The largest step of the local APIC's timer; a deadline further away takes several. */
#define STEP_NS_MAX (NS_PER_SECOND / 4)

static uint64_t first_cycle;
static uint64_t ns_per_cycle; /* times 2^32 */
static uint64_t counts_per_ns; /* of the local APIC's timer, times 2^32 */

static uint32_t old_timer_left(void) {
    out8(OLD_TIMER_COMMAND, OLD_TIMER_LATCH);
    uint32_t low = in8(OLD_TIMER_CHANNEL);
    return low | (uint32_t)in8(OLD_TIMER_CHANNEL) << 8;
}

/* The three clocks at one moment. */
struct sample {
    uint64_t cycles;
    uint32_t old_timer, apic_timer;
};

/*
 * Something may come between the readings (a hypervisor that gives the processor to another): of several tries the one that
 * was over soonest counts.
 */
static struct sample take_sample(void) {
    struct sample best = {0};
    uint64_t shortest = UINT64_MAX;
    for (unsigned i = 0; i < SAMPLE_TRIES; i++) {
        struct sample sample = {.cycles = read_cycles()};
        sample.old_timer = old_timer_left();
        sample.apic_timer = apic_timer_left();
        uint64_t duration = read_cycles() - sample.cycles;
        if (duration < shortest) {
            shortest = duration;
            best = sample;
        }
    }
    return best;
}

/* The old timer has counted down, and begins again with numbers that mean nothing. */
static bool has_run_out(void) {
    out8(OLD_TIMER_COMMAND, OLD_TIMER_STATE);
    return (in8(OLD_TIMER_CHANNEL) & OLD_TIMER_RUN_OUT) != 0;
}

/* Two moments, MEASURED_TICKS or more apart. False: they are too far apart, or the old timer stands still. */
static bool measure(struct sample *first, struct sample *last) {
    uint32_t reads = 0;
    apic_timer_measure(UINT32_MAX);
    out8(OLD_TIMER_COMMAND, OLD_TIMER_COUNT_ONCE);
    out8(OLD_TIMER_CHANNEL, 0xff);
    out8(OLD_TIMER_CHANNEL, 0xff);
    *first = take_sample();
    while (first->old_timer - old_timer_left() < MEASURED_TICKS && reads < READS_MAX)
        reads++;
    *last = take_sample();
    apic_timer_measure(0);
    return reads < READS_MAX && !has_run_out();
}

void clock_init(void) {
    struct sample first, last;
    unsigned tries = 0;
    while (!measure(&first, &last) && tries < MEASURE_TRIES)
        tries++;
    uint64_t ticks = first.old_timer - last.old_timer;
    uint64_t cycles = last.cycles - first.cycles, counts = first.apic_timer - last.apic_timer;
    if (tries == MEASURE_TRIES || ticks == 0 || cycles == 0 || counts == 0)
        panic("there is no timer to measure the clock by");
    uint64_t ns = ticks * NS_PER_SECOND / OLD_TIMER_HERTZ;
    first_cycle = first.cycles;
    ns_per_cycle = (ns << 32) / cycles;
    counts_per_ns = (counts << 32) / ns;
}

static uint64_t scale(uint64_t value, uint64_t factor) {
    return (uint64_t)((unsigned __int128)value * factor >> 32);
}

uint64_t clock_now_ns(void) {
    return scale(read_cycles() - first_cycle, ns_per_cycle);
}

/* What day it was when the kernel began is not asked yet: 1970. */
int64_t clock_wall_ns(void) {
    return (int64_t)clock_now_ns();
}

uint64_t clock_cycles_per_second(void) {
    return (NS_PER_SECOND << 32) / ns_per_cycle;
}

void clock_spin_ns(uint64_t duration_ns) {
    uint64_t end = clock_now_ns() + duration_ns;
    while (clock_now_ns() < end)
        __builtin_ia32_pause();
}

/* One step towards a deadline: all of it, or as far as the timer can count. */
static void arm(uint64_t deadline_ns) {
    uint64_t now = clock_now_ns();
    uint64_t left = deadline_ns > now ? deadline_ns - now : 0;
    uint64_t count = scale(left < STEP_NS_MAX ? left : STEP_NS_MAX, counts_per_ns) + 1;
    apic_timer_set(count < UINT32_MAX ? (uint32_t)count : UINT32_MAX);
}

void clock_set_deadline(uint64_t deadline_ns) {
    processor_here()->deadline_ns = deadline_ns;
    if (deadline_ns == CLOCK_NEVER)
        apic_timer_set(0);
    else
        arm(deadline_ns);
}

void clock_interrupt(void) {
    struct processor *here = processor_here();
    here->timer_interrupts++;
    if (here->deadline_ns == CLOCK_NEVER)
        return;
    if (clock_now_ns() < here->deadline_ns) {
        arm(here->deadline_ns);
        return;
    }
    here->deadline_ns = CLOCK_NEVER;
    threads_interrupt();
}
