/* What was decided about failures, by cause and by step. */
#include "servers/common/metric.h"
#include "servers/reincarnation/reincarnation.h"

static uint64_t by_cause[GROVE_RECOVERY_CAUSES], by_step[GROVE_RECOVERY_STEPS];

void metrics_count(const struct matter *matter) {
    if (matter->cause < GROVE_RECOVERY_CAUSES)
        by_cause[matter->cause]++;
    if (matter->step < GROVE_RECOVERY_STEPS)
        by_step[matter->step]++;
}

static void collect(struct grove_metrics *metrics, void *context) {
    (void)context;
    for (uint32_t cause = 0; cause < GROVE_RECOVERY_CAUSES; cause++)
        metric_counter_of(metrics, "failures", "Failures that were decided about, by cause.", "cause",
                          grove_recovery_cause_text(cause), by_cause[cause]);
    for (uint32_t step = 0; step < GROVE_RECOVERY_STEPS; step++)
        metric_counter_of(metrics, "steps", "What was decided: how much was restarted, or given up.", "step",
                          grove_recovery_step_text(step), by_step[step]);
}

void metrics_serve(struct grove_service *service) {
    metric_serve(service, GROVE_REINCARNATION_ENDPOINT, collect, NULL);
}
