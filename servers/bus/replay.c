/*
 * Subscriptions of durable quality: queues that are fed from the log; see durable.h.
 *
 * A queue keeps a few events more than its members may have at once; the rest stays in the log. `fetched`, in the state
 * region, is the number that comes next; it is stored after the event is kept, and what is found kept after a crash
 * moves it on. The place of a subscription, for which a name is asked, is the lowest number not done: what is done behind
 * it comes again if the machine crashes, and not if only the bus does.
 */
#include "servers/bus/durable.h"
#include "servers/bus/letters.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Records looked at for one queue before others have their turn. */
#define LOOK_MAX 256u

struct replay {
    struct grove_journal_reader *reader;
    bool is_at_end; /* of the log, when it was looked at last */
    uint64_t missing; /* numbers that were lost since the last event that was kept; told with the next one */
};

static uint64_t number_of(const struct bus *bus, const struct delivery *delivery) {
    return state_image(&bus->state, delivery->event->index)->durable_sequence;
}

/* The lowest and the highest number among what a queue keeps; `from` if that is nothing. */
static void range_of(const struct bus *bus, const struct queue *queue, uint64_t from, uint64_t *lowest,
                     uint64_t *highest) {
    const struct delivery_list *lists[] = {&queue->waiting, &queue->asking, &queue->out, &queue->delayed};
    *lowest = from;
    *highest = 0;
    for (unsigned list = 0; list < sizeof lists / sizeof lists[0]; list++)
        for (const struct delivery *at = lists[list]->first; at != NULL; at = at->next) {
            uint64_t number = number_of(bus, at);
            *lowest = number != 0 && number < *lowest ? number : *lowest;
            *highest = number > *highest ? number : *highest;
        }
}

/* ---- begun and ended ---- */

int durable_subscribe(struct bus *bus, struct grove_request *request, const struct grove_bus_subscription *wanted) {
    if (wanted->quality == GROVE_BUS_DURABLE)
        return durable_need_log(bus, request);
    if (wanted->start != GROVE_BUS_START_NEW || wanted->name[0] != '\0')
        return grove_fail(request, GROVE_INVALID,
                          "a name, and a start in the past, belong to durable events: subscribe with durable quality");
    return 0;
}

/* The number to begin with; 0: the reader was sent there by time. */
static uint64_t begin_at(struct durable *durable, const struct grove_bus_subscription *wanted, const char *subscriber) {
    struct grove_journal_facts facts = grove_journal_facts(durable->log);
    const struct place *place = wanted->name[0] != '\0' ? place_find(durable, subscriber, wanted->name) : NULL;
    if (place != NULL)
        return place->sequence;
    if (wanted->start == GROVE_BUS_START_FIRST)
        return facts.first_sequence;
    if (wanted->start == GROVE_BUS_START_SEQUENCE)
        return wanted->start_sequence < facts.next_sequence ? wanted->start_sequence : facts.next_sequence;
    return wanted->start == GROVE_BUS_START_TIME ? 0 : facts.next_sequence;
}

static int make(struct bus *bus, struct queue *queue) {
    struct replay *replay = calloc(1, sizeof *replay);
    int status = replay == NULL ? GROVE_NO_MEMORY : grove_journal_reader_create(bus->durable->log, &replay->reader);
    if (status < 0) {
        free(replay);
        return status;
    }
    queue->replay = replay;
    return 0;
}

int replay_begin(struct bus *bus, struct queue *queue, const struct grove_bus_subscription *wanted,
                 const char *subscriber) {
    struct durable *durable = bus->durable;
    if (wanted->quality != GROVE_BUS_DURABLE)
        return 0;
    int status = make(bus, queue);
    if (status < 0)
        return status;
    uint64_t first = begin_at(durable, wanted, subscriber);
    status = first > 0 ? grove_journal_reader_seek(queue->replay->reader, first)
                       : grove_journal_reader_seek_time(queue->replay->reader, wanted->start_time_ns);
    if (status < 0)
        return status;
    queue->saved->fetched = grove_journal_reader_sequence(queue->replay->reader);
    queue->saved->live_from = grove_journal_facts(durable->log).next_sequence;
    durable->has_news = true;
    if (wanted->name[0] != '\0')
        status = place_set(durable, subscriber, wanted->name, queue->saved->fetched);
    return status;
}

void replay_end(struct bus *bus, struct queue *queue, const char *subscriber) {
    struct replay *replay = queue->replay;
    if (queue->saved->quality == GROVE_BUS_DURABLE && queue->saved->name[0] != '\0' && subscriber != NULL) {
        uint64_t lowest, highest;
        range_of(bus, queue, queue->saved->fetched, &lowest, &highest);
        (void)place_set(bus->durable, subscriber, queue->saved->name, lowest);
        durable_rest_later(bus);
    }
    if (replay == NULL)
        return;
    grove_journal_reader_destroy(replay->reader);
    free(replay);
    queue->replay = NULL;
}

/* ---- fed ---- */

/* An image in a record is what was written, if its check is right; still nothing is believed that was not looked at. */
static const struct grove_bus_image *image_of(const struct grove_journal_item *item) {
    const struct grove_bus_image *image = item->data;
    bool is_one = item->kind == DURABLE_RECORD_EVENT && letter_image_is_sound(image, item->length_bytes);
    return is_one ? image : NULL;
}

