/*
 * Reaction times: how many, the worst, the median, and how many missed the deadline.
 *
 * A histogram with buckets an eighth of an octave wide, so that the median of any number of reactions takes fixed memory
 * (it lives in a state region) and is exact to 13 %. Percentiles are given as the upper edge of their bucket.
 */
#ifndef GRID_COMMON_STATISTICS_H
#define GRID_COMMON_STATISTICS_H

#include <stdint.h>

#define STATISTICS_BUCKETS 320u /* 8 for each power of two, up to 2^40 ns: 18 minutes */

struct statistics {
    uint64_t count;
    uint64_t missed; /* over the deadline */
    uint64_t worst_ns;
    uint64_t bucket[STATISTICS_BUCKETS];
};

void statistics_add(struct statistics *statistics, uint64_t value_ns, uint64_t deadline_ns);
/* Upper edge of the bucket that holds the middle value, at most the worst; 0 if nothing was added. */
uint64_t statistics_median_ns(const struct statistics *statistics);

#endif
