/*
 * A service: endpoints with handlers, the channels of its clients, and the run loop.
 *
 *     service.c  create, register handlers, options     run.c      the loop and the life cycle
 *     client_channel.c  one client's channel            request.c  what a handler sees, and completing
 *     reply.c    answers, now or when there is room      timer.c, watch.c  timers and descriptors
 *     rights.c   what a client may do
 */
#ifndef GROVE_SERVICE_SERVICE_H
#define GROVE_SERVICE_SERVICE_H

#include "lib/service/timer.h"
#include "lib/session/attachment.h"

/* Replies that wait for room, of one client. */
#define REPLIES_WAITING_MAX 128u
#define REPLY_BYTES_WAITING_MAX (1u << 20)

struct method {
    uint32_t number;
    grove_handler *handler;
    void *context;
};

/* A name that the service answers to; lives as long as the service. */
struct served_endpoint {
    struct served_endpoint *next;
    struct grove_name name;
    struct method *methods; /* sorted by number */
    unsigned method_count;
    grove_client_handler *on_client; /* NULL: nobody wants to know */
    void *on_client_context;
};

struct waiting_reply;
struct rights;

/* The service's end of one client's channel. */
struct client_channel {
    struct attachment base; /* first: an attachment of this owner is a client channel */
    struct grove_service *service;
    struct served_endpoint *endpoint;
    struct grove_name client;
    grove_object_id client_id;
    uint32_t client_ring;
    bool is_peer_known;
    uint32_t told_epoch; /* the client's instances up to this one have ended, and that was told */
    unsigned requests; /* taken and not completed, and the function at work: the channel outlives them */
    struct waiting_reply *replies, **replies_tail; /* those that found no room */
    unsigned reply_count;
    size_t reply_bytes;
    struct rights *rights; /* what the client is known to hold; NULL: nothing */
};

enum request_state {
    REQUEST_FREE,
    REQUEST_OPEN, /* being handled, or deferred */
    REQUEST_ANSWERED, /* a reply is published, or waits for room */
};

struct grove_request {
    struct grove_request *next_free;
    struct client_channel *channel;
    struct channel_taken taken;
    const void *data;
    size_t length_bytes;
    enum request_state state;
    bool wants_reply;
    bool is_in_handler;
    bool is_deferred;
    bool is_reply_waiting; /* its reply is in the channel's list: the request is completed after it */
};

struct watch {
    int descriptor; /* -1: free */
    short events, ready;
    grove_descriptor_handler *handler;
    void *context;
};

enum service_state { SERVICE_NEW, SERVICE_RUNNING, SERVICE_QUIESCED, SERVICE_STOPPED };

struct grove_service {
    struct grove_session *session;
    struct grove_service_options options;
    struct served_endpoint *endpoints;
    enum service_state state;
    bool is_ready;
    struct grove_request *free_requests;
    bool is_short_of_requests; /* no memory for another one: channels wait for one to come back */
    struct timer_heap timers;
    struct watch *watches;
    unsigned watch_capacity;
    grove_rest_handler *on_rest; /* NULL: nothing is put off */
    void *on_rest_context;
    unsigned messages_since_rest;
};

/* client_channel.c */
extern const struct attachment_owner client_channel_owner;
int client_channel_open(struct grove_service *service, struct packet *packet);
/* Leave the session and be gone. No request may be left. */
void client_channel_end(struct client_channel *channel);
void client_channel_unuse(struct client_channel *channel); /* one request less */

/* request.c */
/*
 * See that the first of service->free_requests is there, to take the next record into. False: no memory is left. Records
 * then stay in their lanes until a request is completed, which wakes all channels; with none under way there is one free.
 */
bool requests_reserve(struct grove_service *service);
/*
 * Run the handler on a record taken into the first free request, or complete it without. False: the record breaks the
 * protocol.
 */
bool request_handle(struct client_channel *channel, struct grove_request *request);
/* Completed: the record leaves the lane. */
void request_complete(struct grove_request *request);
void requests_free(struct grove_service *service);

/* reply.c */
/* Try again to publish what waits for room. */
void replies_flush(struct client_channel *channel);
uint64_t replies_expire(struct client_channel *channel, uint64_t now_ns);
void replies_drop(struct client_channel *channel);
/* So many replies wait for room that no more requests are taken from this client. */
bool replies_block(const struct client_channel *channel);
int reply_error(struct grove_request *request, int status, const char *sentence);

/* rights.c */
void rights_destroy(struct rights *rights); /* NULL: nothing happens */

/* watch.c */
void watch_note(void *service, int descriptor, uint32_t events); /* from the session's wait */
int watch_run(struct grove_service *service); /* run the handlers of what was noted */

/* run.c */
bool service_life_cycle(void *service, struct packet *packet);

#endif
