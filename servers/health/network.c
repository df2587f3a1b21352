/*
 * Connections: TCP checks, HTTP checks and webhooks. Each is one exchange: connect, send what there is to send, read until
 * the status line is whole, close. Nothing of it waits, each has one deadline, and what the other side says decides nothing
 * but the result: its bytes are bounded by one small buffer.
 */
#include "servers/health/monitor.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "servers/health/http.h"

#define OUT_BYTES 2048u

struct exchange {
    struct monitor *monitor;
    struct try *try; /* of a check; NULL: a webhook */
    post_done *done;
    void *context;
    int descriptor;
    uint32_t timer;
    bool is_connected;
    size_t out_bytes, sent_bytes, in_bytes;
    char in[HTTP_STATUS_LINE_BYTES];
    char out[OUT_BYTES];
};

static void close_exchange(struct exchange *exchange) {
    if (exchange->timer != 0)
        grove_service_cancel(exchange->monitor->service, exchange->timer);
    if (exchange->descriptor >= 0) {
        (void)grove_service_watch(exchange->monitor->service, exchange->descriptor, 0, NULL, NULL);
        (void)close(exchange->descriptor);
    }
}

static void end(struct exchange *exchange, int status, const char *sentence) {
    close_exchange(exchange);
    if (exchange->try != NULL)
        try_end(exchange->try, status == 0 ? GROVE_CAUSE_NONE : GROVE_CAUSE_FAILED_CHECK, "%s", sentence);
    else
        exchange->done(exchange->context, status, sentence);
    free(exchange);
}

static void end_error(struct exchange *exchange, const char *what, int error) {
    char sentence[GROVE_HEALTH_SENTENCE_BYTES];
    (void)snprintf(sentence, sizeof sentence, "%s: %s", what, strerror(error));
    end(exchange, GROVE_IO, sentence);
}

static void ran_out(struct grove_service *service, void *context) {
    struct exchange *exchange = context;
    (void)service;
    exchange->timer = 0;
    end(exchange, GROVE_TIMED_OUT,
        !exchange->is_connected   ? "the connection was not accepted in time"
        : exchange->in_bytes == 0 ? "there was no answer in time"
                                  : "the answer did not end in time");
}

/* ---- the steps ---- */

static void read_answer(struct exchange *exchange) {
    char sentence[64];
    ssize_t count =
        read(exchange->descriptor, exchange->in + exchange->in_bytes, sizeof exchange->in - exchange->in_bytes);
    if (count < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (count < 0) {
        end_error(exchange, "reading the answer failed", errno);
        return;
    }
    exchange->in_bytes += (size_t)count;
    int status = http_status(exchange->in, exchange->in_bytes);
    (void)snprintf(sentence, sizeof sentence, "it answered with the status %d", status);
    if (status >= 200 && status < 300)
        end(exchange, 0, "");
    else if (status > 0)
        end(exchange, GROVE_HANDLER_FAILED, sentence);
    else if (status < 0)
        end(exchange, GROVE_CORRUPT, "its answer is none of HTTP/1");
    else if (count == 0)
        end(exchange, GROVE_CLOSED, "it hung up before it had answered");
}

static void ready(struct grove_service *service, int descriptor, short events, void *context);

static void send_request(struct exchange *exchange) {
    while (exchange->sent_bytes < exchange->out_bytes) {
        ssize_t count = send(exchange->descriptor, exchange->out + exchange->sent_bytes,
                             exchange->out_bytes - exchange->sent_bytes, MSG_NOSIGNAL);
        if (count < 0 && errno == EINTR)
            continue;
        if (count < 0 && errno == EAGAIN)
            return;
        if (count < 0) {
            end_error(exchange, "sending the request failed", errno);
            return;
        }
        exchange->sent_bytes += (size_t)count;
    }
    if (grove_service_watch(exchange->monitor->service, exchange->descriptor, POLLIN, ready, exchange) < 0)
        end(exchange, GROVE_NO_MEMORY, grove_last_error());
}

static void connected(struct exchange *exchange) {
    exchange->is_connected = true;
    if (exchange->out_bytes == 0)
        end(exchange, 0, "");
    else
        send_request(exchange);
}

static void ready(struct grove_service *service, int descriptor, short events, void *context) {
    struct exchange *exchange = context;
    int error = 0;
    socklen_t bytes = sizeof error;
    (void)service;
    (void)events;
    if (exchange->sent_bytes == exchange->out_bytes && exchange->is_connected) {
        read_answer(exchange);
    } else if (exchange->is_connected) {
        send_request(exchange);
    } else if (getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &error, &bytes) < 0 || error != 0) {
        end_error(exchange, "the connection was refused", error != 0 ? error : errno);
    } else {
        connected(exchange);
    }
}

