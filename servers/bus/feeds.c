/*
 * Feeds: one ring for each pattern and lane that somebody reads at most once, whatever the number of readers.
 *
 * The ring is a region that this program writes and its subscribers map for reading: whoever may read it may read all of
 * it, so it carries what its pattern matches and nothing else. Nobody can stop the writer: a reader that is too slow is
 * overtaken, and finds that by itself.
 *
 * After a crash the region is read-only for good; the next instance makes another ring from the start, so that what is
 * published before the readers are back is there for them, and gives the old one up. Readers keep their mapping and read it
 * to the end.
 */
#include "servers/bus/bus.h"

#include <stdlib.h>
#include <string.h>

/* So many events between two rests are a burst: more is on its way. There are at most 64 messages between two rests. */
#define BURST_EVENTS 32u
#define RESTS_IN_BURST 16u
#define UNSEEN_PART 4u /* of a ring, which readers may sleep through while a burst lasts */

static int open_ring(struct bus *bus, struct feed *feed, uint64_t size_bytes) {
    struct grove_region *region = NULL;
    int status = grove_region_create(bus->session, GROVE_BUS_RING_HEAD_BYTES + size_bytes, &region);
    if (status < 0)
        return status;
    feed->region = region;
    struct grove_bus_ring *head = grove_region_data(region, NULL);
    feed->renewals++;
    feed->writer = (struct ring_writer){.head = head,
                                        .images = (uint8_t *)head + GROVE_BUS_RING_HEAD_BYTES,
                                        .size_bytes = size_bytes,
                                        .count = feed->writer.count};
    head->magic = GROVE_BUS_RING_MAGIC;
    head->version = GROVE_BUS_RING_VERSION;
    head->size_bytes = size_bytes;
    head->instance = bus->state.head->instances;
    head->count = feed->writer.count;
    return 0;
}

int feed_find(struct bus *bus, const char *pattern, uint32_t lane, bool is_direct, struct feed **found) {
    struct feed *feed = bus->feeds;
    while (feed != NULL && (feed->lane != lane || feed->is_direct != is_direct || strcmp(feed->pattern, pattern) != 0))
        feed = feed->next;
    if (feed != NULL) {
        *found = feed;
        return 0;
    }
    feed = bus->feed_count < BUS_FEEDS_MAX ? calloc(1, sizeof *feed) : NULL;
    if (feed == NULL)
        return GROVE_EXHAUSTED;
    feed->kind = TARGET_FEED;
    feed->lane = lane;
    feed->is_direct = is_direct;
    memcpy(feed->pattern, pattern, strlen(pattern) + 1);
    int status = open_ring(bus, feed, BUS_RING_BYTES);
    if (status == 0)
        status = trie_add(&bus->patterns, feed->pattern, &feed->kind);
    if (status < 0) {
        grove_region_close(feed->region);
        free(feed);
        return status;
    }
    feed->next = bus->feeds;
    bus->feeds = feed;
    bus->feed_count++;
    subjects_changed(bus);
    *found = feed;
    return 0;
}

static void end_feed(struct bus *bus, struct feed *feed) {
    struct feed **place = &bus->feeds;
    while (*place != feed)
        place = &(*place)->next;
    *place = feed->next;
    bus->feed_count--;
    trie_remove(&bus->patterns, feed->pattern, &feed->kind);
    subjects_changed(bus);
    grove_region_close(feed->region);
    free(feed);
}

/* The count goes on: a reader that misses a whole ring finds that by it. */
int feed_renew(struct bus *bus, struct feed *feed, uint64_t size_bytes) {
    struct grove_region *old = feed->region;
    int status = open_ring(bus, feed, size_bytes);
    if (status < 0)
        return status;
    grove_region_close(old);
    for (struct member *member = feed->members; member != NULL; member = member->next_in_owner)
        if (member->client->polls[feed->lane].request != NULL)
            poll_answer(bus, member->client, feed->lane, true);
    return 0;
}

int feed_show(struct feed *feed, struct member *member, struct grove_request *request) {
    grove_object_id id = 0;
    int status = grove_region_grant_client(feed->region, request, &id);
    if (status < 0)
        return status;
    member->ring = id;
    member->renewal = feed->renewals;
    return 0;
}

bool feed_is_renewed(const struct feed *feed, const struct member *member) {
    return member->renewal != feed->renewals;
}

void feed_leave(struct bus *bus, struct member *member) {
    struct feed *feed = member->feed;
    struct member **place = &feed->members;
    while (*place != member)
        place = &(*place)->next_in_owner;
    *place = member->next_in_owner;
    feed->armed -= member->is_armed;
    member->feed = NULL;
    if (feed->members == NULL)
        end_feed(bus, feed);
}

