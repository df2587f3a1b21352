/* Histogram of reaction times; see statistics.h. Pure. */
#include "examples/grid/common/statistics.h"

/* Eight buckets per octave; below 8 a bucket holds one value. */
static unsigned bucket_of(uint64_t value) {
    if (value < 8)
        return (unsigned)value;
    unsigned octave = 63u - (unsigned)__builtin_clzll(value);
    unsigned bucket = (octave - 2) * 8 + (unsigned)(value >> (octave - 3) & 7);
    return bucket < STATISTICS_BUCKETS ? bucket : STATISTICS_BUCKETS - 1;
}

/* The largest value that falls into a bucket. */
static uint64_t bucket_edge(unsigned bucket) {
    if (bucket < 8)
        return bucket;
    unsigned octave = bucket / 8 + 2;
    return ((uint64_t)(8 + bucket % 8 + 1) << (octave - 3)) - 1;
}

void statistics_add(struct statistics *statistics, uint64_t value_ns, uint64_t deadline_ns) {
    statistics->count++;
    if (value_ns > deadline_ns)
        statistics->missed++;
    if (value_ns > statistics->worst_ns)
        statistics->worst_ns = value_ns;
    statistics->bucket[bucket_of(value_ns)]++;
}

uint64_t statistics_median_ns(const struct statistics *statistics) {
    uint64_t seen = 0;
    for (unsigned i = 0; i < STATISTICS_BUCKETS; i++) {
        seen += statistics->bucket[i];
        if (statistics->bucket[i] > 0 && seen * 2 >= statistics->count) {
            uint64_t edge = bucket_edge(i);
            return edge < statistics->worst_ns ? edge : statistics->worst_ns;
        }
    }
    return 0;
}
