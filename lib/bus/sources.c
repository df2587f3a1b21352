/*
 * Direct rings of publishers, as a subscription reads them (grove/bus_protocol.h, "Direct rings").
 *
 * A publisher is believed in nothing but what it says itself: who it is and which subjects it may use is the bus's word, and
 * each event's subject is checked against that. Its clock may not lead ahead of ours, nor back. An image that makes no sense
 * ends the ring for this subscription, an event that is not its publisher's to say is left out; both are counted.
 *
 * Order. The bus's ring says by control images where a direct ring takes over and where it ends. Reading goes
 *
 *     bus's ring ... BEGINS | direct ring from here on ... to `position` | ENDS ... bus's ring
 *
 * and a control image is done with only when the direct ring is there (BEGINS) or has been read so far (ENDS). Rings shown by
 * a bus that has died are read before whatever comes by the next one, until their publisher has closed them.
 *
 * Sleeping. The session sleeps on the ring's `signal`, or by a bell, and tells the bus, which looks whether there is more and
 * says on the board that somebody sleeps. The value of `signal` is read before the look, so a wake-up in between is not lost.
 */
#include "lib/bus/bus.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TRY_AGAIN_NS (10 * GROVE_MILLISECOND)
#define PLACES_A_MESSAGE 64u

uint64_t bus_wall_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

static struct bus_source *find(const struct grove_subscription *subscription, uint64_t id) {
    struct bus_source *source = subscription->sources;
    while (source != NULL && (source->id != id || source->is_orphan))
        source = source->next;
    return source;
}

static unsigned count_of(const struct grove_subscription *subscription) {
    unsigned count = 0;
    for (const struct bus_source *source = subscription->sources; source != NULL; source = source->next)
        count++;
    return count;
}

static void end_ring(struct bus_source *source) {
    bus_ring_close(&source->ring);
    source->head = NULL;
    source->is_armed = false;
}

static void free_source(struct bus_source *source) {
    end_ring(source);
    free(source);
}

/* ---- shown, over ---- */

static bool is_sound(struct grove_bus_direct_shown *shown) {
    shown->pattern[GROVE_SUBJECT_MAX] = '\0';
    shown->publisher.text[GROVE_NAME_MAX] = '\0';
    return grove_pattern_check(shown->pattern) == 0;
}

/* Without the ring its events would be missing: all by the bus, then. */
static void go_by_bus(struct grove_subscription *subscription) {
    subscription->is_by_bus = true;
    bus_subscribe_again(subscription);
}

void bus_source_show(struct grove_subscription *subscription, const struct grove_bus_direct_shown *shown) {
    struct bus_source *source = NULL;
    if (subscription->is_by_bus || find(subscription, shown->id) != NULL)
        return;
    if (shown->region != 0 && count_of(subscription) < 2 * GROVE_BUS_DIRECTS_MAX)
        source = calloc(1, sizeof *source);
    if (source != NULL) {
        source->shown = *shown;
        source->id = shown->id;
        source->is_begun = shown->is_begun != 0;
        source->count = shown->position == 0 ? 0 : UINT64_MAX;
    }
    if (source == NULL || !is_sound(&source->shown) ||
        bus_ring_map(subscription->client, shown->region, GROVE_BUS_DIRECT_MAGIC, shown->position, &source->ring) < 0) {
        free(source);
        go_by_bus(subscription);
        return;
    }
    source->head = (const struct grove_bus_direct_ring *)(const void *)source->ring.head;
    source->next = subscription->sources;
    subscription->sources = source;
}

/* One that was never shown stands there without a ring, so that what the bus's ring says of it means nothing. */
void bus_source_over(struct grove_subscription *subscription, uint64_t id) {
    struct bus_source *source = find(subscription, id);
    if (source == NULL && subscription->is_held && subscription->held.id == id) {
        source = calloc(1, sizeof *source);
        if (source == NULL)
            return;
        source->id = id;
        source->next = subscription->sources;
        subscription->sources = source;
    }
    if (source != NULL)
        source->is_over = true;
}

