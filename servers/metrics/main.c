/*
 * metrics: one page for Prometheus, over HTTP.
 *
 *     grove-metrics HOST:PORT
 *
 * What is on it is in docs/metrics.md. It only reads. A death ends all connections and nothing else; what it counts itself
 * begins at 0 again, and all else is with the services that it asks.
 */
#include "servers/metrics/metrics.h"

#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>

#include "servers/common/listen.h"

#define ACCEPTS_A_TURN 64u

static void on_connection(struct grove_service *service, int descriptor, short events, void *context) {
    struct gateway *gateway = context;
    (void)service;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        int connection = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0)
            return;
        client_open(gateway, connection);
    }
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct gateway *gateway = context;
    (void)reason;
    gateway->service = service;
    gateway->session = grove_service_session(service);
    return grove_service_watch(service, gateway->listener, POLLIN, on_connection, gateway);
}

static void on_stop(struct grove_service *service, void *context) {
    (void)service;
    clients_end(context);
}

int main(int argument_count, char **arguments) {
    static struct gateway gateway = {
        .duration = {.bucket_count = 8, .bounds = {0.001, 0.003, 0.01, 0.03, 0.1, 0.3, 1, 3}}};
    struct listen_address address;
    if (argument_count != 2) {
        (void)fprintf(stderr, "usage: grove-metrics HOST:PORT (started by init; see docs/metrics.md)\n");
        return 2;
    }
    gateway.listener = listen_open("metrics", arguments[1], &address);
    if (gateway.listener < 0)
        return 1;
    struct grove_service_options options = {.on_init = on_init, .on_stop = on_stop, .context = &gateway};
    if (grove_service_create(&options, &gateway.service) < 0)
        return grove_report("metrics");
    return grove_service_run(gateway.service) < 0 ? grove_report("metrics") : 0;
}
