/*
 * As much of HTTP/1 as answering a scraper needs: one request out of bytes. Pure.
 *
 * Strict where two readers could disagree (RFC 9112): lines end in CR LF, a header has no space before its colon and no folded
 * line, a request of HTTP/1.1 has exactly one Host. A body is not taken: a request that announces one is refused.
 */
#ifndef SERVERS_METRICS_HTTP_H
#define SERVERS_METRICS_HTTP_H

#include <stdbool.h>
#include <stddef.h>

#define HTTP_HEAD_MAX 8192u /* bytes of a request */
#define HTTP_TARGET_MAX 255u

enum http_result {
    HTTP_DONE,
    HTTP_MORE, /* it is not there as a whole */
    HTTP_FAULT /* `status` and `fault` say what to answer; nothing behind it can be trusted */
};

struct http_request {
    bool is_get, is_head; /* neither: another method */
    bool is_kept; /* the client wants to go on with this connection */
    char path[HTTP_TARGET_MAX + 1]; /* without what is behind a "?" */
    int status; /* FAULT: 400, 414, 431, 501 or 505 */
    const char *fault; /* constant */
};

/* The first request in `count` bytes; DONE: it has *used_bytes. */
enum http_result http_read(const char *bytes, size_t count, struct http_request *request, size_t *used_bytes);
/* "Not Found" for 404; constant. */
const char *http_reason(int status);

#endif