static bool is_done_with(const struct grove_subscription *subscription, const struct bus_source *source) {
    bool has_more = bus_ring_has_more(&source->ring);
    if (source->is_orphan)
        return !has_more &&
               (source->ring.id == 0 || __atomic_load_n(&source->head->is_closed, __ATOMIC_ACQUIRE) != 0) &&
               !bus_ring_has_more(&source->ring);
    bool is_named = subscription->is_held && subscription->held.id == source->id;
    return source->is_over && !is_named && !bus_ring_has_more(&subscription->ring) && !(source->is_begun && has_more);
}

static void sweep(struct grove_subscription *subscription) {
    for (struct bus_source **place = &subscription->sources; *place != NULL;) {
        struct bus_source *source = *place;
        if (!source->is_over && !source->is_orphan) {
            place = &source->next;
            continue;
        }
        if (!is_done_with(subscription, source)) {
            place = &source->next;
            continue;
        }
        *place = source->next;
        free_source(source);
    }
}

void bus_sources_orphan(struct grove_subscription *subscription, uint64_t instance) {
    for (struct bus_source *source = subscription->sources; source != NULL; source = source->next)
        if (source->id >> 32 != (uint32_t)instance) /* what the new one has shown already is no orphan */
            source->is_orphan = source->is_begun = true;
    subscription->is_held = subscription->is_asked = false;
}

void bus_sources_close(struct grove_subscription *subscription) {
    while (subscription->sources != NULL) {
        struct bus_source *source = subscription->sources;
        subscription->sources = source->next;
        free_source(source);
    }
    subscription->is_held = subscription->is_asked = false;
}

void bus_sources_renew(struct grove_subscription *subscription, uint64_t instance) {
    for (struct bus_source **place = &subscription->sources; *place != NULL;) {
        struct bus_source *source = *place;
        if (instance != 0 && source->id >> 32 != (uint32_t)instance) {
            place = &source->next;
            continue;
        }
        *place = source->next;
        free_source(source);
    }
    bus_sources_orphan(subscription, instance);
}

void bus_sources_begin_all(struct grove_subscription *subscription) {
    for (struct bus_source *source = subscription->sources; source != NULL; source = source->next)
        source->is_begun = true;
}

bool bus_source_control(struct grove_subscription *subscription, const struct grove_bus_control *control) {
    struct bus_source *source = find(subscription, control->id);
    if (source == NULL)
        return false;
    if (control->kind == GROVE_BUS_CONTROL_BEGINS) {
        source->is_begun = true;
        return true;
    }
    if (control->kind != GROVE_BUS_CONTROL_ENDS)
        return true;
    source->is_begun =
        source->ring.id != 0 && source->ring.position < control->position && bus_ring_has_more(&source->ring);
    return !source->is_begun;
}

/* ---- reading ---- */

static void count_missed(struct grove_subscription *subscription, struct bus_source *source, uint64_t token) {
    if (source->count != UINT64_MAX && token > source->count) {
        subscription->missed += token - source->count;
        subscription->local.dropped += token - source->count;
    }
    source->count = token + 1;
}

/* Most events have the subject of the one before. */
static bool is_wanted(struct grove_subscription *subscription, struct bus_source *source, const char *subject,
                      uint16_t subject_bytes) {
    if (source->subject_bytes == subject_bytes && memcmp(source->subject, subject, subject_bytes) == 0)
        return source->is_wanted;
    bool is_lawful = grove_subject_check(subject) == 0 && grove_pattern_matches(source->shown.pattern, subject);
    subscription->strange += !is_lawful;
    source->is_wanted = is_lawful && grove_pattern_matches(subscription->wanted.pattern, subject);
    memcpy(source->subject, subject, subject_bytes + 1u);
    source->subject_bytes = is_lawful ? subject_bytes : 0; /* what is not lawful is counted each time */
    return source->is_wanted;
}

