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

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define BACKLOG 128
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

/* "127.0.0.1:4222" or "[::1]:4222". */
static bool read_address(const char *text, struct sockaddr_storage *address, socklen_t *length,
                         struct gateway *gateway) {
    const char *colon = strrchr(text, ':');
    struct sockaddr_in *four = (struct sockaddr_in *)address;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)address;
    char *end;
    unsigned long port = colon != NULL ? strtoul(colon + 1, &end, 10) : 0;
    if (colon == NULL || port == 0 || port > UINT16_MAX || *end != '\0')
        return false;
    bool is_six = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    size_t length_bytes = is_six ? (size_t)(colon - text) - 2 : (size_t)(colon - text);
    if (length_bytes == 0 || length_bytes >= sizeof gateway->host)
        return false;
    memcpy(gateway->host, text + is_six, length_bytes);
    gateway->host[length_bytes] = '\0';
    gateway->port = (uint16_t)port;
    if (is_six) {
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(gateway->port)};
        *length = sizeof *six;
        return inet_pton(AF_INET6, gateway->host, &six->sin6_addr) == 1;
    }
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(gateway->port)};
    *length = sizeof *four;
    return inet_pton(AF_INET, gateway->host, &four->sin_addr) == 1;
}

static int listen_at(struct gateway *gateway, const char *text) {
    struct sockaddr_storage address;
    socklen_t length = 0;
    int one = 1;
    memset(&address, 0, sizeof address);
    if (!read_address(text, &address, &length, gateway)) {
        (void)fprintf(stderr, "nats: %s is no address: give a number and a port, as in 127.0.0.1:4222\n", text);
        return -1;
    }
    gateway->listener = socket(address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (gateway->listener < 0 || setsockopt(gateway->listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) < 0 ||
        bind(gateway->listener, (struct sockaddr *)&address, length) < 0 || listen(gateway->listener, BACKLOG) < 0) {
        (void)fprintf(stderr, "nats: cannot listen at %s: %s\n", text, strerror(errno));
        return -1;
    }
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
    return grove_service_watch(service, gateway->listener, POLLIN, on_connection, gateway);
}

static void on_stop(struct grove_service *service, void *context) {
    (void)service;
    clients_end(context, NULL);
}

int main(int argument_count, char **arguments) {
    static struct gateway gateway;
    if (argument_count != 3) {
        (void)fprintf(stderr, "usage: grove-nats STATE-FOLDER HOST:PORT (started by init; see docs/nats.md)\n");
        return 2;
    }
    if (open_tokens(&gateway, arguments[1]) < 0 || listen_at(&gateway, arguments[2]) < 0)
        return 1;
    struct grove_service_options options = {.on_init = on_init, .on_stop = on_stop, .context = &gateway};
    if (grove_service_create(&options, &gateway.service) < 0 || administration_serve(&gateway) < 0)
        return grove_report("nats");
    return grove_service_run(gateway.service) < 0 ? grove_report("nats") : 0;
}
