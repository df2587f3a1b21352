/*
 * The listening socket of a gateway.
 */
#ifndef SERVERS_LISTEN_H
#define SERVERS_LISTEN_H

#include <stdbool.h>
#include <sys/socket.h>

#define LISTEN_HOST_BYTES 64u

struct listen_address {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    char host[LISTEN_HOST_BYTES]; /* as it was written, without brackets */
    unsigned short port;
};

/* "127.0.0.1:4222" or "[::1]:4222": numbers, and a port that is not 0. False: it is none. */
bool listen_parse(const char *text, struct listen_address *address);
/* A listening stream socket that does not block; `who` begins what is said on standard error. -1: it was said why. */
int listen_open(const char *who, const char *text, struct listen_address *address);

#endif
