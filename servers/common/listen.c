#include "servers/common/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BACKLOG 128
/* Connections that are taken before others have their turn. */
#define ACCEPTS_A_TURN 64u

bool listen_parse(const char *text, struct listen_address *address) {
    const char *colon = strrchr(text, ':');
    char *end = NULL;
    unsigned long port = colon != NULL && colon[1] >= '0' && colon[1] <= '9' ? strtoul(colon + 1, &end, 10) : 0;
    memset(address, 0, sizeof *address);
    if (port == 0 || port > UINT16_MAX || *end != '\0')
        return false;
    bool is_six = text[0] == '[' && colon > text + 1 && colon[-1] == ']';
    size_t host_bytes = is_six ? (size_t)(colon - text) - 2 : (size_t)(colon - text);
    if (host_bytes == 0 || host_bytes >= sizeof address->host)
        return false;
    memcpy(address->host, text + is_six, host_bytes);
    address->port = (uint16_t)port;
    if (is_six) {
        struct sockaddr_in6 *six = (struct sockaddr_in6 *)&address->address;
        *six = (struct sockaddr_in6){.sin6_family = AF_INET6, .sin6_port = htons(address->port)};
        address->address_bytes = sizeof *six;
        return inet_pton(AF_INET6, address->host, &six->sin6_addr) == 1;
    }
    struct sockaddr_in *four = (struct sockaddr_in *)&address->address;
    *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(address->port)};
    address->address_bytes = sizeof *four;
    return inet_pton(AF_INET, address->host, &four->sin_addr) == 1;
}

int listen_open(const char *who, const char *text, struct listen_address *address) {
    int one = 1;
    if (!listen_parse(text, address)) {
        (void)fprintf(stderr, "%s: %s is no address: give a number and a port, as in 127.0.0.1:4222\n", who, text);
        return -1;
    }
    int listener = socket(address->address.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (listener >= 0 && setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one) == 0 &&
        bind(listener, (struct sockaddr *)&address->address, address->address_bytes) == 0 &&
        listen(listener, BACKLOG) == 0)
        return listener;
    (void)fprintf(stderr, "%s: cannot listen at %s: %s\n", who, text, strerror(errno));
    if (listener >= 0)
        (void)close(listener);
    return -1;
}

static void on_connection(struct grove_service *service, int descriptor, short events, void *context) {
    const struct listen *listen = context;
    (void)service;
    (void)events;
    for (unsigned i = 0; i < ACCEPTS_A_TURN; i++) {
        int connection = accept4(descriptor, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
        if (connection < 0)
            return;
        listen->opened(listen->context, connection);
    }
}

int listen_watch(struct grove_service *service, struct listen *listen) {
    return grove_service_watch(service, listen->listener, POLLIN, on_connection, listen);
}
