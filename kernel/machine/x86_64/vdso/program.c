/*
 * What runs in programs: the time and the processor's number without a system call, under the names by which C libraries
 * look for them (man 7 vdso). Linked into one page, which lies behind the clock's wherever a program has both. It uses no
 * stack protector and no writable data, and falls back on system calls.
 */
#include "kernel/machine/x86_64/vdso/clock_page.h"

#include <stddef.h>

#define CALL_TIME 201
#define CALL_CLOCK_GETTIME 228
#define CALL_CLOCK_GETRES 229
#define CALL_GETTIMEOFDAY 96
#define CALL_GETCPU 309
#define NS_PER_SECOND INT64_C(1000000000)
#define NS_PER_MICROSECOND 1000

/* Clocks that are the wall's, or began with the kernel; the coarse ones are as exact as the others. */
#define WALL_CLOCKS (1u << 0 | 1u << 5)
#define OTHER_CLOCKS (1u << 1 | 1u << 4 | 1u << 6 | 1u << 7)
#define CLOCKS 8

struct time {
    int64_t seconds, rest; /* nanoseconds, or microseconds for gettimeofday */
};

struct time_zone {
    int32_t west, saving;
};

extern const struct clock_page vdso_clock; /* the linker script says where */

int __vdso_clock_gettime(int clock, struct time *time);
int __vdso_clock_getres(int clock, struct time *resolution);
int __vdso_gettimeofday(struct time *time, struct time_zone *zone);
int64_t __vdso_time(int64_t *seconds);
int __vdso_getcpu(uint32_t *processor, uint32_t *node, void *unused);

static int64_t call(int64_t number, int64_t first, int64_t second, int64_t third) {
    int64_t result;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(number), "D"(first), "S"(second), "d"(third)
                     : "rcx", "r11", "memory");
    return result;
}

static uint64_t read_cycles(void) {
    uint32_t low, high;
    __asm__ volatile("lfence\n\trdtsc" : "=a"(low), "=d"(high) : : "memory"); /* not before what came before */
    return low | (uint64_t)high << 32;
}

/* Nanoseconds of the wall's clock or of the kernel's; negative: nobody said yet how fast the cycles are. */
static int64_t read_clock(int is_wall) {
    const struct clock_page *page = &vdso_clock;
    uint32_t sequence;
    int64_t now;
    do {
        do
            sequence = __atomic_load_n(&page->sequence, __ATOMIC_ACQUIRE);
        while (sequence % 2 != 0);
        uint64_t factor = __atomic_load_n(&page->ns_per_cycle, __ATOMIC_RELAXED);
        uint64_t cycles = read_cycles() - __atomic_load_n(&page->first_cycle, __ATOMIC_RELAXED);
        now = factor != 0 ? (int64_t)(uint64_t)((unsigned __int128)cycles * factor >> 32) : -1;
        if (is_wall && factor != 0)
            now += __atomic_load_n(&page->began_ns, __ATOMIC_RELAXED);
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    } while (__atomic_load_n(&page->sequence, __ATOMIC_RELAXED) != sequence);
    return now;
}

static int is_one_of(int clock, unsigned clocks) {
    return clock >= 0 && clock < CLOCKS && (clocks >> clock & 1) != 0;
}

int __vdso_clock_gettime(int clock, struct time *time) {
    int64_t now = is_one_of(clock, WALL_CLOCKS | OTHER_CLOCKS) ? read_clock(is_one_of(clock, WALL_CLOCKS)) : -1;
    if (now < 0)
        return (int)call(CALL_CLOCK_GETTIME, clock, (int64_t)time, 0);
    time->seconds = now / NS_PER_SECOND;
    time->rest = now % NS_PER_SECOND;
    return 0;
}

int __vdso_clock_getres(int clock, struct time *resolution) {
    return (int)call(CALL_CLOCK_GETRES, clock, (int64_t)resolution, 0);
}

int __vdso_gettimeofday(struct time *time, struct time_zone *zone) {
    int64_t now = read_clock(1);
    if (now < 0)
        return (int)call(CALL_GETTIMEOFDAY, (int64_t)time, (int64_t)zone, 0);
    if (time != NULL)
        *time = (struct time){now / NS_PER_SECOND, now % NS_PER_SECOND / NS_PER_MICROSECOND};
    if (zone != NULL)
        *zone = (struct time_zone){0, 0};
    return 0;
}

int64_t __vdso_time(int64_t *seconds) {
    int64_t now = read_clock(1);
    if (now < 0)
        return call(CALL_TIME, (int64_t)seconds, 0, 0);
    if (seconds != NULL)
        *seconds = now / NS_PER_SECOND;
    return now / NS_PER_SECOND;
}

int __vdso_getcpu(uint32_t *processor, uint32_t *node, void *unused) {
    uint32_t low, high, number;
    if (vdso_clock.has_number == 0)
        return (int)call(CALL_GETCPU, (int64_t)processor, (int64_t)node, (int64_t)unused);
    __asm__ volatile("rdtscp" : "=a"(low), "=d"(high), "=c"(number));
    if (processor != NULL)
        *processor = number;
    if (node != NULL)
        *node = 0;
    return 0;
}
