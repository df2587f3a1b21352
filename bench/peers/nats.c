/* NATS: a nats-server in between, its text protocol over loopback TCP. Address: the server's port. */
#include "bench/common/peer.h"

#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct connection {
    int descriptor;
    size_t start, end;
    char buffer[(1 << 20) + 65536];
};

static void send_all(int descriptor, const char *data, size_t bytes) {
    while (bytes > 0) {
        ssize_t n = send(descriptor, data, bytes, MSG_NOSIGNAL);
        if (n <= 0) {
            peer_fail("nats send");
        }
        data += n;
        bytes -= (size_t)n;
    }
}

static void fill(struct connection *connection) {
    if (connection->start > 0) {
        memmove(connection->buffer, connection->buffer + connection->start, connection->end - connection->start);
        connection->end -= connection->start;
        connection->start = 0;
    }
    ssize_t n = recv(connection->descriptor, connection->buffer + connection->end,
                     sizeof connection->buffer - connection->end, 0);
    if (n <= 0) {
        peer_fail("nats receive");
    }
    connection->end += (size_t)n;
}

/* The next line, without its end; points into the buffer. */
static char *line_next(struct connection *connection) {
    for (;;) {
        char *start = connection->buffer + connection->start;
        char *end = memchr(start, '\n', connection->end - connection->start);
        if (end != NULL) {
            connection->start = (size_t)(end + 1 - connection->buffer);
            *end = 0;
            return start;
        }
        fill(connection);
    }
}

/* The next message's payload; pings are answered on the way. */
static char *message_next(struct connection *connection, size_t *bytes) {
    for (;;) {
        char *line = line_next(connection);
        if (strncmp(line, "PING", 4) == 0) {
            send_all(connection->descriptor, "PONG\r\n", 6);
        } else if (strncmp(line, "MSG ", 4) == 0) {
            *bytes = (size_t)strtoul(strrchr(line, ' ') + 1, NULL, 10);
            while (connection->end - connection->start < *bytes + 2) {
                fill(connection);
            }
            char *payload = connection->buffer + connection->start;
            connection->start += *bytes + 2;
            return payload;
        }
    }
}

static void publish(struct connection *connection, const char *subject, const void *data, size_t bytes) {
    static char frame[(1 << 20) + 64];
    static const char line_end[2] = {'\r', '\n'};
    int head = snprintf(frame, 64, "PUB %s %zu\r\n", subject, bytes);
    memcpy(frame + head, data, bytes);
    memcpy(frame + head + bytes, line_end, sizeof line_end);
    send_all(connection->descriptor, frame, (size_t)head + bytes + sizeof line_end);
}

static struct connection *open_connection(const char *address, const char *subject) {
    struct connection *connection = calloc(1, sizeof *connection);
    uint16_t port = (uint16_t)strtoul(address, NULL, 10);
    struct sockaddr_in server = {
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    char text[128];
    int on = 1;
    connection->descriptor = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(connection->descriptor, (struct sockaddr *)&server, sizeof server) < 0) {
        peer_fail("nats connect");
    }
    setsockopt(connection->descriptor, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    int length = snprintf(text, sizeof text, "CONNECT {\"verbose\":false}\r\nSUB %s 1\r\nPING\r\n", subject);
    send_all(connection->descriptor, text, (size_t)length);
    while (strncmp(line_next(connection), "PONG", 4) != 0) {
    }
    return connection;
}

static void serve(const char *address, int ready) {
    struct connection *connection = open_connection(address, "request");
    char kind;
    if (write(ready, "", 1) != 1) {
        peer_fail("ready");
    }
    do {
        size_t bytes;
        char *payload = message_next(connection, &bytes);
        kind = *payload;
        if (kind != 'o') {
            publish(connection, "answer", payload, bytes);
        }
    } while (kind != 'q');
}

static void *dial(const char *address) {
    return open_connection(address, "answer");
}

static void send_one(void *client, const void *data, size_t bytes) {
    publish(client, "request", data, bytes);
}

static void call(void *client, const void *data, size_t bytes) {
    send_one(client, data, bytes);
    message_next(client, &bytes);
}

int main(int argc, char **argv) {
    static const struct peer peer = {
        .name = "nats", .serve = serve, .dial = dial, .call = call, .send = send_one, .largest_bytes = 1 << 20};
    return peer_main(&peer, argc, argv);
}
