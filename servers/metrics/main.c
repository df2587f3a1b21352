/*
 * metrics: one page for Prometheus, over HTTP.
 *
 *     grove-metrics HOST:PORT
 *
 * What is on it is in docs/metrics.md. It only reads. A death ends all connections and nothing else; what it counts itself
 * begins at 0 again, and all else is with the services that it asks.
 */
#include "servers/metrics/metrics.h"

#include <stdio.h>

static void opened(void *context, int connection) {
    client_open(context, connection);
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct gateway *gateway = context;
    (void)reason;
    gateway->service = service;
    gateway->session = grove_service_session(service);
    return listen_watch(service, &gateway->listen);
}

static void on_stop(struct grove_service *service, void *context) {
    (void)service;
    clients_end(context);
}

int main(int argument_count, char **arguments) {
    static struct gateway gateway = {
        .listen = {.opened = opened, .context = &gateway},
        .duration = {.bucket_count = 8, .bounds = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3}}};
    struct listen_address address;
    if (argument_count != 2) {
        (void)fprintf(stderr, "usage: grove-metrics HOST:PORT (started by init; see docs/metrics.md)\n");
        return 2;
    }
    gateway.listen.listener = listen_open("metrics", arguments[1], &address);
    if (gateway.listen.listener < 0)
        return 1;
    struct grove_service_options options = {.on_init = on_init, .on_stop = on_stop, .context = &gateway};
    if (grove_service_create(&options, &gateway.service) < 0)
        return grove_report("metrics");
    return grove_service_run(gateway.service) < 0 ? grove_report("metrics") : 0;
}
