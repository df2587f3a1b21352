/*
 * What the parts of the NATS gateway share.
 *
 *   main.c      set-up, the listening socket        parse.c, tokens.c  pure parts: operations; who may what
 *   clients.c   connections: bytes in and out       administration.c   the methods: make, remove and list tokens
 *   operations.c  what each operation does          topics.c           subscriptions at the bus, shared by clients
 *
 * One thread. A client is a ring-3 user of the bus: everything it says goes through its token's rights here, and whatever
 * it publishes carries its token's name in a header that it cannot write itself (GROVE_CLIENT_HEADER). Nothing of a
 * connection outlives this process; NATS clients connect again by themselves. Messages of NATS core are delivered at
 * most once, and so is everything here.
 */
#ifndef SERVERS_NATS_NATS_H
#define SERVERS_NATS_NATS_H

#include "grove/bus.h"
#include "servers/common/listen.h"
#include "servers/nats/parse.h"
#include "servers/nats/tokens.h"

#define NATS_CLIENTS_MAX 1024u
#define NATS_SUBSCRIPTIONS_MAX 256u /* of one client */
#define NATS_ID_MAX 63u /* bytes of a client's name for a subscription */
#define NATS_OUTPUT_MAX (8u << 20) /* bytes that wait for one client */
#define NATS_REPLIES 1024u /* the newest reply subjects that a client was told */
/* `Grove-Client: TOKEN/CONNECTION` is the first header of whatever a client of the gateway publishes. */
#define GROVE_CLIENT_HEADER "Grove-Client: "
#define NATS_HEADERS_FIRST_LINE "NATS/1.0\r\n"

struct gateway;
struct client;
struct topic;

/* A client's subscription; in its client's list and in its topic's. */
struct subscription {
    struct client *client;
    struct topic *topic;
    struct subscription *next_in_client, *next_in_topic;
    char id[NATS_ID_MAX + 1];
    uint64_t delivered, maximum; /* maximum 0: none */
};

/* One subscription at the bus: all that the clients want of one pattern, or of one queue group of a pattern. */
struct topic {
    struct gateway *gateway;
    struct topic *next;
    struct grove_subscription *subscription;
    struct subscription *members, *turn; /* turn: who is next in a queue group; NULL: the first */
    char pattern[GROVE_SUBJECT_MAX + 1];
    char queue[GROVE_BUS_GROUP_MAX + 1]; /* empty: everybody gets everything */
};

struct bytes {
    char *data;
    size_t begin, end, room;
};

struct client {
    struct gateway *gateway;
    struct client *next;
    int descriptor;
    uint64_t id;
    struct bytes input, output;
    short watched; /* events that are waited for */
    bool is_connected; /* CONNECT was accepted */
    bool is_verbose, is_pedantic, wants_echo, wants_headers;
    bool is_ending; /* nothing is read any more; closed when the output is out, or at the next tick */
    bool is_held; /* the bus does not keep up: its input waits */
    unsigned pings; /* sent and not answered */
    uint64_t heard_ns, opened_ns;
    struct token token; /* a copy: the list may change */
    char allowed[GROVE_SUBJECT_MAX + 1]; /* the subject that its token allowed last; empty: none */
    char headers[128]; /* before its own ones: the first line, and who it is */
    size_t headers_bytes;
    struct subscription *subscriptions;
    unsigned subscription_count, reply_next;
    uint64_t replies[NATS_REPLIES]; /* hashes */
};

struct gateway {
    struct grove_service *service;
    struct grove_session *session;
    struct tokens tokens;
    struct client *clients;
    struct topic *topics;
    unsigned client_count;
    uint64_t last_id;
    struct listen listen;
    bool is_ticking; /* a timer runs while there are clients */
    bool is_turn_due; /* and one is set when something waits to be written, to be tried again or to be closed */
    uint16_t port;
    char host[64];
};

/* ---- clients.c ---- */

/* Take over a connection, and greet it. */
void client_open(struct gateway *gateway, int descriptor);
/* Say something; a client that lets too much wait is cut off. */
void client_write(struct client *client, const void *data, size_t length_bytes);
void client_print(struct client *client, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Say -ERR, and, when it is fatal, close after that. */
void client_fail(struct client *client, bool is_fatal, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* End it: close when what waits is out. Never at once, so whoever goes through lists of clients may go on. */
void client_end(struct client *client);
/* End all that came in with this token; NULL: all. */
void clients_end(struct gateway *gateway, const char *token);
unsigned clients_count(const struct gateway *gateway, const char *token);

/* ---- operations.c ---- */

enum operation_result { OPERATION_DONE, OPERATION_HELD /* try the same again later */ };
enum operation_result operation_run(struct client *client, const struct nats_command *command);
/* A message for a subscription of its client. */
void operation_deliver(struct subscription *subscription, const struct grove_event *event);

/* ---- topics.c ---- */

/* GROVE_NO_MEMORY, or the errors of grove_bus_subscribe. */
int topic_join(struct client *client, const char *pattern, const char *queue, const char *id);
struct subscription *topic_find(struct client *client, struct nats_text id);
void topic_leave(struct subscription *subscription);

/* ---- administration.c ---- */

int administration_serve(struct gateway *gateway);

/* ---- metrics.c ---- */

void metrics_serve(struct gateway *gateway);

#endif
