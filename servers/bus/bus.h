/*
 * What the parts of the bus share.
 *
 *   main.c      set-up, the table of methods        publish.c   a publication: to whom, its number, its copies
 *   state.c     what outlives an instance           incoming.c  the bytes of a publication, checked
 *   subjects.c  subjects, and who gets them         trie.c      patterns
 *   clients.c   who is connected                    members.c   subscribe, unsubscribe, pause
 *   directs.h   rings of publishers
 *   feeds.c     one ring for each pattern           queues.c, deliveries.c  events kept for a queue: out, done, again, dead
 *   polls.c     what a client waits for             requests.c  request and reply
 *   poll_message.h  the bytes of that, checked
 *   rights.c    who may what                        looks.c     metrics, lists
 *   points.h    where hooks look at all that        settings.c  what can be configured
 *   overflow.h  queues that spill to disk
 *   dlq.h, durable.h, spill.h  what is behind them is the disk
 *
 * One thread. An event goes one of two ways: it is written into the ring of each pattern that matches and is read in place
 * (at most once), or it is kept in the state region until every queue that matches is done with it. A publication is
 * taken off its publisher's lane when its events are kept: then a death of the bus loses nothing. Where no room is, it
 * stays in the lane, uncompleted, and so its publisher waits (law 10).
 */
#ifndef SERVERS_BUS_BUS_H
#define SERVERS_BUS_BUS_H

#include "lib/bus/ring_writer.h"
#include "servers/bus/state.h"
#include "servers/bus/trie.h"

#include <string.h>

#define BUS_TOKENS_NODES_MAX 16384u
#define BUS_CLIENTS_MAX 4096u
#define BUS_FEEDS_MAX 32u
/* Rings begin small and are renewed when an event comes that is more than half of one. */
#define BUS_RING_BYTES (512u << 10)
#define BUS_RING_LARGE_BYTES (4u << 20)
#define BUS_PERMITS 4u

struct bus;
struct queue;
struct member;
struct client;
struct feed;

/* ---- things ---- */

/* Whoever was found to be allowed to publish a subject, while no right is revoked. */
struct permit {
    grove_object_id client;
    uint32_t epoch;
};

enum target_kind { TARGET_FEED, TARGET_QUEUE };
struct target {
    enum target_kind *kind; /* the first field of a feed and of a queue */
};

struct subject {
    struct saved_subject *saved;
    uint32_t index;
    uint32_t users; /* events that name it */
    uint32_t pattern_epoch; /* of bus, when the targets were looked up; 0 never */
    uint32_t hash;
    bool is_recent, is_reserved, is_inbox;
    unsigned permit_next, target_count, target_room, queue_count, feed_count;
    enum target_kind **targets;
    struct permit permits[BUS_PERMITS];
    uint64_t stamp; /* queues.c: the look that found it busy */
};

struct event;

/* What hooks make of a delivery: delivery_points.c. From CONTINUE on the answer is known. */
enum look_state { LOOK_NONE, LOOK_WANTED, LOOK_ASKED, LOOK_CONTINUE, LOOK_CHANGE, LOOK_VETO };

/* One event for one queue. In exactly one list of the queue. */
struct delivery {
    struct delivery *next, *previous;
    struct delivery_list *list;
    struct event *event;
    struct queue *queue;
    struct saved_delivery *saved;
    struct member *member; /* OUT: who has it */
    uint64_t due_ns; /* OUT: when it counts as failed; DELAYED: when it is tried again */
    bool is_redelivered;
    uint8_t look; /* enum look_state */
    uint32_t changed_bytes;
    uint8_t *changed; /* by hooks: its data from now on; NULL: it is as it was published */
};
struct delivery_list {
    struct delivery *first, *last;
    unsigned count;
};

struct event {
    uint32_t index;
    unsigned left; /* deliveries that are not done */
    struct subject *subject;
    struct client *publisher; /* whose room it takes; NULL: gone */
    uint64_t size_bytes;
    struct delivery deliveries[];
};

