/* An outbox and the bus; see publisher.h. Runs in the owner's thread; nothing here outlives the process but the outbox. */
#include "examples/grid/common/publisher.h"

#include <stdio.h>
#include <string.h>

#define RETRY_NS (200 * GROVE_MILLISECOND)
/* A bus that is dead is waited for: another attempt would only fill its lane. */
#define PATIENCE_NS (60 * GROVE_SECOND)

/* Say once what is wrong; the next attempts are silent until one succeeds. */
static void complain(struct publisher *publisher) {
    if (!publisher->has_complained)
        fprintf(stderr, "%s cannot be published: %s; trying again\n", publisher->name, grove_last_error());
    publisher->has_complained = true;
    publisher->retry_ns = grove_now_ns() + RETRY_NS;
}

static struct publisher_event *event_of(struct publisher *publisher, const char *subject) {
    for (unsigned i = 0; i < publisher->event_count; i++)
        if (strcmp(publisher->event[i].subject, subject) == 0)
            return &publisher->event[i];
    if (publisher->event_count == PUBLISHER_EVENTS_MAX)
        return NULL;
    struct publisher_event *event = &publisher->event[publisher->event_count++];
    *event = (struct publisher_event){.publisher = publisher};
    memcpy(event->subject, subject, strlen(subject));
    return event;
}

/* The oldest items, as long as their subjects find a place. */
static void batch_begin(struct publisher *publisher) {
    char subject[GROVE_SUBJECT_MAX + 1];
    const void *item;
    publisher->begin = publisher->end = outbox_position(&publisher->outbox);
    publisher->event_count = 0;
    while (publisher->end - publisher->begin < publisher->batch_items &&
           (item = outbox_at(&publisher->outbox, publisher->end - publisher->begin)) != NULL) {
        publisher->subject(item, subject);
        if (event_of(publisher, subject) == NULL)
            break;
        publisher->end++;
    }
    publisher->events_open = publisher->event_count;
}

static void batch_end(struct publisher *publisher) {
    publisher->published += publisher->end - publisher->begin;
    outbox_accept_to(&publisher->outbox, publisher->end);
    publisher->begin = publisher->end;
}

/* One event less to wait for. */
static void event_done(struct publisher_event *event) {
    event->is_done = true;
    if (--event->publisher->events_open == 0)
        batch_end(event->publisher);
}

static void on_published(int status, const struct grove_published *receipt, void *context) {
    struct publisher_event *event = context;
    struct publisher *publisher = event->publisher;
    (void)receipt;
    event->is_under_way = false;
    if (status < 0) {
        complain(publisher);
        return;
    }
    publisher->has_complained = false;
    event_done(event);
    /* What is less than a whole batch waits for the owner, so that it gathers. */
    if (publisher->events_open == 0 && outbox_waiting(&publisher->outbox) >= publisher->batch_items)
        publisher_flush(publisher);
}

/* The items of the batch that belong to this event; an outbox that forgets its oldest may have forgotten some. */
static unsigned items_of(struct publisher *publisher, const struct publisher_event *event,
                         const void *items[PUBLISHER_DATA_MAX / sizeof(struct outbox_stamp)]) {
    char subject[GROVE_SUBJECT_MAX + 1];
    uint64_t first = outbox_position(&publisher->outbox);
    unsigned count = 0;
    for (uint64_t at = first > publisher->begin ? first : publisher->begin; at < publisher->end; at++) {
        const void *item = outbox_at(&publisher->outbox, at - first);
        publisher->subject(item, subject);
        if (strcmp(subject, event->subject) == 0)
            items[count++] = item;
    }
    return count;
}

static int event_publish(struct publisher *publisher, struct publisher_event *event) {
    const void *items[PUBLISHER_DATA_MAX / sizeof(struct outbox_stamp)];
    unsigned char data[PUBLISHER_DATA_MAX];
    unsigned count = items_of(publisher, event, items);
    if (count == 0) {
        event_done(event);
        return 0;
    }
    struct grove_publish publish = {.subject = event->subject,
                                    .data = data,
                                    .length_bytes = publisher->write(items, count, data),
                                    .quality = GROVE_BUS_DURABLE,
                                    .priority = GROVE_PRIORITY_MEDIUM,
                                    .timeout_ns = PATIENCE_NS};
    int status = grove_bus_publish_start(&publish, on_published, event);
    event->is_under_way = status == 0;
    return status;
}

void publisher_flush(struct publisher *publisher) {
    if (grove_now_ns() < publisher->retry_ns)
        return;
    if (publisher->begin == publisher->end)
        batch_begin(publisher);
    for (unsigned i = 0; publisher->begin < publisher->end && i < publisher->event_count; i++) {
        struct publisher_event *event = &publisher->event[i];
        if (!event->is_under_way && !event->is_done && event_publish(publisher, event) < 0) {
            complain(publisher);
            return;
        }
    }
}
