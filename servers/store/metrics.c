/* What the store has committed, and what its namespaces hold. */
#include "servers/common/metric.h"
#include "servers/store/store.h"

/* A namespace that nobody has used since the start is not known by its size, and is not told. */
static void tell_namespaces(struct grove_metrics *metrics, const struct engine *engine) {
    uint32_t count = 0;
    for (uint32_t id = 0; id < engine->id_limit; id++) {
        const struct namespace *space = engine->by_id[id];
        if (space == NULL || space->is_dropped)
            continue;
        count++;
        if (!space->is_loaded)
            continue;
        metric_gauge_of(metrics, "used_bytes", "Bytes in the namespace.", "namespace", space->name,
                        (double)space->used_bytes);
        metric_gauge_of(metrics, "used_keys", "Keys in the namespace.", "namespace", space->name,
                        (double)space->used_keys);
        metric_gauge_of(metrics, "quota_bytes", "Bytes that the namespace may have.", "namespace", space->name,
                        (double)space->quota_bytes);
    }
    metric_gauge(metrics, "namespaces", "Namespaces.", count);
}

static void collect(struct grove_metrics *metrics, void *context) {
    const struct store *store = context;
    metric_counter(metrics, "revision", "Transactions since the store was made.", store->engine.revision);
    metric_counter(metrics, "batches", "Groups of requests that were committed together.", store->batches);
    metric_counter(metrics, "requests", "Requests to change something that were carried out.", store->commits);
    metric_counter(metrics, "failed_requests", "Requests to change something that failed.", store->failures);
    metric_gauge(metrics, "waiting_requests", "Requests to change something that wait.", store->queue_count);
    metric_gauge(metrics, "watchers", "Services that wait for changes.", store->watcher_count);
    metric_counter(metrics, "snapshots", "Snapshots that were taken.", store->snapshot_count);
    tell_namespaces(metrics, &store->engine);
}

void metrics_serve(struct store *store, struct grove_service *service) {
    metric_serve(service, GROVE_STORE_ENDPOINT, collect, store);
}