static void begin(struct exchange *exchange, const struct sockaddr_storage *address, socklen_t address_bytes,
                  uint64_t timeout_ns) {
    struct grove_service *service = exchange->monitor->service;
    exchange->descriptor = socket(address->ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_TCP);
    if (exchange->descriptor < 0) {
        end_error(exchange, "there is no socket for it", errno);
        return;
    }
    if (grove_service_after(service, timeout_ns, ran_out, exchange, &exchange->timer) < 0) {
        end(exchange, GROVE_EXHAUSTED, grove_last_error());
        return;
    }
    if (connect(exchange->descriptor, (const struct sockaddr *)(const void *)address, address_bytes) == 0)
        connected(exchange);
    else if (errno != EINPROGRESS)
        end_error(exchange, "the connection was refused", errno);
    else if (grove_service_watch(service, exchange->descriptor, POLLOUT, ready, exchange) < 0)
        end(exchange, GROVE_NO_MEMORY, grove_last_error());
}

/* ---- what is exchanged ---- */

static struct exchange *make(struct monitor *monitor, struct try *try) {
    struct exchange *exchange = calloc(1, sizeof *exchange);
    if (exchange == NULL && try != NULL) {
        try->generation = UINT32_MAX; /* it says nothing about the service */
        try_end(try, GROVE_CAUSE_NONE, "%s", "");
    }
    if (exchange != NULL)
        *exchange = (struct exchange){.monitor = monitor, .try = try, .descriptor = -1};
    return exchange;
}

void tcp_start(struct try *try) {
    struct sockaddr_storage address;
    socklen_t address_bytes = 0;
    const struct grove_health_plan *plan = &try->check->plan;
    const char *problem = http_socket_address(plan->argument, &address, &address_bytes);
    if (problem != NULL) {
        try_end(try, GROVE_CAUSE_FAILED_CHECK, "'%.60s': %s", plan->argument, problem);
        return;
    }
    uint64_t timeout_ns = plan->timeout_ns;
    struct exchange *exchange = make(try->monitor, try);
    if (exchange != NULL)
        begin(exchange, &address, address_bytes, timeout_ns);
}

void http_start(struct try *try) {
    struct http_address address;
    const struct grove_health_plan *plan = &try->check->plan;
    const char *problem = http_address(plan->argument, &address);
    if (problem != NULL) {
        try_end(try, GROVE_CAUSE_FAILED_CHECK, "'%.60s': %s", plan->argument, problem);
        return;
    }
    uint64_t timeout_ns = plan->timeout_ns;
    struct exchange *exchange = make(try->monitor, try);
    if (exchange == NULL)
        return;
    exchange->out_bytes = http_request(&address, NULL, exchange->out, sizeof exchange->out);
    begin(exchange, &address.address, address.address_bytes, timeout_ns);
}

int network_post(struct monitor *monitor, const char *url, const char *body, uint64_t timeout_ns, post_done *done,
                 void *context) {
    struct http_address address;
    const char *problem = http_address(url, &address);
    struct exchange *exchange = problem != NULL ? NULL : make(monitor, NULL);
    if (exchange == NULL)
        return problem != NULL ? GROVE_INVALID : GROVE_NO_MEMORY;
    exchange->done = done;
    exchange->context = context;
    exchange->out_bytes = http_request(&address, body, exchange->out, sizeof exchange->out);
    if (exchange->out_bytes == 0) {
        free(exchange);
        return GROVE_TOO_LARGE;
    }
    begin(exchange, &address.address, address.address_bytes, timeout_ns);
    return 0;
}