/* 0, or GROVE_EXHAUSTED, GROVE_NO_MEMORY: it does not fit now. */
static int feed_one(struct bus *bus, struct queue *queue, const struct grove_journal_item *item) {
    struct grove_bus_image head;
    struct incoming incoming;
    struct subject *subject = NULL;
    const char *publisher;
    const struct grove_bus_image *image = image_of(item);
    if (image == NULL)
        return 0;
    incoming_of_image(image, &incoming, &publisher);
    if (!grove_pattern_matches(queue->saved->pattern, incoming.subject))
        return 0;
    int status = subject_find(bus, incoming.subject, incoming.subject_bytes, incoming.hash, &subject);
    if (status < 0)
        return status;
    head = *image;
    head.durable_sequence = item->sequence;
    head.missed = queue->replay->missing;
    if (item->sequence < queue->saved->live_from)
        head.flags |= GROVE_EVENT_REPLAYED;
    status = event_keep_for(bus, queue, subject, &head, &incoming, publisher);
    if (status == 0)
        queue->replay->missing = 0;
    return status;
}

static bool has_room(const struct queue *queue) {
    unsigned wanted = queue->saved->in_flight * 2;
    return queue_count(queue) < (wanted < queue->saved->queue_events ? wanted : queue->saved->queue_events);
}

/* After a restart of the bus: where it was, or behind what it keeps. */
static int resume(struct bus *bus, struct queue *queue) {
    uint64_t lowest, highest;
    int status = make(bus, queue);
    if (status < 0)
        return status;
    range_of(bus, queue, queue->saved->fetched, &lowest, &highest);
    uint64_t next = grove_journal_facts(bus->durable->log).next_sequence;
    if (highest >= queue->saved->fetched)
        queue->saved->fetched = highest + 1;
    if (queue->saved->fetched > next)
        queue->saved->fetched = next; /* as in durable.c, bound_places */
    return grove_journal_reader_seek(queue->replay->reader, queue->saved->fetched);
}

static bool feed(struct bus *bus, struct queue *queue) {
    struct replay *replay = queue->replay;
    struct grove_journal_item item;
    bool is_fed = false;
    replay->is_at_end = false;
    for (unsigned looked = 0; looked < LOOK_MAX && has_room(queue); looked++) {
        int status = grove_journal_reader_next(replay->reader, &item);
        if (status < 0) {
            replay->is_at_end = true; /* or the disk does not give it now: the next look is when something comes */
            break;
        }
        if (item.gap != GROVE_JOURNAL_NO_GAP) {
            replay->missing += item.last_sequence - item.sequence + 1;
            continue; /* the place moves on with the event behind it: after a crash the gap is met again */
        }
        status = feed_one(bus, queue, &item);
        if (status < 0) {
            (void)grove_journal_reader_seek(replay->reader, queue->saved->fetched);
            break;
        }
        queue->saved->fetched = item.last_sequence + 1;
        is_fed = true;
    }
    if (is_fed) {
        queue_offer(bus, queue);
        bus->durable->are_places_changed |= queue->saved->name[0] != '\0';
    }
    return is_fed;
}

bool replay_feed(struct bus *bus) {
    struct durable *durable = bus->durable;
    bool is_fed = false;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct queue *queue = bus->queues[i];
        if (queue == NULL || queue->saved->quality != GROVE_BUS_DURABLE)
            continue;
        if (queue->replay == NULL && resume(bus, queue) < 0)
            continue;
        if ((!queue->replay->is_at_end || durable->has_news) && has_room(queue))
            is_fed |= feed(bus, queue);
    }
    durable->has_news = false;
    if (is_fed && durable->are_places_changed)
        durable_rest_later(bus);
    return is_fed;
}

void replay_publish(uint64_t sequence, void *context) {
    struct bus *bus = context;
    struct grove_journal_reader *reader = NULL;
    struct grove_journal_item item;
    if (grove_journal_reader_create(bus->durable->log, &reader) < 0)
        return;
    (void)grove_journal_reader_seek(reader, sequence);
    if (grove_journal_reader_next(reader, &item) == 0 && item.gap == GROVE_JOURNAL_NO_GAP &&
        item.sequence == sequence) {
        const struct grove_bus_image *image = image_of(&item);
        struct incoming incoming;
        struct subject *subject = NULL;
        const char *publisher;
        if (image != NULL)
            incoming_of_image(image, &incoming, &publisher);
        if (image != NULL && subject_find(bus, incoming.subject, incoming.subject_bytes, incoming.hash, &subject) == 0)
            publish_image(bus, NULL, subject, image, sequence, GROVE_EVENT_REDELIVERED);
    }
    grove_journal_reader_destroy(reader);
}

void replay_places(struct bus *bus) {
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        const struct queue *queue = bus->queues[i];
        if (queue == NULL || queue->saved->quality != GROVE_BUS_DURABLE || queue->saved->name[0] == '\0' ||
            queue->members == NULL)
            continue;
        uint64_t lowest, highest;
        range_of(bus, queue, queue->saved->fetched, &lowest, &highest);
        (void)place_set(bus->durable, queue->members->saved->client_name.text, queue->saved->name, lowest);
    }
}
