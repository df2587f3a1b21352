/*
 * Redis, NATS and mosquitto over TCP, in their own protocols, with no library in between: the publisher pipelines a batch in
 * one write, and a reader counts events by the bytes they take, without looking at them. Nothing could do with less, so
 * the figures are the servers'.
 */
#include "bench/bus/fanout.h"

#include <arpa/inet.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <netinet/tcp.h>

struct protocol {
    const char *hello, *subscribe; /* what is said first; what subscribes */
    size_t hello_bytes, subscribe_bytes;
    const char *subscribed; /* what the answer to that holds */
    size_t subscribed_bytes;
    const char *before, *after; /* around the data of an event published */
    size_t before_bytes;
    size_t event_bytes; /* what an event takes at a reader */
};

#define BYTES(text) (text), (sizeof(text) - 1)
static const struct protocol redis = {.hello = "",
                                      .subscribe = "*2\r\n$9\r\nSUBSCRIBE\r\n$1\r\nb\r\n",
                                      .subscribe_bytes = 33,
                                      .subscribed = "subscribe",
                                      .subscribed_bytes = 9,
                                      .before = "*3\r\n$7\r\nPUBLISH\r\n$1\r\nb\r\n$64\r\n",
                                      .before_bytes = 29,
                                      .after = "\r\n",
                                      .event_bytes = sizeof("*3\r\n$7\r\nmessage\r\n$1\r\nb\r\n$64\r\n") - 1 + 64 + 2};
static const struct protocol nats = {.hello = "CONNECT {\"verbose\":false}\r\n",
                                     .hello_bytes = 27,
                                     .subscribe = "SUB b 1\r\nPING\r\n",
                                     .subscribe_bytes = 15,
                                     .subscribed = "PONG",
                                     .subscribed_bytes = 4,
                                     .before = "PUB b 64\r\n",
                                     .before_bytes = 10,
                                     .after = "\r\n",
                                     .event_bytes = sizeof("MSG b 1 64\r\n") - 1 + 64 + 2};
/* MQTT 3.1.1: CONNECT without a client id, clean session; SUBSCRIBE to "b", quality 0; PUBLISH to "b". */
static const struct protocol mosquitto = {.hello = "\x10\x0c\x00\x04MQTT\x04\x02\x00\x00\x00\x00",
                                          .hello_bytes = 14,
                                          .subscribe = "\x82\x06\x00\x01\x00\x01"
                                                       "b\x00",
                                          .subscribe_bytes = 8,
                                          .subscribed = "\x90\x03\x00\x01",
                                          .subscribed_bytes = 4,
                                          .before = "\x30\x43\x00\x01"
                                                    "b",
                                          .before_bytes = 5,
                                          .after = "",
                                          .event_bytes = 69};

static int open_socket(const struct protocol *protocol, const char *port) {
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)strtoul(port, NULL, 10)),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    int one = 1, opened = socket(AF_INET, SOCK_STREAM, 0);
    if (opened < 0 || connect(opened, (struct sockaddr *)&address, sizeof address) < 0)
        fanout_fail("connect");
    setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    if (send(opened, protocol->hello, protocol->hello_bytes, 0) < 0)
        fanout_fail("send");
    return opened;
}

static void read_events(const struct protocol *protocol, const char *port, _Atomic uint64_t *count,
                        _Atomic bool *is_ready) {
    static char bytes[1 << 16];
    size_t held = 0;
    uint64_t got = 0;
    int opened = open_socket(protocol, port);
    if (send(opened, protocol->subscribe, protocol->subscribe_bytes, 0) < 0)
        fanout_fail("send");
    while (memmem(bytes, held, protocol->subscribed, protocol->subscribed_bytes) == NULL) {
        ssize_t size = recv(opened, bytes + held, sizeof bytes - held, 0);
        if (size <= 0)
            fanout_fail("receive");
        held += (size_t)size;
    }
    usleep(100000); /* what is left of the answer */
    (void)recv(opened, bytes, sizeof bytes, MSG_DONTWAIT);
    *is_ready = true;
    for (;;) {
        ssize_t size = recv(opened, bytes, sizeof bytes, 0);
        if (size <= 0)
            fanout_fail("receive");
        got += (uint64_t)size;
        atomic_store_explicit(count, got / protocol->event_bytes, memory_order_release);
    }
}

struct publisher {
    const struct protocol *protocol;
    int socket;
};

static void *dial_with(const struct protocol *protocol, const char *port) {
    struct publisher *publisher = malloc(sizeof *publisher);
    *publisher = (struct publisher){.protocol = protocol, .socket = open_socket(protocol, port)};
    return publisher;
}

static void publish(void *context, unsigned events) {
    struct publisher *publisher = context;
    const struct protocol *protocol = publisher->protocol;
    char bytes[BATCH * 128], answers[8192], *at = bytes;
    for (unsigned i = 0; i < events; i++) {
        memcpy(at, protocol->before, protocol->before_bytes);
        at += protocol->before_bytes;
        memset(at, 'x', EVENT_BYTES);
        at += EVENT_BYTES;
        memcpy(at, protocol->after, strlen(protocol->after));
        at += strlen(protocol->after);
    }
    for (char *from = bytes; from < at;) {
        ssize_t size = send(publisher->socket, from, (size_t)(at - from), 0);
        if (size < 0)
            fanout_fail("send");
        from += size;
    }
    while (recv(publisher->socket, answers, sizeof answers, MSG_DONTWAIT) > 0)
        continue;
}

#define SOCKET_PEER(who) \
    static void read_##who(const char *port, unsigned reader, _Atomic uint64_t *count, _Atomic bool *is_ready) { \
        (void)reader; \
        read_events(&who, port, count, is_ready); \
    } \
    static void *dial_##who(const char *port) { \
        return dial_with(&who, port); \
    } \
    const struct fanout fanout_##who = {.name = #who, .read = read_##who, .dial = dial_##who, .publish = publish}
SOCKET_PEER(redis);
SOCKET_PEER(nats);
SOCKET_PEER(mosquitto);
