/*
 * What the parts of the metrics gateway share.
 *
 *   main.c      set-up, the listening socket        http.c, page.c, text.c  pure parts: requests; families; names and numbers
 *   clients.c   connections: bytes in and out       collect.c   asking every service
 *                                                   kernel.c    what the kernel says, and what the gateway counts itself
 *
 * One thread. A scrape asks everybody anew; those that come while one is under way share the next one. Nothing outlives this
 * process, and no connection does: scrapers connect again.
 */
#ifndef SERVERS_METRICS_METRICS_H
#define SERVERS_METRICS_METRICS_H

#include "grove/metrics.h"
#include "servers/common/listen.h"
#include "servers/metrics/page.h"

#define METRICS_CLIENTS_MAX 64u
#define METRICS_TARGETS_MAX 320u /* services that are asked: all of the system, and 256 that registered themselves */
#define METRICS_RECORDS_MAX 16384u /* of all user services together, in one scrape */
#define METRICS_PATIENCE_NS GROVE_SECOND /* for all services together */
#define METRICS_KERNEL_TIMEOUT_NS (2 * GROVE_SECOND)

struct gateway;
struct client;
struct collection;

/* What is sent to everybody who waited for it. */
struct body {
    unsigned references;
    size_t length_bytes;
    char *text;
};
void body_unref(struct body *body); /* NULL: nothing happens */

struct gateway {
    struct grove_service *service;
    struct grove_session *session;
    struct listen listen;
    struct client *clients;
    unsigned client_count;
    uint32_t timer; /* for the earliest deadline of a client; 0: none is set */
    uint64_t timer_ns;
    struct collection *collection; /* NULL: none is under way */
    struct target *targets;
    struct grove_channel *init, *hooks; /* NULL: not open */
    uint64_t scrapes_begun; /* the number of the one under way, or of the last */
    /* What the gateway counts itself. */
    uint64_t requests, refused_requests, connections, evicted, pages_failed;
    struct page_counts counts; /* of all scrapes */
    struct grove_histogram duration;
};

/* ---- clients.c ---- */

void client_open(struct gateway *gateway, int descriptor);
/* The scrape with this number is over; `body` NULL: it failed. */
void clients_answer(struct gateway *gateway, uint64_t number, struct body *body);
/* Does anybody wait for a scrape after this one? */
bool clients_want_more(const struct gateway *gateway, uint64_t number);
void clients_end(struct gateway *gateway);

/* ---- collect.c ---- */

/*
 * The number of the scrape in which whoever asks now gets its page; begun soon, or when the one under way is
 * over. 0: none can be begun.
 */
uint64_t collect_wanted(struct gateway *gateway);

/* ---- kernel.c ---- */

void kernel_add(struct gateway *gateway, struct page *page);
/* What is told of each service that was asked. */
void own_add(struct gateway *gateway, struct page *page, unsigned answered, unsigned silent);
/* One value of the gateway's own, as system.SERVICE; label NULL: none. */
void own_value(struct page *page, const char *service, enum grove_metric_kind kind, const char *name, const char *help,
               const char *label, const char *label_value, double value);

#endif
