/*
 * As much of HTTP/1.1 as a check and a webhook need: an address, a request, and the status line of the answer. Nothing
 * behind the status line is read, and nothing of it is trusted. Pure.
 */
#ifndef SERVERS_HEALTH_HTTP_H
#define SERVERS_HEALTH_HTTP_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#define HTTP_PATH_BYTES 192u
#define HTTP_STATUS_LINE_BYTES 512u /* a longer one is refused */

struct http_address {
    struct sockaddr_storage address;
    socklen_t address_bytes;
    char host[80]; /* as the header Host has it */
    char path[HTTP_PATH_BYTES];
};

/* "127.0.0.1:80", "[::1]:80", "localhost:80". NULL, or a constant sentence that says what is wrong. */
const char *http_socket_address(const char *text, struct sockaddr_storage *address, socklen_t *address_bytes);
/* "http://ADDRESS[:PORT][/PATH]", the address a number or localhost. NULL, or a constant sentence. */
const char *http_address(const char *url, struct http_address *address);
/* A request; `body` may be NULL (GET), else it is a POST of JSON. Returns its bytes, 0 if there is no room. */
size_t http_request(const struct http_address *address, const char *body, char *out, size_t out_bytes);
/*
 * The status of an answer from its first bytes: 100 to 599; 0 if more is needed; -1 if it is no answer of HTTP/1, or its
 * status line is too long.
 */
int http_status(const char *bytes, size_t count);

#endif
