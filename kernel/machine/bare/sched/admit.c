/*
 * Room for deadlines. A processor takes them as long as their densities, runtime / relative deadline, add up to no more
 * than SCHED_ADMIT_PPM: then earliest deadline first meets them all, on each processor by itself and so in all.
 */
#include "kernel/machine/bare/sched/internal.h"

#define PPM UINT64_C(1000000)

static uint64_t density_ppm(const struct sched_context *context) {
    return (context->runtime_ns * PPM + context->relative_ns - 1) / context->relative_ns;
}

int admit(struct scheduler *scheduler, struct sched_context *context, uint64_t affinity) {
    if (context->class != GROVE_SCHEDULE_DEADLINE)
        return GROVE_OK;
    struct sched_processor *best = NULL;
    for (uint32_t i = 0; i < scheduler->count; i++) {
        struct sched_processor *processor = &scheduler->processors[i];
        if ((affinity >> i & 1) != 0 && (best == NULL || processor->admitted_ppm < best->admitted_ppm))
            best = processor;
    }
    if (best == NULL || best->admitted_ppm + density_ppm(context) > SCHED_ADMIT_PPM)
        return GROVE_EXHAUSTED;
    best->admitted_ppm += density_ppm(context);
    context->home = (uint32_t)(best - scheduler->processors);
    return GROVE_OK;
}

void admit_end(struct scheduler *scheduler, struct sched_context *context) {
    if (context->class == GROVE_SCHEDULE_DEADLINE)
        scheduler->processors[context->home].admitted_ppm -= density_ppm(context);
}