struct queue {
    enum target_kind kind;
    uint32_t index;
    struct saved_queue *saved;
    struct bus *bus;
    struct member *members; /* by next_in_queue */
    struct member *turn; /* whose turn it is in a group; NULL: the first */
    struct delivery_list waiting, out, delayed; /* by number; by due time; by due time */
    struct delivery_list asking; /* by number: hooks look at them */
    struct delivery *unasked; /* the first of those that was not asked about; NULL: none */
    struct delivery_list spilling; /* by number: overflow.h */
    uint64_t bytes, spilling_bytes; /* of all of them, and of those that are to be spilled */
    struct spill *spill; /* what it has on disk; NULL: nothing, or it could not be opened yet */
    bool is_spill_unsure; /* the first of it may be kept already */
    int spill_status; /* of the last attempt to write */
    uint64_t spill_retry_ns, spill_pass_ns; /* 0: none */
    struct replay *replay; /* durable: where it reads the log; NULL: it does not */
};

struct member {
    uint32_t index;
    struct saved_member *saved;
    struct client *client;
    struct queue *queue; /* or */
    struct feed *feed;
    struct member *next_in_owner, *next_in_client;
    unsigned out; /* deliveries it has */
    uint64_t missed; /* by queue: dropped since the last one was delivered */
    uint64_t ring; /* by ring: the one that it was granted */
    uint64_t renewal; /* and which of the feed's that was */
    uint64_t first_count; /* by ring: what it had when this one came */
    bool is_armed; /* by ring: its client's poll waits for the ring to grow */
    struct direct_start *starts; /* directs.c: where it begins in rings of publishers; NULL: in each at its begin */
};

struct feed {
    enum target_kind kind;
    char pattern[GROVE_SUBJECT_MAX + 1];
    uint32_t lane;
    bool is_direct; /* its readers read rings of publishers as well: what is in one of those is not in this one */
    struct feed *next;
    struct member *members; /* by next_in_owner */
    unsigned armed;
    uint64_t unseen_bytes; /* written while somebody is armed, who has not been woken yet */
    struct grove_region *region;
    uint64_t renewals;
    struct ring_writer writer;
};

struct direct_start;
struct directs;
struct durable;
struct replay;
struct spill;
struct spills;

struct poll {
    struct grove_request *request; /* NULL: none is under way */
    uint32_t answer_bytes; /* as much as it takes */
};

/* A container that is connected, with all its channels. */
struct client {
    grove_object_id id;
    struct grove_name name;
    uint16_t name_bytes;
    uint32_t ring, generation; /* generation: of its instance, as it says */
    unsigned channels;
    grove_handle channel; /* any of them */
    grove_handle main_channel; /* where it subscribed */
    struct client *next; /* in its bucket */
    struct member *members; /* by next_in_client */
    struct poll polls[GROVE_LANES];
    unsigned
        looks; /* a bit for each lane whose next poll is answered at once: there is something in a publisher's ring */
    unsigned held; /* publications that wait for room */
    unsigned durables; /* publications that wait for the disk */
    uint64_t held_look; /* publish.c: the round in which one of them had to go on waiting */
    uint64_t kept_bytes; /* in the arena, on its account */
    struct asked *asked; /* publications that hooks look at, in their order */
    uint64_t vetoes, veto_said_ns;
};

/* What can be configured: settings.c. For subscriptions that say nothing else; dead letters; durable events. */
struct bus_settings {
    uint64_t queue_events, in_flight, max_retries;
    uint64_t timeout_ns, backoff_first_ns, backoff_cap_ns, block_ns;
    uint64_t letters, letters_bytes;
    uint64_t retain_bytes, retain_ns; /* 0: no limit */
};

struct dlq;
struct held; /* a publication that waits for room */
struct asked;
struct verdict;
struct grove_hooks;
struct inbox; /* a request that waits for its answer */

