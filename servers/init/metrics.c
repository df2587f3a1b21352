/* How the start went, and how the system services are. */
#include <stdio.h>

#include "servers/common/metric.h"
#include "servers/init/init.h"

static double seconds(uint64_t from_ns, uint64_t to_ns) {
    return to_ns > from_ns ? (double)(to_ns - from_ns) / (double)GROVE_SECOND : 0;
}

static void tell_boot(struct grove_metrics *metrics, const struct init *init) {
    const struct boot_progress *progress = init->progress;
    metric_gauge(metrics, "boot_seconds", "From the start of the kernel until all phases were over; 0 not yet.",
                 seconds(init->booted_ns, progress->ready_ns));
    for (unsigned phase = 0; phase < INIT_PHASES; phase++) {
        char number[4];
        (void)snprintf(number, sizeof number, "%u", phase);
        metric_gauge_of(metrics, "boot_phase_seconds", "How long each phase of the start took.", "phase", number,
                        seconds(progress->phase[phase].begin_ns, progress->phase[phase].end_ns));
    }
}

static void collect(struct grove_metrics *metrics, void *context) {
    const struct init *init = context;
    tell_boot(metrics, init);
    metric_gauge(metrics, "missing_services", "System services that are not ready.", phases_missing(init));
    for (uint32_t i = 0; i < init->count; i++) {
        const struct unit *unit = &init->units[i];
        metric_gauge_of(metrics, "service_ready", "Whether the system service is ready.", "service", unit->name,
                        unit->state == REGISTRY_STATE_READY);
        metric_counter_of(metrics, "restarts", "Further starts of the system service.", "service", unit->name,
                          unit->generation > 0 ? unit->generation - 1 : 0);
    }
}

void metrics_serve(struct init *init, struct grove_service *service) {
    metric_serve(service, INIT_ENDPOINT, collect, init);
}
