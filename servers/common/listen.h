/*
 * The listening socket of a gateway.
 */
#ifndef SERVERS_LISTEN_H
#define SERVERS_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

#include "grove/grove.h"

#define LISTEN_HOST_BYTES 64u

struct listen_address {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    char host[LISTEN_HOST_BYTES]; /* as it was written, without brackets */
    unsigned short port;
};

/* "127.0.0.1:4222" or "[::1]:4222": numbers, and a port that is not 0. False: it is none. */
bool listen_parse(const char *text, struct listen_address *address);
/* Give `opened` each connection that comes to a listener; it owns them. Negative status: it is not watched. */
typedef void listen_opened(void *context, int connection);
struct listen {
    int listener;
    listen_opened *opened;
    void *context;
};
int listen_watch(struct grove_service *service, struct listen *listen);
/* A listening stream socket that does not block; `who` begins what is said on standard error. -1: it was said why. */
int listen_open(const char *who, const char *text, struct listen_address *address);

#endif
