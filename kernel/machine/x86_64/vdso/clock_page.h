/*
 * The page by which programs read the time without asking the kernel. The kernel writes it; programs have it below the page
 * with the functions that read it (program.c), and nothing else may.
 *
 * Whoever reads takes `sequence` before and after; if it was odd or has changed, something was being written.
 */
#ifndef GROVE_X86_64_CLOCK_PAGE_H
#define GROVE_X86_64_CLOCK_PAGE_H

#include <stdint.h>

struct clock_page {
    uint32_t sequence; /* atomic, as all that follows */
    uint32_t has_number; /* RDTSCP tells the processor's number */
    uint64_t first_cycle;
    uint64_t ns_per_cycle; /* times 2^32; 0: ask the kernel */
    int64_t began_ns; /* since 1970, when the clock was 0 */
};

#endif
