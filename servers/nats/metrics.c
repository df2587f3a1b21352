/* Who is connected to the gateway. */
#include "servers/common/metric.h"
#include "servers/nats/nats.h"
#include "servers/nats/protocol.h"

static void collect(struct grove_metrics *metrics, void *context) {
    const struct gateway *gateway = context;
    uint64_t subscriptions = 0, waiting_bytes = 0;
    for (const struct client *client = gateway->clients; client != NULL; client = client->next) {
        subscriptions += client->subscription_count;
        waiting_bytes += client->output.end - client->output.begin;
    }
    metric_counter(metrics, "connections", "Connections that were accepted.", gateway->last_id);
    metric_gauge(metrics, "clients", "Connections that are open.", gateway->client_count);
    metric_gauge(metrics, "subscriptions", "Subscriptions of all clients.", (double)subscriptions);
    metric_gauge(metrics, "waiting_bytes", "Bytes that clients have not taken yet.", (double)waiting_bytes);
    metric_gauge(metrics, "tokens", "Tokens that there are.", gateway->tokens.count);
}

void metrics_serve(struct gateway *gateway) {
    metric_serve(gateway->service, NATS_ENDPOINT, collect, gateway);
}
