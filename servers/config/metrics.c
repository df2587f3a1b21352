/* What the configuration service has done and keeps. */
#include "servers/common/metric.h"
#include "servers/config/config.h"

static void collect(struct grove_metrics *metrics, void *context) {
    const struct config *config = context;
    metric_counter(metrics, "changes", "Changes that were applied since the system was made.", config->state.number);
    metric_gauge(metrics, "waiting_changes", "Changes that wait or are under way.", config->change_count);
    metric_gauge(metrics, "sources", "Sources that give values.", config->state.source_count);
    metric_gauge(metrics, "maps", "Services that read their configuration.", config->map_count);
    metric_gauge(metrics, "watchers", "Services that are told of changes.", config->watcher_count);
    metric_gauge(metrics, "files_problem", "1: the files do not count as they stand; grove config says why.",
                 config->problem[0] != '\0');
}

void metrics_serve(struct config *config, struct grove_service *service) {
    metric_serve(service, GROVE_CONFIG_ENDPOINT, collect, config);
}