struct bus {
    struct grove_service *service;
    struct grove_session *session;
    struct bus_settings settings;
    struct state state;
    struct trie patterns;
    uint32_t pattern_epoch; /* changes whenever who gets what changes; never 0 */
    struct subject *subjects[STATE_SUBJECTS];
    struct subject_slot *subject_slots;
    unsigned subject_count, subject_hand;
    struct client *clients[256];
    unsigned client_count;
    struct client *last_client;
    struct subject *last_subject; /* of the newest publication; NULL: none */
    struct member *members[STATE_MEMBERS];
    struct queue *queues[STATE_QUEUES];
    struct event *events[STATE_EVENTS];
    struct feed *feeds;
    unsigned feed_count;
    struct held *held, **held_tail;
    unsigned held_count;
    struct inbox *inboxes[64];
    struct durable *durable;
    struct spills *spills;
    struct dlq *dlq;
    struct directs *directs; /* NULL: no publisher has a ring of its own */
    uint32_t direct_epoch, direct_points; /* pattern_epoch and the hooks for which the board is right */
    struct grove_hooks *hooks; /* NULL: there is no service of hooks */
    const uint32_t *points; /* at which of them hooks are set; never NULL */
    uint64_t hooks_tried_ns;
    bool are_points_full; /* the hooks take no more questions, and some are left */
    bool is_retry_set; /* a timer for those */
    struct verdict *verdict; /* of the publication under way; NULL: nobody looked, or nothing was changed */
    const struct grove_request *released; /* the publication that hooks have looked at, while its handler runs */
    const struct grove_request *counted; /* whose `dropped` has been counted */
    uint64_t looks; /* rounds through lists in which each thing is met once */
    uint64_t arena_bytes;
    const char *folder; /* for what is on disk; NULL: none */
    uint32_t rights_epoch; /* when all subscriptions were looked at last */
    uint64_t rights_looked_ns;
    uint64_t timer_ns; /* when the timer is due; 0: none is set */
    uint32_t timer;
    bool is_sweep_due, is_wake_due;
    struct grove_version kernel_version;
    uint64_t started_ns;
    unsigned events_since_rest, rests_in_burst; /* written into rings; rests since it is going on */
    uint64_t taken_ns; /* time of the events of one burst; 0: the next one looks at the clock */
};

/* A publication whose bytes have been checked. Subject and reply_to are copies; headers and data are the sender's memory. */
struct incoming {
    char subject[GROVE_SUBJECT_MAX + 1];
    char reply_to[GROVE_SUBJECT_MAX + 1];
    uint16_t subject_bytes, reply_bytes;
    uint32_t headers_bytes, data_bytes, dropped;
    const uint8_t *headers, *data;
    bool is_in_ring; /* its publisher has written it to a ring of its own as well */
    uint32_t hash; /* of the subject */
    struct grove_trace_context trace; /* of its publication; trace 0: nobody traces */
};

/* ---- incoming.c: pure ---- */

/* The bytes of a publication as they came. */
struct incoming_bytes {
    const void *data, *slice; /* slice: NULL if there is none */
    size_t length_bytes, slice_bytes;
};
/*
 * `known`: a subject that is known to be valid, NULL if none is; the same again is not looked at. GROVE_INVALID,
 * GROVE_VERSION, GROVE_TOO_LARGE; *reason says what is wrong.
 */
int incoming_decode(const struct incoming_bytes *bytes, const struct subject *known, struct incoming *incoming,
                    const char **reason);
bool subject_is_valid(const char *subject, size_t length_bytes);
bool pattern_is_valid(const char *pattern, size_t length_bytes);
uint32_t subject_hash(const char *subject, size_t length_bytes);
/* Is its first token one of the system's? */
bool subject_is_reserved(const char *subject);
bool subject_is_inbox(const char *subject);

/* ---- subjects.c ---- */