/* ---- writing ---- */

void image_fill(uint8_t *place, const struct grove_bus_image *head, const struct incoming *incoming,
                const char *publisher) {
    copy_short(place, head, sizeof *head);
    uint8_t *at = place + sizeof *head;
    copy_short(at, incoming->subject, head->subject_bytes + 1u);
    at += head->subject_bytes + 1u;
    copy_short(at, publisher, head->publisher_bytes + 1u);
    at += head->publisher_bytes + 1u;
    copy_short(at, incoming->reply_to, head->reply_bytes + 1u);
    at += head->reply_bytes + 1u;
    if (head->headers_bytes > 0)
        copy_short(at, incoming->headers, head->headers_bytes);
    at += head->headers_bytes;
    at += -(uintptr_t)(at - place) & 7u;
    if (head->data_bytes > 0)
        copy_short(at, incoming->data, head->data_bytes);
    if ((head->flags & GROVE_BUS_IMAGE_TRACED) != 0)
        memcpy(place + head->size_bytes - sizeof incoming->trace, &incoming->trace, sizeof incoming->trace);
}

static void wake_readers(struct bus *bus, struct feed *feed) {
    feed->unseen_bytes = 0;
    for (struct member *member = feed->members; member != NULL && feed->armed > 0; member = member->next_in_owner)
        if (member->is_armed)
            poll_answer(bus, member->client, feed->lane, true);
}

/*
 * Readers that sleep are woken when the bus has taken all that waits in the lanes, and so has nothing better to do. While
 * more comes they are let sleep until a good part of their ring is unread, or the burst has lasted for a while: it costs
 * them few wake-ups, and a single event waits for nothing.
 */
bool feeds_rest(struct bus *bus) {
    bool is_burst = bus->events_since_rest >= BURST_EVENTS && ++bus->rests_in_burst < RESTS_IN_BURST;
    bus->events_since_rest = 0;
    if (!is_burst)
        bus->rests_in_burst = 0;
    if (!bus->is_wake_due)
        return false;
    bus->is_wake_due = false;
    for (struct feed *feed = bus->feeds; feed != NULL; feed = feed->next) {
        if (is_burst && feed->unseen_bytes < feed->writer.size_bytes / UNSEEN_PART)
            bus->is_wake_due |= feed->unseen_bytes > 0;
        else if (feed->unseen_bytes > 0)
            wake_readers(bus, feed);
    }
    return true; /* there is another rest before the bus sleeps */
}

bool feed_is_unread(struct bus *bus, struct feed *feed, uint64_t position) {
    uint64_t unread_bytes = feed->writer.written - position;
    if (unread_bytes >= feed->writer.size_bytes / UNSEEN_PART)
        return true;
    if (unread_bytes > feed->unseen_bytes)
        feed->unseen_bytes = unread_bytes;
    bus->is_wake_due |= unread_bytes > 0;
    return false;
}

static void note_written(struct bus *bus, struct feed *feed, uint32_t size_bytes) {
    if (feed->armed == 0)
        return;
    feed->unseen_bytes += size_bytes;
    bus->is_wake_due = true;
}

void feed_write(struct bus *bus, struct feed *feed, const struct grove_bus_image *head, const struct incoming *incoming,
                const char *publisher) {
    if (head->size_bytes > feed->writer.size_bytes / 2 && feed_renew(bus, feed, BUS_RING_LARGE_BYTES) < 0) {
        feed->writer.count++; /* lost for want of memory: its readers find that one is missing */
        bus->state.head->counters.dropped++;
        return;
    }
    uint8_t *place = ring_writer_begin(&feed->writer, head->size_bytes);
    image_fill(place, head, incoming, publisher);
    memcpy(place + offsetof(struct grove_bus_image, token), &feed->writer.count, sizeof feed->writer.count);
    ring_writer_publish(&feed->writer);
    bus->events_since_rest++;
    note_written(bus, feed, head->size_bytes);
}

void feed_control(struct bus *bus, struct feed *feed, const struct grove_bus_control *control) {
    const struct grove_bus_image head = {
        .size_bytes = sizeof head + sizeof *control, .flags = GROVE_BUS_IMAGE_CONTROL, .token = feed->writer.count};
    _Static_assert((sizeof head + sizeof *control) % 16 == 0, "images are multiples of 16 bytes");
    uint8_t *place = ring_writer_begin(&feed->writer, head.size_bytes);
    memcpy(place, &head, sizeof head);
    memcpy(place + sizeof head, control, sizeof *control);
    ring_writer_publish(&feed->writer);
    note_written(bus, feed, head.size_bytes);
}