/* All that a copy holds was written before it was made, so one look at the clock serves for all of it. */
static void bound_time(struct grove_subscription *subscription, struct bus_source *source, struct grove_event *event) {
    struct bus_client *client = subscription->client;
    if (event->time_ns > client->wall_ns)
        client->wall_ns = bus_wall_ns();
    uint64_t told_ns = event->time_ns;
    if (event->time_ns > client->wall_ns)
        event->time_ns = client->wall_ns;
    if (event->time_ns < source->last_ns)
        event->time_ns = source->last_ns;
    source->last_ns = event->time_ns;
    subscription->strange += event->time_ns != told_ns;
}

static void say_strange(struct grove_subscription *subscription, struct bus_source *source) {
    fprintf(stderr, "grove: the ring of %s makes no sense, and is not read any more for %s\n",
            source->shown.publisher.text, subscription->wanted.pattern);
    subscription->strange++;
    end_ring(source);
}

/* 1: delivered; 0: there was none. */
static int deliver_next(struct grove_subscription *subscription, struct bus_source *source) {
    const void *piece = NULL;
    struct grove_event event; /* filled field by field: see image.c */
    uint16_t subject_bytes = 0;
    for (;;) {
        int status =
            bus_ring_take_piece(subscription->client, &source->ring, sizeof(struct grove_bus_direct_image), &piece);
        if (status == GROVE_AGAIN || status == GROVE_NO_MEMORY)
            return 0;
        if (status != 0 ||
            bus_image_describe_direct(piece, source->subject, source->subject_bytes, &event, &subject_bytes) < 0) {
            say_strange(subscription, source);
            return 0;
        }
        count_missed(subscription, source, ((const struct grove_bus_direct_image *)piece)->token);
        if (is_wanted(subscription, source, event.subject, subject_bytes))
            break;
    }
    bound_time(subscription, source, &event);
    event.publisher = source->shown.publisher.text;
    event.publisher_id = source->shown.publisher_id;
    event.publisher_ring = source->shown.publisher_ring;
    bus_deliver(subscription, NULL, &event, false);
    return 1;
}

static bool is_readable(const struct bus_source *source) {
    return source->is_begun && bus_ring_has_more(&source->ring);
}

/* Up to a control image that ends it, a ring is read no further than that says. */
static bool has_ended(const struct grove_subscription *subscription, const struct bus_source *source) {
    const struct grove_bus_control *held = &subscription->held;
    return subscription->is_held && held->id == source->id && held->kind == GROVE_BUS_CONTROL_ENDS &&
           source->ring.position >= held->position;
}

static int read_source(struct grove_subscription *subscription, struct bus_source *source, unsigned most) {
    unsigned count = 0;
    while (count < most && source->ring.id != 0 && !subscription->is_over && !subscription->is_paused &&
           !has_ended(subscription, source) && deliver_next(subscription, source) > 0)
        count++;
    return (int)count;
}

int bus_sources_read(struct grove_subscription *subscription, unsigned most) {
    int count = 0;
    for (struct bus_source *source = subscription->sources; source != NULL; source = source->next)
        if (is_readable(source))
            count += read_source(subscription, source, most);
    if (count == 0)
        sweep(subscription);
    return count;
}

bool bus_sources_have_more(const struct grove_subscription *subscription) {
    for (const struct bus_source *source = subscription->sources; source != NULL; source = source->next)
        if (is_readable(source) && !has_ended(subscription, source))
            return true;
    return false;
}

bool bus_sources_have_orphans(const struct grove_subscription *subscription) {
    for (const struct bus_source *source = subscription->sources; source != NULL; source = source->next)
        if (source->is_orphan)
            return true;
    return false;
}

bool bus_orphans_have_more(const struct grove_subscription *subscription) {
    for (const struct bus_source *source = subscription->sources; source != NULL; source = source->next)
        if (source->is_orphan && bus_ring_has_more(&source->ring))
            return true;
    return false;
}

/* ---- sleeping ---- */