int subjects_open(struct bus *bus); /* from the state */
/* Found, or made with its targets looked up. GROVE_NO_MEMORY, GROVE_EXHAUSTED (all are in use by events). */
int subject_find(struct bus *bus, const char *text, uint16_t length_bytes, uint32_t hash, struct subject **subject);
int subject_refresh(struct bus *bus, struct subject *subject);
/* Who gets what has changed. */
void subjects_changed(struct bus *bus);

/* ---- rights.c ---- */

/* 0, or GROVE_DENIED with the last error saying what is missing. */
int rights_publish(struct bus *bus, struct grove_request *request, struct subject *subject);
int rights_subscribe(struct bus *bus, struct grove_request *request, const char *pattern);
/* A member that may not read its pattern any more is ended. Asked when rights were revoked somewhere. */
void rights_look_again(struct bus *bus);
bool rights_have_changed(const struct bus *bus);
/* Ring 1 and shells see everybody's. */
bool rights_see_all(const struct grove_request *request);
int on_may_publish(struct grove_request *request, void *bus);

/* ---- clients.c ---- */

/* The client of a request, made if need be; NULL: no memory, or too many. */
struct client *client_of(struct bus *bus, const struct grove_request *request);
struct client *client_find(const struct bus *bus, grove_object_id id);
struct client *client_make(struct bus *bus, grove_object_id id, const char *name, uint32_t ring);
void client_changed(struct grove_service *service, enum grove_client_change change, const struct grove_client *client,
                    void *bus);
/* What it said of its instance: if it is a new one, what the old one had goes back. */
void client_is_instance(struct bus *bus, struct client *client, uint32_t generation);
/* End, some time from now, what a new instance has not taken over. */
void clients_sweep_later(struct bus *bus);
/* Freed if nothing is left of it. */
void client_let_go(struct bus *bus, struct client *client);

/* ---- members.c ---- */

int members_open(struct bus *bus); /* from the state, after the queues */
int on_subscribe(struct grove_request *request, void *bus);
int on_unsubscribe(struct grove_request *request, void *bus);
int on_pause(struct grove_request *request, void *bus);
struct member *member_find(const struct bus *bus, const struct client *client, uint32_t id);
uint32_t member_id(const struct member *member);
void member_end(struct bus *bus, struct member *member);
/*
 * The body of a request, which begins with the version of the protocol, into `body`. GROVE_INVALID, GROVE_VERSION with a sentence:
 * the request is answered.
 */
int request_take(struct grove_request *request, void *body, size_t size_bytes);
/* The member_id and its client, checked: GROVE_INVALID, GROVE_NOT_FOUND with a sentence. */
int member_of_request(struct bus *bus, struct grove_request *request, struct member **member, uint64_t *value);

/* ---- feeds.c ---- */

/* The feed of a pattern and lane, made if need be. GROVE_EXHAUSTED: there are as many as there may be. */
int feed_find(struct bus *bus, const char *pattern, uint32_t lane, bool is_direct, struct feed **feed);
/* Say among the events where a publisher's ring begins and ends. */
void feed_control(struct bus *bus, struct feed *feed, const struct grove_bus_control *control);
void feed_write(struct bus *bus, struct feed *feed, const struct grove_bus_image *head, const struct incoming *incoming,
                const char *publisher);
/* Wake the readers that sleep and for whom there is something. Returns whether there were any. */
bool feeds_rest(struct bus *bus);
/* Has a reader that is so far, and armed, to be told at once that there is more? Otherwise it is when the bus rests. */
bool feed_is_unread(struct bus *bus, struct feed *feed, uint64_t position);
/* Show the ring to whoever sent this request, as that member. */
int feed_show(struct feed *feed, struct member *member, struct grove_request *request);
/* Is the ring that the member was shown not the feed's any more? */
bool feed_is_renewed(const struct feed *feed, const struct member *member);
void feed_leave(struct bus *bus, struct member *member);
/* Another ring for the same: a larger one, or one that somebody has no part in who must not read it any more. */
int feed_renew(struct bus *bus, struct feed *feed, uint64_t size_bytes);
/* The bytes of an image, its head included. */
void image_fill(uint8_t *place, const struct grove_bus_image *head, const struct incoming *incoming,
                const char *publisher);

