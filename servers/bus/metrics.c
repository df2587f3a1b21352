/* The counts of the bus, as `grove events --metrics` has them, for whoever reads metrics. */
#include "servers/bus/bus.h"
#include "servers/common/metric.h"

static void collect_counts(struct grove_metrics *metrics, const struct grove_bus_metrics *now) {
    metric_counter(metrics, "published", "Events that were published.", now->published);
    metric_counter(metrics, "published_bytes", "Bytes of the events that were published.", now->bytes_published);
    metric_counter(metrics, "delivered", "Attempts to deliver an event.", now->delivered);
    metric_counter(metrics, "unmatched", "Events that nobody was subscribed to.", now->unmatched);
    metric_counter(metrics, "dropped", "Events that a slow subscriber missed.", now->dropped);
    metric_counter(metrics, "dropped_by_publishers", "Events that publishers gave up, as the bus did not keep up.",
                   now->dropped_by_publishers);
    metric_counter(metrics, "refused", "Publications that were refused.", now->refused);
    metric_counter(metrics, "retried", "Further attempts to deliver an event.", now->retried);
    metric_counter(metrics, "dead", "Events that were given up after their last attempt.", now->dead);
    metric_counter(metrics, "durable", "Durable events that this instance has written.", now->durable);
    metric_counter(metrics, "damaged", "Damaged places of the log that this instance has found.", now->damaged);
}

static void collect(struct grove_metrics *metrics, void *context) {
    struct grove_bus_metrics now = {0};
    looks_read(context, &now);
    collect_counts(metrics, &now);
    metric_gauge(metrics, "subscriptions", "Subscriptions.", now.subscriptions);
    metric_gauge(metrics, "subjects", "Subjects that are remembered.", now.subjects);
    metric_gauge(metrics, "rings", "Rings that subscribers read in place.", now.rings);
    metric_gauge(metrics, "queued", "Deliveries that wait.", (double)now.queued);
    metric_gauge(metrics, "queued_bytes", "Bytes of the events that wait.", (double)now.queued_bytes);
    metric_gauge(metrics, "in_flight", "Deliveries that are being handled.", now.in_flight);
    metric_gauge(metrics, "dead_letters", "Events in the dead-letter queue.", (double)now.dead_letters);
    metric_gauge(metrics, "log_bytes", "Bytes of the log of durable events.", (double)now.log_bytes);
}

void metrics_serve(struct bus *bus, struct grove_service *service) {
    metric_serve(service, GROVE_BUS_ENDPOINT, collect, bus);
}