struct sleep {
    struct session_word *words;
    unsigned word_count, room;
    uint32_t lane;
    unsigned places;
    struct grove_bus_place place[PLACES_A_MESSAGE];
    struct bus_source *source[PLACES_A_MESSAGE];
};

/* If it cannot be told, the session looks again soon. */
static void tell(struct bus_client *client, struct sleep *sleep) {
    struct grove_channel *channel = NULL;
    const struct grove_bus_poll head = {.version = GROVE_BUS_PROTOCOL_VERSION,
                                        .generation = client->session->identity.generation,
                                        .places = sleep->places};
    const struct bus_part parts[2] = {{&head, sizeof head}, {sleep->place, sleep->places * sizeof sleep->place[0]}};
    if (sleep->places == 0)
        return;
    int status = bus_channel(client, BUS_MAIN, &channel);
    if (status == 0)
        status = bus_send(channel, GROVE_LANE_HIGH, GROVE_BUS_DIRECT_SLEEP, parts, 2, 0, NULL);
    for (unsigned i = 0; i < sleep->places; i++)
        sleep->source[i]->is_armed = status == 0;
    if (status < 0)
        session_expires_at(client->session, grove_now_ns() + TRY_AGAIN_NS);
    sleep->places = 0;
}

/* False: there is something to read. */
static bool prepare(struct grove_subscription *subscription, struct bus_source *source, struct sleep *sleep) {
    uint32_t signal = __atomic_load_n(&source->head->signal, __ATOMIC_ACQUIRE);
    bool is_bell = sleep->words == NULL || sleep->word_count == sleep->room;
    if (bus_ring_has_more(&source->ring))
        return false;
    if (!is_bell)
        sleep->words[sleep->word_count++] = (struct session_word){&source->head->signal, signal};
    if ((source->is_armed && source->is_bell == is_bell && (is_bell || source->signal == signal)) || source->is_orphan)
        return true;
    if (sleep->places == PLACES_A_MESSAGE)
        tell(subscription->client, sleep);
    source->is_bell = is_bell;
    source->signal = signal;
    sleep->source[sleep->places] = source;
    sleep->place[sleep->places++] = (struct grove_bus_place){.ring = source->id,
                                                             .position = source->ring.position,
                                                             .member = subscription->member,
                                                             .reserved = is_bell ? GROVE_BUS_PLACE_SLEEPS : 0};
    return true;
}

bool bus_sources_sleep(struct grove_session *session, struct session_word *words, unsigned *count) {
    struct bus_client *client = session->bus;
    struct sleep sleep = {.words = words, .room = words != NULL ? *count : 0};
    for (struct grove_subscription *at = client->subscriptions; at != NULL; at = at->next)
        for (struct bus_source *source = at->sources; source != NULL; source = source->next)
            if (!at->is_over && !at->is_paused && source->is_begun && source->ring.id != 0 && !has_ended(at, source) &&
                !prepare(at, source, &sleep))
                return false;
    tell(client, &sleep);
    if (words != NULL)
        *count = sleep.word_count;
    return true;
}

uint32_t bus_sources_places(struct grove_subscription *subscription, uint8_t *bytes, uint32_t most) {
    uint32_t count = 0;
    for (struct bus_source *source = subscription->sources; source != NULL && count < most; source = source->next) {
        if (!source->is_begun || source->is_orphan || source->ring.id == 0 || has_ended(subscription, source))
            continue;
        const struct grove_bus_place place = {.ring = source->id,
                                              .position = source->ring.position,
                                              .member = subscription->member,
                                              .reserved = GROVE_BUS_PLACE_SLEEPS};
        memcpy(bytes + count * sizeof place, &place, sizeof place);
        source->is_armed = source->is_bell = true;
        count++;
    }
    return count;
}

void bus_sources_woken(struct bus_client *client, uint32_t lane) {
    for (struct grove_subscription *at = client->subscriptions; at != NULL; at = at->next)
        for (struct bus_source *source = at->sources; source != NULL && at->wanted.lane == lane; source = source->next)
            source->is_armed = source->is_armed && !source->is_bell;
}
