/*
 * Connections: what came in is cut into operations, what goes out is gathered and written once a turn.
 *
 * Bounds: a client's input is at most one operation (NATS_INPUT_MAX); what waits for it at most NATS_OUTPUT_MAX, and then
 * it is cut off as a slow consumer, as the protocol has it; one that has not said CONNECT after two seconds, or answers no
 * PING, is cut off too. A client whose events the bus does not take is not read from meanwhile, so it is slowed down by
 * TCP itself.
 */
#include "servers/nats/nats.h"

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TICK_NS GROVE_SECOND
#define CONNECT_PATIENCE_NS (2 * GROVE_SECOND)
#define PING_PERIOD_NS (30 * GROVE_SECOND)
#define PINGS_MAX 2u
#define HELD_NS GROVE_MILLISECOND
#define READ_BYTES 65536u
#define LINE_MAX_BYTES 1024u

static void turn(struct grove_service *service, void *context);

static void want_turn(struct gateway *gateway, uint64_t delay_ns) {
    uint32_t timer;
    if (!gateway->is_turn_due)
        gateway->is_turn_due = grove_service_after(gateway->service, delay_ns, turn, gateway, &timer) == 0;
}

/* ---- bytes ---- */

static size_t waiting(const struct bytes *bytes) {
    return bytes->end - bytes->begin;
}

static void release(struct bytes *bytes) {
    free(bytes->data);
    *bytes = (struct bytes){.data = NULL};
}

/* Room for so many more at the end. What is there moves to the front first. */
static bool reserve(struct bytes *bytes, size_t more_bytes) {
    if (bytes->room - bytes->end >= more_bytes)
        return true;
    if (waiting(bytes) > 0)
        memmove(bytes->data, bytes->data + bytes->begin, waiting(bytes));
    bytes->end = waiting(bytes);
    bytes->begin = 0;
    if (bytes->room - bytes->end >= more_bytes)
        return true;
    size_t room = bytes->room > 0 ? bytes->room : 4096;
    while (room - bytes->end < more_bytes)
        room *= 2;
    char *data = realloc(bytes->data, room);
    if (data == NULL)
        return false;
    bytes->data = data;
    bytes->room = room;
    return true;
}

/* ---- the life of a connection ---- */

static void on_socket(struct grove_service *service, int descriptor, short events, void *context);

static void watch(struct client *client) {
    short wanted = 0;
    if (!client->is_ending && !client->is_held)
        wanted |= POLLIN;
    if (waiting(&client->output) > 0)
        wanted |= POLLOUT;
    if (wanted != client->watched &&
        grove_service_watch(client->gateway->service, client->descriptor, wanted, on_socket, client) == 0)
        client->watched = wanted;
}

static void destroy(struct client *client) {
    struct gateway *gateway = client->gateway;
    struct client **link = &gateway->clients;
    while (*link != client)
        link = &(*link)->next;
    *link = client->next;
    gateway->client_count--;
    while (client->subscriptions != NULL)
        topic_leave(client->subscriptions);
    if (client->watched != 0)
        (void)grove_service_watch(gateway->service, client->descriptor, 0, on_socket, client);
    (void)close(client->descriptor);
    release(&client->input);
    release(&client->output);
    free(client);
}

void client_end(struct client *client) {
    client->is_ending = true;
    want_turn(client->gateway, 0);
}

void clients_end(struct gateway *gateway, const char *token) {
    for (struct client *client = gateway->clients; client != NULL; client = client->next)
        if (token == NULL || (client->is_connected && strcmp(client->token.record.name.text, token) == 0))
            client_fail(client, true, "%s", token == NULL ? "Server Shutdown" : "Authentication Revoked");
}

unsigned clients_count(const struct gateway *gateway, const char *token) {
    unsigned count = 0;
    for (const struct client *client = gateway->clients; client != NULL; client = client->next)
        count += client->is_connected && strcmp(client->token.record.name.text, token) == 0;
    return count;
}

/* ---- out ---- */

void client_write(struct client *client, const void *data, size_t length_bytes) {
    if (client->is_ending)
        return;
    if (length_bytes > NATS_OUTPUT_MAX - waiting(&client->output) || !reserve(&client->output, length_bytes)) {
        client->output.begin = client->output.end; /* nothing more fits, and half an operation is none */
        client->is_ending = true;
        (void)fprintf(stderr, "nats: connection %llu (%s) does not read: cut off as a slow consumer\n",
                      (unsigned long long)client->id, client->token.record.name.text);
    } else if (length_bytes > 0) {
        memcpy(client->output.data + client->output.end, data, length_bytes);
        client->output.end += length_bytes;
    }
    want_turn(client->gateway, 0);
}

void client_print(struct client *client, const char *format, ...) {
    char line[LINE_MAX_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    client_write(client, line, length < 0 ? 0 : (size_t)length < sizeof line ? (size_t)length : sizeof line - 1);
}

void client_fail(struct client *client, bool is_fatal, const char *format, ...) {
    char text[LINE_MAX_BYTES / 2];
    va_list arguments;
    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *at = text; *at != '\0'; at++) /* what it quotes is the client's own word */
        if ((unsigned char)*at < ' ' || *at == '\'')
            *at = '?';
    client_print(client, "-ERR '%s'\r\n", text);
    if (is_fatal)
        client_end(client);
}

