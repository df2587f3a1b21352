/*
 * Stores behind a socket: Redis (RESP) and etcd (its JSON gateway, over HTTP), with one and with 64 connections.
 *
 *     bench-store-servers redis|etcd PORT
 *
 * Each connection has one write outstanding at a time; 64 bytes to one of 1,000 keys. Prints one line of JSON.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bench/common/peer.h"

#define KEYS 1000u
#define ROUNDS 5u
#define ROUND_NS UINT64_C(200000000)
#define CONNECTIONS_MAX 64u
/* 64 bytes, and the same in base 64. */
#define VALUE "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv"
#define VALUE_64 "dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dnZ2dg=="

struct connection {
    int socket;
    char answer[2048];
    size_t bytes;
};

struct server {
    const char *name;
    int (*request)(char *text, size_t size, unsigned number);
    int (*is_whole)(const char *answer); /* 1: it is; aborts the measurement if it is an error */
};

static int redis_request(char *text, size_t size, unsigned number) {
    return snprintf(text, size, "*3\r\n$3\r\nSET\r\n$8\r\nkey/%04u\r\n$64\r\n" VALUE "\r\n", number);
}

static int redis_is_whole(const char *answer) {
    if (answer[0] != '+')
        peer_fail("the answer");
    return strstr(answer, "\r\n") != NULL;
}

/* Keys are 6 bytes here, so that their base 64 has no end of its own: 8 letters of the same alphabet. */
static int etcd_request(char *text, size_t size, unsigned number) {
    char body[256];
    int length = snprintf(body, sizeof body, "{\"key\":\"a2V5%04u\",\"value\":\"" VALUE_64 "\"}", number);
    return snprintf(text, size, "POST /v3/kv/put HTTP/1.1\r\nHost: etcd\r\nContent-Length: %d\r\n\r\n%s", length, body);
}

static int etcd_is_whole(const char *answer) {
    const char *body = strstr(answer, "\r\n\r\n"), *length = strstr(answer, "Content-Length: ");
    if (body == NULL)
        return 0;
    if (strncmp(answer, "HTTP/1.1 200", 12) != 0 || length == NULL) {
        peer_fail("the answer");
        return 0;
    }
    return strlen(body + 4) >= strtoul(length + 16, NULL, 10);
}

static const struct server servers[] = {{"redis", redis_request, redis_is_whole},
                                        {"etcd", etcd_request, etcd_is_whole}};

static int dial(int port) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int one = 1, opened = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (opened < 0 || connect(opened, (const struct sockaddr *)&address, sizeof address) < 0)
        peer_fail("connect");
    (void)setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    return opened;
}

static void ask(const struct server *server, struct connection *connection) {
    static unsigned number;
    char text[1024];
    int length = server->request(text, sizeof text, number++ * 7919u % KEYS);
    if (write(connection->socket, text, (size_t)length) != length)
        peer_fail("write");
    connection->bytes = 0;
}

/* Returns 1 when the answer is whole. */
static int take(const struct server *server, struct connection *connection) {
    ssize_t bytes = read(connection->socket, connection->answer + connection->bytes,
                         sizeof connection->answer - 1 - connection->bytes);
    if (bytes <= 0)
        peer_fail("read");
    connection->bytes += (size_t)bytes;
    connection->answer[connection->bytes] = '\0';
    return server->is_whole(connection->answer);
}

static double measure(const struct server *server, int port, unsigned count) {
    static struct connection connections[CONNECTIONS_MAX];
    struct pollfd polled[CONNECTIONS_MAX];
    double rates[ROUNDS];
    for (unsigned i = 0; i < count; i++) {
        connections[i].socket = dial(port);
        polled[i] = (struct pollfd){.fd = connections[i].socket, .events = POLLIN};
        ask(server, &connections[i]);
    }
    for (unsigned round = 0; round < ROUNDS; round++) {
        uint64_t begin_ns = bench_now_ns(), done = 0;
        while (bench_now_ns() - begin_ns < ROUND_NS) {
            if (poll(polled, count, 10000) <= 0)
                peer_fail("poll");
            for (unsigned i = 0; i < count; i++)
                if (polled[i].revents != 0 && take(server, &connections[i]) != 0) {
                    ask(server, &connections[i]);
                    done++;
                }
        }
        rates[round] = (double)done * 1e9 / (double)(bench_now_ns() - begin_ns);
    }
    for (unsigned i = 0; i < count; i++)
        (void)close(connections[i].socket);
    return bench_median(rates, ROUNDS);
}

int main(int argc, char **argv) {
    if (argc != 3)
        return 2;
    for (size_t i = 0; i < sizeof servers / sizeof servers[0]; i++) {
        if (strcmp(servers[i].name, argv[1]) != 0)
            continue;
        int port = (int)strtol(argv[2], NULL, 10);
        double one = measure(&servers[i], port, 1), many = measure(&servers[i], port, CONNECTIONS_MAX);
        printf("{\"one_writer\": %.0f, \"many_writers\": %.0f}\n", one, many);
        return 0;
    }
    return 2;
}