/* ---- queues.c ---- */

int queues_open(struct bus *bus); /* from the state, before the members */
int events_open(struct bus *bus); /* after them */
int queue_make(struct bus *bus, const struct grove_bus_subscription *wanted, struct queue **queue);
void queue_set(struct queue *queue, const struct grove_bus_subscription *wanted);
struct queue *queue_of_group(const struct bus *bus, const char *pattern, const char *group);
void queue_add_member(struct queue *queue, struct member *member);
/* With what it keeps. `subscriber` is its last member's name, NULL if it has had none. */
void queue_end(struct bus *bus, struct queue *queue, const char *subscriber);
void queue_remove_member(struct bus *bus, struct queue *queue, struct member *member);
/* Is there no room for one more, and is its policy to let the publisher wait? */
bool queue_blocks(const struct queue *queue);
/* See to it that there is room for one more, by dropping the oldest. */
void queue_make_room(struct bus *bus, struct queue *queue);
/* Drop the oldest event of the queue that keeps the most. False: nothing is kept. */
bool queues_drop_largest(struct bus *bus);
/* Keep an event for the queues among the subject's targets. GROVE_EXHAUSTED, GROVE_NO_MEMORY: nothing is changed. */
int event_keep(struct bus *bus, struct subject *subject, const struct grove_bus_image *head,
               const struct incoming *incoming, struct client *client, const char *publisher);
/* The same for one queue alone, on nobody's account. */
int event_keep_for(struct bus *bus, struct queue *queue, struct subject *subject, const struct grove_bus_image *head,
                   const struct incoming *incoming, const char *publisher);
/* The same for an event that hooks have looked at. */
int event_keep_looked(struct bus *bus, struct queue *queue, struct subject *subject, const struct grove_bus_image *head,
                      const struct incoming *incoming, const char *publisher);
/* Events it keeps in memory before what it spills, whatever their state. */
unsigned queue_count(const struct queue *queue);
void delivery_move(struct delivery *delivery, struct delivery_list *list);
/* Its queue needs the event no more; its room may be free after this. */
void delivery_done(struct bus *bus, struct delivery *delivery);
void delivery_bury(struct bus *bus, struct delivery *delivery, int status, const char *error);
/* There is no room for it. At most once: it is dropped. At least once: it is a dead letter. */
void delivery_push_out(struct bus *bus, struct delivery *delivery);
/* One that was to be spilled stays in memory: behind those that wait, or hooks look at it first. */
void delivery_queue(const struct bus *bus, struct delivery *delivery);
/* The oldest event of the queue. */
void queue_push_out(struct bus *bus, struct queue *queue);

/* ---- deliveries.c ---- */

/* The next delivery that this member may have now, or NULL. */
struct delivery *queue_next(struct bus *bus, struct queue *queue, struct member *member, uint64_t now_ns);
/* What a member has goes back into the queue. */
void queue_take_back(struct bus *bus, struct member *member);
void delivery_out(struct bus *bus, struct delivery *delivery, struct member *member, uint64_t now_ns);
/* What a member says of it; sentence may be NULL. */
void delivery_result(struct bus *bus, struct delivery *delivery, int status, const char *sentence);
/* By token; NULL if the queue is done with it. */
struct delivery *delivery_find(const struct bus *bus, const struct queue *queue, uint64_t token);
uint64_t delivery_token(const struct bus *bus, const struct delivery *delivery);
/* Something may have become ready for somebody who waits. */
void queue_offer(struct bus *bus, struct queue *queue);
/* Something is due then: set the timer if it is not set for earlier. */
void bus_due(struct bus *bus, uint64_t due_ns);

