/*
 * nats: lets clients of the NATS protocol use the bus.
 *
 *     grove-nats STATE-FOLDER HOST:PORT
 *
 * What it does and what it leaves out is in docs/nats.md. A death closes all connections; tokens are on disk, and NATS
 * clients connect and subscribe again by themselves. Whatever a client published before it got an answer to a PING is with
 * the bus.
 */
#include "servers/nats/nats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void opened(void *context, int connection) {
    client_open(context, connection);
}

static int listen_at(struct gateway *gateway, const char *text) {
    struct listen_address address;
    gateway->listen.listener = listen_open("nats", text, &address);
    if (gateway->listen.listener < 0)
        return -1;
    memcpy(gateway->host, address.host, sizeof gateway->host);
    gateway->port = address.port;
    return 0;
}

static int open_tokens(struct gateway *gateway, const char *path) {
    unsigned line = 0;
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder < 0) {
        (void)fprintf(stderr, "nats: cannot open the state folder %s: %s\n", path, strerror(errno));
        return -1;
    }
    int status = tokens_open(&gateway->tokens, folder, &line);
    if (status == GROVE_CORRUPT)
        (void)fprintf(stderr,
                      "nats: line %u of %s/tokens is damaged, and nobody is let in by half a list: mend it, or "
                      "remove the file and make the tokens again\n",
                      line, path);
    else if (status < 0)
        (void)fprintf(stderr, "nats: cannot read %s/tokens: %s\n", path, grove_status_text(status));
    return status < 0 ? -1 : 0;
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
    clients_end(context, NULL);
}

int main(int argument_count, char **arguments) {
    static struct gateway gateway = {.listen = {.opened = opened, .context = &gateway}};
    if (argument_count != 3) {
        (void)fprintf(stderr, "usage: grove-nats STATE-FOLDER HOST:PORT (started by init; see docs/nats.md)\n");
        return 2;
    }
    if (open_tokens(&gateway, arguments[1]) < 0 || listen_at(&gateway, arguments[2]) < 0)
        return 1;
    struct grove_service_options options = {.on_init = on_init, .on_stop = on_stop, .context = &gateway};
    if (grove_service_create(&options, &gateway.service) < 0 || administration_serve(&gateway) < 0)
        return grove_report("nats");
    metrics_serve(&gateway);
    return grove_service_run(gateway.service) < 0 ? grove_report("nats") : 0;
}
