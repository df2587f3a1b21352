/* Under-frequency load shedding; see shedding.h. Pure. */
#include "examples/grid/protect/shedding.h"

#include <stdlib.h>
#include <string.h>

#define FRESH_NS 100000000u
#define LEAST_HZ 10.0 /* a dead measurement reads 0 and says nothing about the grid */

static int by_value(const void *left, const void *right) {
    double a = *(const double *)left, b = *(const double *)right;
    return a < b ? -1 : a > b;
}

/* The median of the fresh measurements; 0 if there is none. */
static double frequency_of_grid(const struct shedding *shedding, const struct grid_config *config, uint64_t time_ns) {
    double fresh[GRID_FEEDERS_MAX] = {0};
    unsigned count = 0;
    for (unsigned i = 0; i < config->feeder_count; i++)
        if (shedding->measured[i].time_ns > 0 && shedding->measured[i].time_ns + FRESH_NS >= time_ns)
            fresh[count++] = shedding->measured[i].frequency_hz;
    qsort(fresh, count, sizeof fresh[0], by_value);
    return count == 0 ? 0 : fresh[count / 2];
}

/* The closed feeder that is to go first, or -1: only those that must never be shed are left. */
static int first_to_shed(const struct grid_config *config, const bool is_open[GRID_FEEDERS_MAX], uint64_t chosen) {
    int first = -1;
    for (unsigned i = 0; i < config->feeder_count; i++) {
        if (config->feeder[i].priority == 0 || is_open[i] || chosen >> i & 1)
            continue;
        if (first < 0 || config->feeder[i].priority > config->feeder[first].priority)
            first = (int)i;
    }
    return first;
}

static bool stage_is_due(struct shedding *shedding, const struct config_stage *stage, unsigned index,
                         uint64_t time_ns) {
    if (shedding->frequency_hz >= stage->below_hz) {
        shedding->below_since_ns[index] = 0;
        return false;
    }
    if (shedding->below_since_ns[index] == 0)
        shedding->below_since_ns[index] = time_ns;
    uint64_t since = shedding->below_since_ns[index];
    return index >= shedding->stages_done && time_ns >= since && time_ns - since >= stage->delay_ns;
}

uint64_t shedding_measure(struct shedding *shedding, const struct grid_config *config, unsigned feeder,
                          double frequency_hz, uint64_t time_ns, const bool is_open[GRID_FEEDERS_MAX]) {
    if (!(frequency_hz > LEAST_HZ))
        return 0;
    shedding->measured[feeder].time_ns = time_ns;
    shedding->measured[feeder].frequency_hz = frequency_hz;
    shedding->frequency_hz = frequency_of_grid(shedding, config, time_ns);
    uint64_t shed = 0;
    for (unsigned stage = 0; stage < config->stage_count; stage++) {
        if (!stage_is_due(shedding, &config->stage[stage], stage, time_ns))
            continue;
        for (uint64_t i = 0; i < config->stage[stage].feeders; i++) {
            int next = first_to_shed(config, is_open, shed);
            if (next >= 0)
                shed |= UINT64_C(1) << next;
        }
        shedding->stages_done = stage + 1;
    }
    return shed;
}

void shedding_reset(struct shedding *shedding) {
    shedding->stages_done = 0;
    memset(shedding->below_since_ns, 0, sizeof shedding->below_since_ns);
}