/* False: the connection is gone. */
static bool flush(struct client *client) {
    struct bytes *output = &client->output;
    while (waiting(output) > 0) {
        ssize_t sent =
            send(client->descriptor, output->data + output->begin, waiting(output), MSG_NOSIGNAL | MSG_DONTWAIT);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent < 0)
            return errno == EAGAIN;
        output->begin += (size_t)sent;
    }
    if (output->room > READ_BYTES)
        release(output); /* a burst is over */
    else
        output->begin = output->end = 0;
    return true;
}

/* ---- in ---- */

/* Run what has come whole. */
static void run_operations(struct client *client) {
    struct nats_command command;
    size_t used_bytes = 0;
    const char *fault = NULL;
    client->is_held = false;
    while (!client->is_ending && waiting(&client->input) > 0) {
        enum nats_parse_result result = nats_parse(client->input.data + client->input.begin, waiting(&client->input),
                                                   NATS_PAYLOAD_MAX, &command, &used_bytes, &fault);
        if (result == NATS_PARSE_MORE)
            return;
        if (result == NATS_PARSE_FAULT) {
            client_fail(client, true, "%s", fault);
            return;
        }
        if (operation_run(client, &command) == OPERATION_HELD) {
            client->is_held = true;
            want_turn(client->gateway, HELD_NS);
            return;
        }
        client->input.begin += used_bytes;
    }
}

/* False: the connection is gone. */
static bool take_in(struct client *client) {
    struct bytes *input = &client->input;
    if (waiting(input) > NATS_INPUT_MAX || !reserve(input, READ_BYTES))
        return false;
    ssize_t got = recv(client->descriptor, input->data + input->end, input->room - input->end, MSG_DONTWAIT);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR))
        return false;
    if (got > 0) {
        input->end += (size_t)got;
        client->heard_ns = grove_now_ns();
        client->pings = 0;
        run_operations(client);
    }
    if (waiting(input) == 0)
        release(input);
    return true;
}

static void on_socket(struct grove_service *service, int descriptor, short events, void *context) {
    struct client *client = context;
    bool is_there = true;
    (void)service;
    (void)descriptor;
    if ((events & (POLLIN | POLLHUP | POLLERR)) != 0)
        is_there = take_in(client);
    if (is_there)
        is_there = flush(client);
    if (!is_there || (client->is_ending && waiting(&client->output) == 0))
        destroy(client);
    else
        watch(client);
}

/* ---- turns and ticks ---- */

/* Write, try again, close: once for all that happened in a turn of the run loop. */
static void turn(struct grove_service *service, void *context) {
    struct gateway *gateway = context;
    struct client *next = NULL;
    (void)service;
    gateway->is_turn_due = false;
    for (struct client *client = gateway->clients; client != NULL; client = next) {
        next = client->next;
        if (client->is_held && !client->is_ending)
            run_operations(client);
        if (!flush(client) || (client->is_ending && waiting(&client->output) == 0))
            destroy(client);
        else
            watch(client);
    }
}

static void look_after(struct client *client, uint64_t now_ns) {
    if (client->is_ending && now_ns > client->heard_ns + CONNECT_PATIENCE_NS) {
        client->output.begin = client->output.end; /* it does not even take its farewell */
        client_end(client);
    } else if (!client->is_connected && now_ns > client->opened_ns + CONNECT_PATIENCE_NS) {
        client_fail(client, true, "Authentication Timeout");
    } else if (client->is_connected && now_ns > client->heard_ns + (client->pings + 1) * PING_PERIOD_NS) {
        if (client->pings == PINGS_MAX) {
            client_fail(client, true, "Stale Connection");
        } else {
            client->pings++;
            client_print(client, "PING\r\n");
        }
    }
}

static void on_tick(struct grove_service *service, void *context) {
    struct gateway *gateway = context;
    uint64_t now_ns = grove_now_ns();
    uint32_t timer;
    for (struct client *client = gateway->clients; client != NULL; client = client->next)
        look_after(client, now_ns);
    gateway->is_ticking =
        gateway->clients != NULL && grove_service_after(service, TICK_NS, on_tick, gateway, &timer) == 0;
}

static void greet(struct client *client) {
    struct grove_version version = grove_library_version();
    client_print(client,
                 "INFO {\"server_id\":\"grove-%llx\",\"server_name\":\"grove\",\"version\":\"%u.%u.%u\",\"proto\":1,"
                 "\"host\":\"%s\",\"port\":%u,\"headers\":true,\"auth_required\":true,\"max_payload\":%u,"
                 "\"client_id\":%llu}\r\n",
                 (unsigned long long)grove_session_identity(client->gateway->session)->id, version.major, version.minor,
                 version.patch, client->gateway->host, client->gateway->port, NATS_PAYLOAD_MAX,
                 (unsigned long long)client->id);
}

void client_open(struct gateway *gateway, int descriptor) {
    static const char full[] = "-ERR 'maximum connections exceeded'\r\n";
    uint32_t timer;
    struct client *client = gateway->client_count < NATS_CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
    if (client == NULL) {
        (void)send(descriptor, full, sizeof full - 1, MSG_NOSIGNAL | MSG_DONTWAIT);
        (void)close(descriptor);
        return;
    }
    *client = (struct client){.gateway = gateway,
                              .next = gateway->clients,
                              .descriptor = descriptor,
                              .id = ++gateway->last_id,
                              .wants_echo = true,
                              .opened_ns = grove_now_ns(),
                              .heard_ns = grove_now_ns()};
    gateway->clients = client;
    gateway->client_count++;
    greet(client);
    watch(client);
    if (!gateway->is_ticking)
        gateway->is_ticking = grove_service_after(gateway->service, TICK_NS, on_tick, gateway, &timer) == 0;
}
