/* How many services are in which state, and how often they were started again. */
#include "grove/registry.h"
#include "servers/common/metric.h"
#include "servers/registry/registry.h"

static const char *const causes[] = {"none",    "exit",         "signal",       "killed",
                                     "stopped", "memory-limit", "start-failed", "port-overrun"};
_Static_assert(sizeof causes / sizeof causes[0] == REGISTRY_EXIT_CAUSES, "each cause has a word");

static void collect(struct grove_metrics *metrics, void *context) {
    const struct registry *registry = context;
    uint64_t counts[REGISTRY_STATE_COUNT] = {0}, wanted = 0;
    for (const struct record *record = registry->first; record != NULL; record = record->next) {
        counts[record->state]++;
        wanted += record->is_wanted;
    }
    for (unsigned state = 0; state < REGISTRY_STATE_COUNT; state++)
        metric_gauge_of(metrics, "services", "User services, by state.", "state", grove_service_state_text(state),
                        (double)counts[state]);
    metric_gauge(metrics, "wanted_services", "User services that shall run.", (double)wanted);
    for (unsigned cause = 0; cause < REGISTRY_EXIT_CAUSES; cause++)
        metric_counter_of(metrics, "restarts", "Further starts of user services, by how the instance before ended.",
                          "cause", causes[cause], registry->restarts[cause]);
}

void metrics_serve(struct registry *registry, struct grove_service *service) {
    metric_serve(service, REGISTRY_ENDPOINT, collect, registry);
}
