/*
 * Durable events: on disk before they are acknowledged, and read again from there.
 *
 *   durable.c  the log: what is published waits here until its group is on disk, then it is delivered and acknowledged
 *   doubts.c   which publications are under way, in the state region: a crash of the bus makes none twice
 *   replay.c   subscriptions that read the log: a queue is fed from it as fast as its members are done
 *   places.c   how far the named ones are, on disk
 *   streams.c  in which logs, and for how long; stream_table.h on disk
 *   numbers.h  how events are found by number in several logs
 *
 * There is a log for each stream. A group goes to one of them, so one synchronisation serves it, and numbers are given to a
 * group when it is put together: what is not on disk yet has higher numbers than all that is, in whichever log.
 *
 * A durable event goes to subscriptions that take what happens now, as any other, when it is on disk. Subscriptions of
 * durable quality get it from the log and nowhere else: what they have not taken yet needs no room but there.
 *
 * What a crash leaves. The publication is in its lane until it is answered, and comes again. Before a group is written, its
 * publications and the numbers they will have stand in the state region; so the next instance knows of each that comes
 * again whether it is in the log, answers it if so, and delivers what had not been delivered. A crash of the machine takes
 * the lanes and the region with it; what was acknowledged is in the log.
 *
 * Who waits for the disk: a group is written by the loop itself while nothing but durable events is published, since
 * handing over to a thread costs as much as a fast disk. Where others publish too, a thread writes, and they do not wait.
 */
#ifndef SERVERS_BUS_DURABLE_H
#define SERVERS_BUS_DURABLE_H

#include "grove/journal.h"
#include "servers/bus/bus.h"
#include "servers/bus/stream_table.h"
#include "servers/bus/worker.h"

#define DURABLE_RECORD_EVENT 1u /* kind of the log's records: a whole event image */
#define DURABLE_DAMAGES_MAX 16u

struct pending; /* a publication that waits for the disk */

struct durable;
struct stream {
    struct durable *durable;
    struct stream_entry entry;
    int folder; /* -1: it could not be opened */
    struct grove_journal *log; /* NULL: the same */
    uint64_t last; /* number of the newest event; 0: there is none */
    uint64_t damaged; /* extents, found by this instance */
};

struct durable {
    int folder; /* state folder of the bus; -1: it has none */
    struct stream *streams[STREAMS_MAX];
    unsigned stream_count;
    unsigned stream_epoch; /* changes when a stream comes or goes */
    uint64_t next_number; /* of the next event that is written */
    bool are_numbers_apart; /* there was a second log once */
    bool is_open; /* all logs; if not: */
    struct grove_journal_problem problem;
    int status;
    uint64_t retry_ns, began_ns; /* when opening it is tried again */
    bool has_limits; /* of the first stream, that were set; else they are the configured ones */
    struct worker *worker;
    bool is_handed_over; /* the thread writes the group; if not, it does something else, or nothing */
    struct pending *waiting, **waiting_tail, *writing, **writing_tail;
    uint64_t waiting_bytes;
    unsigned writing_count;
    struct stream *writing_stream; /* to which the group goes; NULL: there is no group */
    uint64_t published; /* durable, by this instance */
    uint64_t others; /* not durable, when the last group was written */
    unsigned mixed; /* groups for which others are not made to wait */
    bool is_rest_due; /* a timer is set for when nothing has come for a while */
    bool has_news; /* the log has grown since the queues were fed */
    bool has_failed; /* the last group, which was said */
    struct grove_journal_damage damages[DURABLE_DAMAGES_MAX]; /* found, and to be said */
    unsigned damage_count;
    uint64_t damaged; /* extents, by this instance */
    struct place *places;
    unsigned place_count, place_room;
    bool are_places_changed;
};