/* ---- polls.c ---- */

int on_poll(struct grove_request *request, void *bus);
int on_acknowledge(struct grove_request *request, void *bus);
/* Answer the poll of a client's lane with what there is, if there is anything or `is_wanted`. */
void poll_answer(struct bus *bus, struct client *client, uint32_t lane, bool is_wanted);
void polls_drop(struct bus *bus, struct client *client);

/* ---- publish.c ---- */

int on_emit(struct grove_request *request, void *bus);
int on_publish(struct grove_request *request, void *bus);
/*
 * Number the event and give it to all who are to get it. GROVE_EXHAUSTED: there is no room in the queues; nothing has
 * happened.
 */
int publish_event(struct bus *bus, struct client *client, struct subject *subject, const struct incoming *incoming,
                  uint32_t flags);
/* The same in two steps: give it its number now, and give the whole event to all later; queues make room for it then. */
void publish_number(struct bus *bus, const struct client *client, struct subject *subject,
                    const struct incoming *incoming, uint32_t flags, struct grove_bus_image *head);
/* `client` NULL: on nobody's account. */
void publish_image(struct bus *bus, struct client *client, struct subject *subject, const struct grove_bus_image *image,
                   uint64_t durable_sequence, uint32_t flags);
/* The parts of an image that is whole. Headers and data stay where they are, as does the publisher's name. */
void incoming_of_image(const struct grove_bus_image *image, struct incoming *incoming, const char **publisher);
/* The bytes of a publication, checked, and its subject, which this client may publish. A status told with grove_fail. */
int publish_begin(struct bus *bus, struct grove_request *request, struct incoming *incoming, struct client **client,
                  struct subject **subject);
/* Does it come again after a crash, and had been accepted? */
bool publish_is_known(const struct bus *bus, const struct grove_request *request, const struct subject *subject);
/* Defer a publication: whoever does that answers and finishes it. */
int request_defer(struct bus *bus, struct grove_request *request);
/* The head of an image whose data has another length now. */
void image_resize(struct grove_bus_image *head, const struct incoming *incoming);
/* Publications that wait for room are tried again. */
void held_retry(struct bus *bus);
void held_drop(struct bus *bus, struct client *client);
uint64_t held_due_ns(const struct bus *bus);

/* ---- requests.c ---- */

int on_request(struct grove_request *request, void *bus);
/* An answer for a request that waits here: true if it was one. */
bool request_answered(struct bus *bus, struct client *client, const struct incoming *incoming);

/* ---- looks.c ---- */

/* The counts of now. */
void looks_read(const struct bus *bus, struct grove_bus_metrics *now);
void metrics_serve(struct bus *bus, struct grove_service *service); /* metrics.c */
int on_metrics(struct grove_request *request, void *bus);
int on_subscription_metrics(struct grove_request *request, void *bus);
int on_subscription_next(struct grove_request *request, void *bus);

/* ---- settings.c ---- */

void settings_begin(struct bus *bus); /* those that held last, or the usual ones */
void settings_follow(struct bus *bus); /* from now on others come */

/* ---- say.c ---- */

/* As the event bus.vetoed.CLIENT: hooks did not let it publish. */
void say_vetoed(struct bus *bus, const struct client *client, const char *subject, const char *reason);

/* ---- all ---- */

uint64_t wall_ns(void);

/* The C library of static services copies with a string instruction, whose start costs more than these few words. */
static inline void copy_short(void *to, const void *from, size_t length_bytes) {
    uint8_t *target = to;
    const uint8_t *source = from;
    if (length_bytes > 256) {
        memcpy(to, from, length_bytes);
        return;
    }
    for (; length_bytes >= 8; length_bytes -= 8, target += 8, source += 8)
        __builtin_memcpy(target, source, 8);
    for (; length_bytes > 0; length_bytes--)
        *target++ = *source++;
}

#endif
