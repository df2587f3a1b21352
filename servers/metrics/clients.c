/*
 * Connections: a request comes in, a page goes out, and again.
 *
 *     READING --a request--> WAITING --its scrape is over--> WRITING --all is out--> READING, or closed
 *
 * Bounds: METRICS_CLIENTS_MAX connections, HTTP_HEAD_MAX bytes of input each, one page shared by all who wait for it. Each state has
 * a deadline, so a client that is slow, silent or dead costs a place for a while; when places run out, the one that has been
 * silent longest between or before requests goes. One timer serves all deadlines, and none is set while nobody is there.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/metrics/http.h"
#include "servers/metrics/metrics.h"

#define FIRST_REQUEST_NS (2 * GROVE_SECOND) /* from the connection, or the first byte, to the whole request */
#define NEXT_REQUEST_NS (120 * GROVE_SECOND) /* a scraper that comes once a minute keeps its connection */
#define SCRAPE_NS (10 * GROVE_SECOND)
#define WRITE_NS (10 * GROVE_SECOND) /* without a byte taken */
#define HEADERS_BYTES 512u

enum client_state { READING, WAITING, WRITING };

struct client {
    struct gateway *gateway;
    struct client *next;
    int descriptor;
    enum client_state state;
    short watched;
    bool is_kept, is_head;
    uint64_t deadline_ns;
    uint64_t scrape; /* WAITING */
    char input[HTTP_HEAD_MAX];
    size_t input_bytes;
    char headers[HEADERS_BYTES]; /* WRITING: first these, then the body */
    size_t headers_bytes, sent_bytes;
    struct body *body; /* NULL: the headers are all */
};

static void on_socket(struct grove_service *service, int descriptor, short events, void *context);
static void on_deadline(struct grove_service *service, void *context);

/* ---- deadlines ---- */

static void arm(struct gateway *gateway) {
    uint64_t earliest_ns = UINT64_MAX, now_ns = grove_now_ns();
    for (const struct client *client = gateway->clients; client != NULL; client = client->next)
        if (client->deadline_ns < earliest_ns)
            earliest_ns = client->deadline_ns;
    if (gateway->timer != 0 && (earliest_ns == UINT64_MAX || gateway->timer_ns > earliest_ns)) {
        grove_service_cancel(gateway->service, gateway->timer);
        gateway->timer = 0;
    }
    if (earliest_ns == UINT64_MAX || gateway->timer != 0)
        return;
    gateway->timer_ns = earliest_ns;
    if (grove_service_after(gateway->service, earliest_ns > now_ns ? earliest_ns - now_ns : 0, on_deadline, gateway,
                            &gateway->timer) < 0)
        gateway->timer = 0;
}

/* ---- the life of a connection ---- */

static void watch(struct client *client) {
    short wanted = client->state == WRITING ? POLLOUT : client->state == READING ? POLLIN : 0;
    if (wanted == client->watched)
        return;
    /* A client that waits is not watched: what it sends meanwhile lies in its socket. */
    if (grove_service_watch(client->gateway->service, client->descriptor, wanted, on_socket, client) == 0)
        client->watched = wanted;
}

static void destroy(struct client *client) {
    struct gateway *gateway = client->gateway;
    struct client **link = &gateway->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    gateway->client_count--;
    if (client->watched != 0)
        (void)grove_service_watch(gateway->service, client->descriptor, 0, on_socket, client);
    (void)close(client->descriptor);
    body_unref(client->body);
    free(client);
}

static void on_deadline(struct grove_service *service, void *context) {
    struct gateway *gateway = context;
    uint64_t now_ns = grove_now_ns();
    (void)service;
    gateway->timer = 0;
    for (struct client *client = gateway->clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->deadline_ns > now_ns)
            continue;
        gateway->evicted += client->state != READING || client->input_bytes > 0;
        destroy(client);
    }
    arm(gateway);
}

void clients_end(struct gateway *gateway) {
    while (gateway->clients != NULL)
        destroy(gateway->clients);
    arm(gateway);
}

/* ---- out ---- */

/* What is next to be sent; 0: nothing. */
static size_t rest_of(const struct client *client, const char **bytes) {
    if (client->sent_bytes < client->headers_bytes) {
        *bytes = client->headers + client->sent_bytes;
        return client->headers_bytes - client->sent_bytes;
    }
    size_t body_bytes = client->body != NULL && !client->is_head ? client->body->length_bytes : 0;
    size_t sent = client->sent_bytes - client->headers_bytes;
    if (sent < body_bytes)
        *bytes = client->body->text + sent;
    return body_bytes - sent;
}

/* False: the connection is gone. */
static bool flush(struct client *client) {
    const char *bytes = NULL;
    size_t count;
    while ((count = rest_of(client, &bytes)) > 0) {
        ssize_t sent = send(client->descriptor, bytes, count, MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0 && errno == EAGAIN)
            return true;
        if (sent < 0)
            return false;
        client->sent_bytes += (size_t)sent;
        client->deadline_ns = grove_now_ns() + WRITE_NS;
    }
    body_unref(client->body);
    client->body = NULL;
    if (!client->is_kept)
        return false;
    client->state = READING;
    client->deadline_ns = grove_now_ns() + NEXT_REQUEST_NS;
    return true;
}

