/*
 * Subscriptions of durable quality: queues that are fed from the logs; see durable.h.
 *
 * A subscription reads each stream that may have an event for it, always the lowest number next. That is their order: what is
 * written later, to whichever log, has a higher number.
 *
 * A queue keeps a few events more than its members may have at once; the rest stays in the log. `fetched`, in the state
 * region, is the number that comes next; it is stored after the event is kept, and what is found kept after a crash
 * moves it on. The place of a subscription, for which a name is asked, is the lowest number not done: what is done behind
 * it comes again if the machine crashes, and not if only the bus does.
 */
#include "servers/bus/durable.h"
#include "servers/bus/letters.h"
#include "servers/bus/numbers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Records looked at for one queue before others have their turn. */
#define LOOK_MAX 256u

/* One for each stream that may have something for the queue. */
struct source {
    const struct stream *stream;
    struct grove_journal_reader *reader;
    struct grove_journal_item item; /* read, and not fed yet */
    bool has_item;
};

struct replay {
    struct source sources[STREAMS_MAX];
    unsigned count;
    unsigned epoch; /* of the streams, when the sources were chosen */
    bool is_at_end; /* of the logs, when they were looked at last */
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

/* ---- sources ---- */

static bool has_source(const struct replay *replay, const struct stream *stream) {
    for (unsigned at = 0; at < replay->count; at++)
        if (replay->sources[at].stream == stream)
            return true;
    return false;
}

static int seek(const struct durable *durable, struct source *source, uint64_t number, bool is_exact) {
    struct grove_journal *log = source->stream->log;
    source->has_item = false;
    if (number > source->stream->last || number >= durable->next_number)
        return grove_journal_reader_seek(source->reader, grove_journal_facts(log).next_sequence);
    return number_seek(log, source->reader, number, is_exact);
}

static int seek_all(struct bus *bus, struct queue *queue, bool is_exact) {
    int status = 0;
    for (unsigned at = 0; status == 0 && at < queue->replay->count; at++)
        status = seek(bus->durable, &queue->replay->sources[at], queue->saved->fetched, is_exact);
    return status;
}

/* A source for each stream that may match, which reads from `fetched` on. */
static int choose_sources(struct bus *bus, struct queue *queue) {
    struct durable *durable = bus->durable;
    struct replay *replay = queue->replay;
    for (unsigned at = 0; at < durable->stream_count; at++) {
        const struct stream *stream = durable->streams[at];
        if (has_source(replay, stream) || !grove_patterns_overlap(stream->entry.pattern, queue->saved->pattern))
            continue;
        struct source *source = &replay->sources[replay->count];
        *source = (struct source){.stream = stream};
        int status = grove_journal_reader_create(stream->log, &source->reader);
        if (status < 0)
            return status;
        replay->count++;
        status = seek(durable, source, queue->saved->fetched, true);
        if (status < 0)
            return status;
    }
    replay->epoch = durable->stream_epoch;
    return 0;
}

static void leave_source(struct replay *replay, unsigned at) {
    grove_journal_reader_destroy(replay->sources[at].reader);
    replay->count--;
    memmove(&replay->sources[at], &replay->sources[at + 1], (replay->count - at) * sizeof replay->sources[0]);
}

void replay_leave_stream(struct bus *bus, const struct stream *stream) {
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct replay *replay = bus->queues[i] != NULL ? bus->queues[i]->replay : NULL;
        for (unsigned at = 0; replay != NULL && at < replay->count; at++) {
            const struct source *source = &replay->sources[at];
            if (source->stream != stream)
                continue;
            replay->missing += grove_journal_facts(stream->log).next_sequence -
                               grove_journal_reader_sequence(source->reader) + source->has_item;
            leave_source(replay, at);
            break;
        }
    }
}

/* ---- where it begins ---- */

/* The lowest number that is kept, or at which the logs have come to that time. */
static uint64_t first_of(struct bus *bus, struct queue *queue, const struct grove_bus_subscription *wanted) {
    uint64_t first = bus->durable->next_number;
    for (unsigned at = 0; at < queue->replay->count; at++) {
        const struct source *source = &queue->replay->sources[at];
        uint64_t sequence = grove_journal_facts(source->stream->log).first_sequence;
        if (wanted->start == GROVE_BUS_START_TIME &&
            grove_journal_reader_seek_time(source->reader, wanted->start_time_ns) == 0)
            sequence = grove_journal_reader_sequence(source->reader);
        uint64_t number = number_at(source->reader, sequence);
        first = number != 0 && number < first ? number : first;
    }
    return first;
}

static uint64_t begin_at(struct bus *bus, struct queue *queue, const struct grove_bus_subscription *wanted,
                         const char *subscriber, bool *is_exact) {
    struct durable *durable = bus->durable;
    const struct place *place = wanted->name[0] != '\0' ? place_find(durable, subscriber, wanted->name) : NULL;
    *is_exact = true;
    if (place != NULL)
        return place->sequence;
    if (wanted->start == GROVE_BUS_START_SEQUENCE)
        return wanted->start_sequence < durable->next_number ? wanted->start_sequence : durable->next_number;
    *is_exact = false;
    return wanted->start == GROVE_BUS_START_NEW ? durable->next_number : first_of(bus, queue, wanted);
}

static int make(struct bus *bus, struct queue *queue) {
    queue->replay = calloc(1, sizeof *queue->replay);
    return queue->replay == NULL ? GROVE_NO_MEMORY : choose_sources(bus, queue);
}