/* Open the folder given to the bus (NULL: none is), the log, and the places. Disk trouble is kept and tried again. */
int durable_open(struct bus *bus, const char *folder);
void durable_close(struct bus *bus); /* the service stops */
/* PUBLISH_DURABLE: answers the request, later. */
int on_publish_durable(struct grove_request *request, void *bus);
/* Everything that waited has been handled: write the group, take results, feed the queues. True: something was done. */
bool durable_rest(struct bus *bus);
/* Nothing comes again over this channel. */
void durable_gone(struct bus *bus, grove_handle channel);
/* When nothing has come for a second, do what is only worth it then. */
void durable_rest_later(struct bus *bus);
/* Wait until no group is being written. False: there is no memory to write it. */
bool durable_settle(struct bus *bus);
/* Streams have come or gone: what waits may belong elsewhere. */
void durable_streams_changed(struct durable *durable);
/* 0 if there is a log; else a status, told with grove_fail if there is a request. */
int durable_need_log(struct bus *bus, struct grove_request *request);

/* ---- doubts.c ---- */

/* Note that a publication will have this number in the log. GROVE_EXHAUSTED: as many are under way as there may be. */
int doubt_note(struct state *state, const struct grove_request *request, uint64_t sequence, uint32_t *index);
/* It was delivered; it was answered. Nothing happens if the entry is not this request's any more. */
void doubt_delivered(struct state *state, uint32_t index, const struct grove_request *request);
void doubt_end(struct state *state, uint32_t index, const struct grove_request *request);
/* After the log was opened: forget those that are not in it; call `deliver` for those that are, and were not delivered. */
/* `deliver` returns whether there is such an event: numbers of a group that failed are in no log. */
void doubts_settle(struct state *state, uint64_t next_sequence, bool (*deliver)(uint64_t sequence, void *context),
                   void *context);
/* A publication that comes again: its number in the log, or 0. */
uint64_t doubt_find(const struct state *state, const struct grove_request *request, uint32_t *index);
void doubts_drop(struct state *state, grove_handle channel);

/* ---- replay.c ---- */

/* May it begin in the past, or be durable, as this one asks? 0, or a status told with grove_fail. */
int durable_subscribe(struct bus *bus, struct grove_request *request, const struct grove_bus_subscription *wanted);
/* A queue of durable quality was made for this subscriber: where it begins. */
int replay_begin(struct bus *bus, struct queue *queue, const struct grove_bus_subscription *wanted,
                 const char *subscriber);
/* It ends; its place is kept if it has a name. */
void replay_end(struct bus *bus, struct queue *queue, const char *subscriber);
/* Take down the places of all named ones. */
void replay_places(struct bus *bus);
/* Feed all queues that have room. True: some event was fed. */
bool replay_feed(struct bus *bus);
/* The event whose number this is, delivered as one that has just been published. False: there is none. */
bool replay_publish(uint64_t sequence, void *bus);
/* A stream is about to end: what was not read of it is missing. */
void replay_leave_stream(struct bus *bus, const struct stream *stream);

/* ---- places.c ---- */

/* A subscription that has a name: all before its place is done. */
struct place {
    struct grove_name subscriber;
    char name[GROVE_BUS_GROUP_MAX + 1];
    uint64_t sequence;
};
int places_load(struct durable *durable);
struct place *place_find(struct durable *durable, const char *subscriber, const char *name);
int place_set(struct durable *durable, const char *subscriber, const char *name, uint64_t sequence);
int places_save(struct durable *durable);

/* ---- say.c ---- */

/* As the event bus.damaged. */
void say_damage(struct bus *bus, const struct grove_journal_damage *damage);

/* ---- streams.c ---- */

/* Which there are; those of before, or one, if that is not known. GROVE_NO_MEMORY. */
int streams_load(struct durable *durable, const struct bus_settings *settings);
/* Other limits are configured. */
void streams_settle(struct bus *bus);
/* Open the logs that are not open, and find the next number. Errors are those of grove_journal_open. */
int streams_open(struct durable *durable, struct grove_journal_problem *problem);
void streams_close(struct durable *durable);
/* When nothing is to be done for a while. */
void streams_rest(struct durable *durable, uint64_t now_ns);
struct stream *stream_of(const struct durable *durable, const char *subject);
/* Find an event; the reader, to be destroyed, holds its bytes. GROVE_NOT_FOUND, GROVE_NO_MEMORY. */
int stream_find_event(const struct durable *durable, uint64_t number, struct grove_journal_reader **reader,
                      struct grove_journal_item *item);
int on_stream_set(struct grove_request *request, void *bus);
int on_stream_remove(struct grove_request *request, void *bus);
int on_stream_next(struct grove_request *request, void *bus);

#endif