/* `body` may be NULL: a sentence of an error is in `text` then. */
static void answer(struct client *client, int status, struct body *body, const char *text) {
    static const char type[] = "text/plain; version=0.0.4; charset=utf-8";
    size_t length = body != NULL ? body->length_bytes : strlen(text);
    client->gateway->refused_requests += status >= 400;
    int bytes = snprintf(client->headers, sizeof client->headers,
                         "HTTP/1.1 %d %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n%sConnection: %s\r\n\r\n%s",
                         status, http_reason(status), type, length, status == 405 ? "Allow: GET, HEAD\r\n" : "",
                         client->is_kept ? "keep-alive" : "close", client->is_head || body != NULL ? "" : text);
    client->headers_bytes = bytes > 0 && (size_t)bytes < sizeof client->headers ? (size_t)bytes : 0;
    client->sent_bytes = 0;
    client->body = body;
    if (body != NULL)
        body->references++;
    client->state = WRITING;
    client->deadline_ns = grove_now_ns() + WRITE_NS;
}

/* ---- in ---- */

static void run_request(struct client *client, const struct http_request *request) {
    struct gateway *gateway = client->gateway;
    client->is_kept = request->is_kept;
    client->is_head = request->is_head;
    if (!request->is_get && !request->is_head) {
        client->is_kept = false; /* what such a method brings along is not known */
        answer(client, 405, NULL, "GET and HEAD are answered here.\n");
    } else if (strcmp(request->path, "/metrics") == 0) {
        client->scrape = collect_wanted(gateway);
        client->state = WAITING;
        client->deadline_ns = grove_now_ns() + SCRAPE_NS;
        if (client->scrape == 0)
            answer(client, 503, NULL, "The metrics cannot be gathered: no memory is left.\n");
    } else if (strcmp(request->path, "/") == 0) {
        answer(client, 200, NULL, "The metrics of Grove are at /metrics\n");
    } else {
        answer(client, 404, NULL, "Nothing is here; the metrics are at /metrics\n");
    }
}

/* Run a request that is there as a whole, if the client may go on. */
static void read_next(struct client *client) {
    struct http_request request;
    size_t used_bytes = 0;
    if (client->input_bytes == 0)
        return;
    enum http_result result = http_read(client->input, client->input_bytes, &request, &used_bytes);
    if (result == HTTP_MORE)
        return;
    client->gateway->requests++;
    if (result == HTTP_FAULT) {
        char text[128];
        client->is_kept = client->is_head = false;
        (void)snprintf(text, sizeof text, "%s.\n", request.fault);
        answer(client, request.status, NULL, text);
        return;
    }
    client->input_bytes -= used_bytes;
    memmove(client->input, client->input + used_bytes, client->input_bytes);
    run_request(client, &request);
}

/* False: the connection is gone. */
static bool take_in(struct client *client) {
    bool is_first = client->input_bytes == 0;
    ssize_t got = recv(client->descriptor, client->input + client->input_bytes,
                       sizeof client->input - client->input_bytes, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        return false;
    if (got < 0)
        return true;
    client->input_bytes += (size_t)got;
    if (is_first)
        client->deadline_ns = grove_now_ns() + FIRST_REQUEST_NS;
    return true;
}

/* As far as it goes without waiting. Several requests that came in one piece are answered one after the other. */
static void go_on(struct client *client) {
    for (;;) {
        if (client->state == READING)
            read_next(client);
        if (client->state != WRITING)
            break;
        if (!flush(client)) {
            destroy(client);
            return;
        }
        if (client->state == WRITING || client->input_bytes == 0)
            break;
    }
    watch(client);
}

static void on_socket(struct grove_service *service, int descriptor, short events, void *context) {
    struct client *client = context;
    struct gateway *gateway = client->gateway;
    (void)service;
    (void)descriptor;
    (void)events;
    if (client->state == READING && !take_in(client))
        destroy(client);
    else
        go_on(client);
    arm(gateway);
}

/* ---- pages ---- */

bool clients_want_more(const struct gateway *gateway, uint64_t number) {
    for (const struct client *client = gateway->clients; client != NULL; client = client->next)
        if (client->state == WAITING && client->scrape > number)
            return true;
    return false;
}

void clients_answer(struct gateway *gateway, uint64_t number, struct body *body) {
    for (struct client *client = gateway->clients, *next; client != NULL; client = next) {
        next = client->next;
        if (client->state != WAITING || client->scrape > number)
            continue;
        answer(client, body != NULL ? 200 : 503, body, "The metrics cannot be gathered: no memory is left.\n");
        go_on(client);
    }
    arm(gateway);
}

/* ---- places ---- */

/* The one that has been silent longest, before or between its requests. */
static bool make_place(struct gateway *gateway) {
    struct client *oldest = NULL;
    for (struct client *client = gateway->clients; client != NULL; client = client->next)
        if (client->state == READING && (oldest == NULL || client->deadline_ns < oldest->deadline_ns))
            oldest = client;
    if (oldest == NULL)
        return false;
    gateway->evicted++;
    destroy(oldest);
    return true;
}

void client_open(struct gateway *gateway, int descriptor) {
    static const char full[] = "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    bool has_place = gateway->client_count < METRICS_CLIENTS_MAX || make_place(gateway);
    struct client *client = has_place ? calloc(1, sizeof *client) : NULL;
    gateway->connections++;
    if (client == NULL) {
        gateway->evicted++;
        (void)send(descriptor, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)close(descriptor);
        return;
    }
    *client = (struct client){.gateway = gateway,
                              .next = gateway->clients,
                              .descriptor = descriptor,
                              .deadline_ns = grove_now_ns() + FIRST_REQUEST_NS};
    gateway->clients = client;
    gateway->client_count++;
    watch(client);
    arm(gateway);
}