int replay_begin(struct bus *bus, struct queue *queue, const struct grove_bus_subscription *wanted,
                 const char *subscriber) {
    struct durable *durable = bus->durable;
    bool is_exact;
    if (wanted->quality != GROVE_BUS_DURABLE)
        return 0;
    queue->saved->fetched = durable->next_number;
    int status = make(bus, queue);
    if (status < 0)
        return status;
    queue->saved->fetched = begin_at(bus, queue, wanted, subscriber, &is_exact);
    status = seek_all(bus, queue, is_exact);
    if (status < 0)
        return status;
    queue->saved->live_from = durable->next_number;
    durable->has_news = true;
    if (wanted->name[0] != '\0')
        status = place_set(durable, subscriber, wanted->name, queue->saved->fetched);
    return status;
}

static void replay_drop(struct queue *queue) {
    struct replay *replay = queue->replay;
    if (replay == NULL)
        return;
    while (replay->count > 0)
        leave_source(replay, replay->count - 1);
    free(replay);
    queue->replay = NULL;
}

void replay_end(struct bus *bus, struct queue *queue, const char *subscriber) {
    if (queue->saved->quality == GROVE_BUS_DURABLE && queue->saved->name[0] != '\0' && subscriber != NULL) {
        uint64_t lowest, highest;
        range_of(bus, queue, queue->saved->fetched, &lowest, &highest);
        (void)place_set(bus->durable, subscriber, queue->saved->name, lowest);
        durable_rest_later(bus);
    }
    replay_drop(queue);
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
    uint64_t number = number_of_item(item);
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
    head.durable_sequence = number;
    head.missed = queue->replay->missing;
    if (number < queue->saved->live_from)
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
    uint64_t lowest, highest, next = bus->durable->next_number;
    range_of(bus, queue, queue->saved->fetched, &lowest, &highest);
    if (highest >= queue->saved->fetched)
        queue->saved->fetched = highest + 1;
    if (queue->saved->fetched > next)
        queue->saved->fetched = next; /* as in durable.c, bound_places */
    return make(bus, queue);
}

/* 0 with the event that comes next, of whichever stream; GROVE_AGAIN: all was read; else the disk does not give it now. */
static int next_of(struct replay *replay, struct source **next) {
    *next = NULL;
    for (unsigned at = 0; at < replay->count; at++) {
        struct source *source = &replay->sources[at];
        int status = 0;
        while (!source->has_item && (status = grove_journal_reader_next(source->reader, &source->item)) == 0) {
            source->has_item = source->item.gap == GROVE_JOURNAL_NO_GAP;
            if (!source->has_item) /* the place moves on with the event behind it: after a crash the gap is met again */
                replay->missing += source->item.last_sequence - source->item.sequence + 1;
        }
        if (status < 0 && status != GROVE_AGAIN)
            return status;
        if (source->has_item && (*next == NULL || number_of_item(&source->item) < number_of_item(&(*next)->item)))
            *next = source;
    }
    return *next != NULL ? 0 : GROVE_AGAIN;
}

static bool feed(struct bus *bus, struct queue *queue) {
    struct replay *replay = queue->replay;
    struct source *source;
    bool is_fed = false;
    replay->is_at_end = false;
    for (unsigned looked = 0; looked < LOOK_MAX && has_room(queue); looked++) {
        if (next_of(replay, &source) < 0) {
            replay->is_at_end = true; /* or the disk does not give it now: the next look is when something comes */
            break;
        }
        uint64_t number = number_of_item(&source->item);
        if (feed_one(bus, queue, &source->item) < 0)
            break;
        source->has_item = false;
        queue->saved->fetched = number + 1;
        is_fed = true;
    }
    if (is_fed) {
        queue_offer(bus, queue);
        bus->durable->are_places_changed |= queue->saved->name[0] != '\0';
    }
    return is_fed;
}

static bool is_ready(struct bus *bus, struct queue *queue) {
    if (queue->replay == NULL)
        return resume(bus, queue) == 0;
    return queue->replay->epoch == bus->durable->stream_epoch || choose_sources(bus, queue) == 0;
}

bool replay_feed(struct bus *bus) {
    struct durable *durable = bus->durable;
    bool is_fed = false;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        struct queue *queue = bus->queues[i];
        if (queue == NULL || queue->saved->quality != GROVE_BUS_DURABLE)
            continue;
        if (!is_ready(bus, queue)) {
            replay_drop(queue); /* tried again from the start */
            continue;
        }
        if ((!queue->replay->is_at_end || durable->has_news) && has_room(queue))
            is_fed |= feed(bus, queue);
    }
    durable->has_news = false;
    if (is_fed && durable->are_places_changed)
        durable_rest_later(bus);
    return is_fed;
}

bool replay_publish(uint64_t sequence, void *context) {
    struct bus *bus = context;
    struct grove_journal_reader *reader = NULL;
    struct grove_journal_item item;
    struct incoming incoming;
    struct subject *subject = NULL;
    const char *publisher;
    if (stream_find_event(bus->durable, sequence, &reader, &item) < 0)
        return false;
    const struct grove_bus_image *image = image_of(&item);
    if (image != NULL)
        incoming_of_image(image, &incoming, &publisher);
    if (image != NULL && subject_find(bus, incoming.subject, incoming.subject_bytes, incoming.hash, &subject) == 0)
        publish_image(bus, NULL, subject, image, sequence, GROVE_EVENT_REDELIVERED);
    grove_journal_reader_destroy(reader);
    return true;
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
