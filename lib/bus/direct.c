/*
 * A ring of this publisher's own, which subscribers read in place (grove/bus_protocol.h, "Direct rings").
 *
 *     state     | the board says      | the bus has died, or OVER | nothing of ours is on the way to the bus
 *     off       | -                   | -                         | open one: opening
 *     opening   | -                   | off                       | (the answer:) ready
 *     ready     | -                   | give up: off              | and the board lets us: BEGIN, used
 *     used      | CLOSED: END, ready  | give up: off              | -
 *
 * Order. BEGIN follows when the bus has taken all that this session published by it, END goes before the next event that does,
 * on whichever lane that goes. The bus puts both into its own rings, where readers find them.
 *
 * Before each event three things are looked at, a load each: whether the kernel has said something, what the board says, and
 * whether the bus lives.
 *
 * A crash leaves the ring whole: what was not published by position is not there. The next instance opens another one.
 */
#include "lib/bus/barrier.h"
#include "lib/bus/bus.h"
#include "lib/bus/ring_writer.h"

#include <limits.h>
#include <linux/futex.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define USUAL_BYTES (512u << 10)
#define RETRY_NS (100 * GROVE_MILLISECOND)
#define RETRY_REFUSED_NS (10 * GROVE_SECOND)
#define OPEN_TIMEOUT_NS (5 * GROVE_SECOND)

enum direct_state { DIRECT_OFF, DIRECT_OPENING, DIRECT_READY, DIRECT_USED };

struct bus_direct {
    struct bus_direct *next;
    struct bus_client *client;
    char pattern[GROVE_SUBJECT_MAX + 1];
    uint64_t ring_bytes;
    enum direct_state state;
    bool is_ended; /* the program wants it no more, and an answer is to come yet */
    struct grove_region *region, *board;
    struct ring_writer writer;
    struct grove_bus_direct_ring *head;
    const struct grove_bus_slot *slot;
    uint64_t id;
    bool is_unfenced; /* the bus makes the fences */
    uint32_t armed, bells; /* of the slot, when sleepers were woken last */
    uint64_t channel; /* by which the bus knows it */
    uint32_t peer_epoch; /* and of which instance */
    unsigned lanes_to_tell; /* a bit for each lane on which END has not been said */
    uint64_t retry_ns;
    struct grove_direct_metrics metrics;
};

struct bus_direct *bus_direct_of(const struct bus_client *client, const char *subject) {
    struct bus_direct *direct = client->directs;
    while (direct != NULL && !grove_pattern_matches(direct->pattern, subject))
        direct = direct->next;
    return direct;
}

/* The subject is looked at anew by the next publication. */
static void forget_subject(struct bus_client *client) {
    client->subject_bytes = 0;
    client->direct = NULL;
}

/* ---- waking ---- */

static int send_about(struct bus_direct *direct, uint32_t method, enum grove_lane lane, uint64_t timeout_ns) {
    const struct grove_bus_member told = {.version = GROVE_BUS_PROTOCOL_VERSION, .value = direct->id};
    const struct bus_part part = {&told, sizeof told};
    struct grove_channel *channel = NULL;
    int status = bus_channel(direct->client, BUS_MAIN, &channel);
    return status < 0 ? status : bus_send(channel, lane, method, &part, 1, timeout_ns, NULL);
}

static void wake_sleepers(struct bus_direct *direct) {
    uint32_t signal = direct->head->signal + 1;
    __atomic_store_n(&direct->head->signal, signal,
                     __ATOMIC_RELEASE); /* pairs with the sleeper's load before its look */
    (void)syscall(SYS_futex, &direct->head->signal, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
    direct->metrics.wakes++;
}

/* Has anybody said since the last time that it is about to sleep? Pairs with the bus's fence between saying so and its look. */
static void wake(struct bus_direct *direct) {
    if (direct->is_unfenced)
        __atomic_signal_fence(__ATOMIC_SEQ_CST);
    else
        __atomic_thread_fence(__ATOMIC_SEQ_CST);
    uint32_t armed = __atomic_load_n(&direct->slot->armed, __ATOMIC_RELAXED);
    uint32_t bells = __atomic_load_n(&direct->slot->bells, __ATOMIC_RELAXED);
    if (armed != direct->armed) {
        direct->armed = armed;
        wake_sleepers(direct);
    }
    if (bells != direct->bells && send_about(direct, GROVE_BUS_DIRECT_WAKE, GROVE_LANE_HIGH, 0) == 0) {
        direct->bells = bells;
        direct->metrics.wakes++;
    }
}

/* ---- opening, giving up ---- */

static void close_ring(struct bus_direct *direct) {
    if (direct->head != NULL) {
        __atomic_store_n(&direct->head->is_closed, 1, __ATOMIC_RELEASE); /* behind the last event */
        wake_sleepers(direct);
    }
    grove_region_close(direct->region);
    grove_region_close(direct->board);
    direct->region = direct->board = NULL;
    direct->head = NULL;
    direct->slot = NULL;
    direct->lanes_to_tell = 0;
    direct->metrics.is_used = direct->metrics.is_also_by_bus = 0;
    direct->state = DIRECT_OFF;
    direct->retry_ns = grove_now_ns() + RETRY_NS;
}

static int make_ring(struct bus_direct *direct, const struct grove_channel *channel, uint64_t *id) {
    int status = region_create_tagged(direct->client->session, GROVE_BUS_RING_HEAD_BYTES + direct->ring_bytes,
                                      GROVE_BUS_DIRECT_TAG, &direct->region);
    if (status < 0)
        return status;
    direct->head = grove_region_data(direct->region, NULL);
    direct->head->ring.magic = GROVE_BUS_DIRECT_MAGIC;
    direct->head->ring.version = GROVE_BUS_RING_VERSION;
    direct->head->ring.size_bytes = direct->ring_bytes;
    direct->head->features = barrier_ask() ? GROVE_BUS_BARRIERS : 0;
    direct->writer = (struct ring_writer){.head = &direct->head->ring,
                                          .images = (uint8_t *)direct->head + GROVE_BUS_RING_HEAD_BYTES,
                                          .size_bytes = direct->ring_bytes};
    direct->channel = channel->base.id;
    direct->peer_epoch = channel->base.peer_epoch;
    return region_grant_onward(direct->region, channel->base.handle, id);
}

static int accept(struct bus_direct *direct, const struct grove_bus_direct_opened *opened) {
    uint64_t board_bytes = 0;
    int status = session_take_region(direct->client->session, opened->board, &direct->board);
    if (status < 0)
        return status;
    const struct grove_bus_slot *slots = grove_region_data(direct->board, &board_bytes);
    if (opened->slot >= GROVE_BUS_DIRECTS_MAX || board_bytes < GROVE_BUS_BOARD_BYTES || opened->id == 0)
        return error_set(GROVE_CORRUPT, "the bus gave an answer that makes no sense");
    direct->slot = &slots[opened->slot];
    direct->id = opened->id;
    direct->is_unfenced = (direct->slot->features & direct->head->features & GROVE_BUS_BARRIERS) != 0;
    direct->armed = direct->bells = 0;
    direct->state = DIRECT_READY;
    return 0;
}

static void free_direct(struct bus_direct *direct) {
    close_ring(direct);
    free(direct);
}

static struct grove_bus_direct_open question(const struct bus_direct *direct, uint64_t region) {
    struct grove_bus_direct_open open = {.version = GROVE_BUS_PROTOCOL_VERSION,
                                         .generation = direct->client->session->identity.generation,
                                         .region = region};
    memcpy(open.pattern, direct->pattern, strlen(direct->pattern) + 1);
    return open;
}

static void opened(int status, const struct grove_answer *answer, void *context) {
    struct bus_direct *direct = context;
    struct grove_bus_direct_opened told;
    if (direct->is_ended) {
        free_direct(direct);
        return;
    }
    if (status == 0 && answer->length_bytes < sizeof told)
        status = GROVE_CORRUPT;
    if (status == 0) {
        memcpy(&told, answer->data, sizeof told);
        status = accept(direct, &told);
    }
    if (status < 0)
        close_ring(direct);
    if (status == GROVE_DENIED || status == GROVE_EXHAUSTED)
        direct->retry_ns = grove_now_ns() + RETRY_REFUSED_NS;
}

static void open_later(struct bus_direct *direct, struct grove_channel *channel) {
    uint64_t region = 0;
    int status = session_expect_regions(direct->client->session, GROVE_BUS_ENDPOINT);
    if (status == 0)
        status = make_ring(direct, channel, &region);
    const struct grove_bus_direct_open open = question(direct, region);
    const struct grove_call call = {.method = GROVE_BUS_DIRECT_OPEN,
                                    .priority = GROVE_PRIORITY_HIGH,
                                    .data = &open,
                                    .length_bytes = sizeof open,
                                    .timeout_ns = OPEN_TIMEOUT_NS};
    if (status == 0)
        status = grove_call_start(channel, &call, opened, direct);
    if (status < 0)
        close_ring(direct);
    else
        direct->state = DIRECT_OPENING;
}

/* ---- from one state to the next ---- */

static bool is_same_bus(const struct bus_direct *direct, const struct grove_channel *channel) {
    return channel != NULL && channel->base.id == direct->channel && channel->base.peer_epoch == direct->peer_epoch &&
           client_is_usable(channel) == 0 && !channel_end_peer_is_closed(channel->base.end);
}

static bool is_lost(const struct bus_direct *direct, const struct grove_channel *channel) {
    return !is_same_bus(direct, channel) ||
           __atomic_load_n(&direct->slot->mode, __ATOMIC_ACQUIRE) == GROVE_BUS_DIRECT_OVER ||
           __atomic_load_n(&direct->slot->id, __ATOMIC_RELAXED) != direct->id;
}

static bool has_pending(const struct grove_channel *channel) {
    uint64_t bytes = 0;
    for (unsigned lane = 0; lane < GROVE_LANES; lane++)
        if (channel_end_pending(channel->base.end, (enum grove_lane)lane, &bytes) < 0 || bytes > 0)
            return true;
    return false;
}

static void begin(struct bus_direct *direct, const struct grove_channel *channel) {
    if (__atomic_load_n(&direct->slot->mode, __ATOMIC_ACQUIRE) == GROVE_BUS_DIRECT_CLOSED || has_pending(channel) ||
        send_about(direct, GROVE_BUS_DIRECT_BEGIN, GROVE_LANE_HIGH, 0) < 0)
        return;
    direct->state = DIRECT_USED;
    direct->lanes_to_tell = 0;
}

/* Something has changed, or the ring is not in use. Afterwards `state` says. */
static void settle(struct bus_direct *direct) {
    struct grove_session *session = direct->client->session;
    if (session_has_news(session) && session_read(session) < 0)
        return;
    struct grove_channel *channel = direct->client->channels[BUS_MAIN];
    if (direct->state >= DIRECT_READY && is_lost(direct, channel)) {
        bool is_alive = is_same_bus(direct, channel);
        for (unsigned lane = 0; is_alive && lane < GROVE_LANES;
             lane++) /* before the next event, by whichever it goes */
            (void)send_about(direct, GROVE_BUS_DIRECT_CLOSE, (enum grove_lane)lane, 0);
        close_ring(direct);
        if (is_alive)
            direct->retry_ns = grove_now_ns();
    }
    if (direct->state == DIRECT_USED &&
        __atomic_load_n(&direct->slot->mode, __ATOMIC_ACQUIRE) == GROVE_BUS_DIRECT_CLOSED) {
        direct->state = DIRECT_READY;
        direct->lanes_to_tell = (1u << GROVE_LANES) - 1;
    }
    if (direct->state == DIRECT_OFF && channel != NULL && client_is_usable(channel) == 0 &&
        !channel_end_peer_is_closed(channel->base.end) && grove_now_ns() >= direct->retry_ns)
        open_later(direct, channel);
    else if (direct->state == DIRECT_READY)
        begin(direct, channel);
}

/* All is as it was. The channel is there while a ring is in use, or else the session has news. */
static bool may_go_on(const struct bus_direct *direct) {
    const struct grove_session *session = direct->client->session;
    uint32_t mode = __atomic_load_n(&direct->slot->mode, __ATOMIC_ACQUIRE);
    const struct grove_channel *channel = direct->client->channels[BUS_MAIN];
    return !session_has_news(session) && (mode == GROVE_BUS_DIRECT_ONLY || mode == GROVE_BUS_DIRECT_BOTH) &&
           is_same_bus(direct, channel);
}

int bus_direct_tell(struct bus_direct *direct, enum grove_lane lane, uint64_t timeout_ns) {
    if ((direct->lanes_to_tell & 1u << lane) == 0)
        return 0;
    int status = send_about(direct, GROVE_BUS_DIRECT_END, lane, timeout_ns);
    if (status == 0)
        direct->lanes_to_tell &= ~(1u << lane);
    return status;
}

/* ---- an event ---- */

static void copy_text(uint8_t **at, const char *text, size_t length_bytes) {
    if (length_bytes > 0)
        memcpy(*at, text, length_bytes);
    (*at)[length_bytes] = '\0';
    *at += length_bytes + 1;
}

static void trace(struct bus_direct *direct, struct grove_trace_context *span) {
    struct grove_session *session = direct->client->session;
    *span = trace_new_span(session);
    const struct grove_record record = {.number = span->span, .method = GROVE_BUS_EMIT};
    trace_report(&direct->client->channels[BUS_MAIN]->base, GROVE_TRACE_SENT, &record, GROVE_LANE_MEDIUM, span,
                 session->span.span);
}

static int write_image(struct bus_direct *direct, const struct grove_publish *publish, uint16_t subject_bytes,
                       uint16_t reply_bytes) {
    struct ring_writer *writer = &direct->writer;
    struct grove_trace_context span = {0};
    bool is_traced = trace_is_on(direct->client->session);
    uint32_t before = (uint32_t)sizeof(struct grove_bus_direct_image) + subject_bytes + reply_bytes + 2u +
                      (uint32_t)publish->headers_bytes;
    uint32_t data_at = (before + 7u) & ~7u;
    uint32_t size_bytes =
        ((data_at + (uint32_t)publish->length_bytes + 15u) & ~15u) + (is_traced ? (uint32_t)sizeof span : 0u);
    if (size_bytes > writer->size_bytes / 2)
        return error_set(GROVE_TOO_LARGE,
                         "an event of %u bytes is larger than half of the ring for %s: give "
                         "grove_bus_direct a larger ring_bytes",
                         size_bytes, direct->pattern);
    if (is_traced)
        trace(direct, &span);
    uint8_t *place = ring_writer_begin(writer, size_bytes), *at = place + sizeof(struct grove_bus_direct_image);
    *(struct grove_bus_direct_image *)(void *)place =
        (struct grove_bus_direct_image){.size_bytes = size_bytes,
                                        .flags = is_traced ? GROVE_BUS_IMAGE_TRACED : 0,
                                        .subject_bytes = subject_bytes,
                                        .reply_bytes = reply_bytes,
                                        .headers_bytes = (uint32_t)publish->headers_bytes,
                                        .data_bytes = (uint32_t)publish->length_bytes,
                                        .time_ns = bus_wall_ns(),
                                        .token = writer->count};
    copy_text(&at, publish->subject, subject_bytes);
    copy_text(&at, publish->reply_to, reply_bytes);
    if (publish->headers_bytes > 0)
        memcpy(at, publish->headers, publish->headers_bytes);
    if (publish->length_bytes > 0)
        memcpy(place + data_at, publish->data, publish->length_bytes);
    if (is_traced)
        memcpy(place + size_bytes - sizeof span, &span, sizeof span);
    ring_writer_publish(writer);
    return 0;
}

int bus_direct_write(struct bus_direct *direct, const struct grove_publish *publish, uint16_t subject_bytes,
                     uint16_t reply_bytes, enum bus_way *way) {
    *way = BUS_WAY_BUS;
    if (direct->state != DIRECT_USED || !may_go_on(direct))
        settle(direct);
    if (direct->state != DIRECT_USED) {
        direct->metrics.by_bus++;
        return 0;
    }
    /* Both, if it was so before or is behind: whoever subscribed before this event was published gets it. */
    bool is_both = __atomic_load_n(&direct->slot->mode, __ATOMIC_ACQUIRE) == GROVE_BUS_DIRECT_BOTH;
    int status = write_image(direct, publish, subject_bytes, reply_bytes);
    if (status < 0)
        return status;
    direct->metrics.written++;
    wake(direct);
    is_both |= __atomic_load_n(&direct->slot->mode, __ATOMIC_RELAXED) == GROVE_BUS_DIRECT_BOTH;
    direct->metrics.by_bus += is_both;
    *way = is_both ? BUS_WAY_BOTH : BUS_WAY_RING;
    return 0;
}

/* ---- asked for ---- */

static int open_now(struct bus_direct *direct) {
    struct grove_channel *channel = NULL;
    struct grove_bus_direct_opened told;
    uint64_t region = 0;
    int status = bus_channel(direct->client, BUS_MAIN, &channel);
    if (status == 0)
        status = grove_channel_flush(channel, OPEN_TIMEOUT_NS); /* and the bus has attached */
    if (status == 0)
        status = session_expect_regions(direct->client->session, GROVE_BUS_ENDPOINT);
    if (status == 0)
        status = make_ring(direct, channel, &region);
    if (status < 0)
        return status;
    const struct grove_bus_direct_open open = question(direct, region);
    status = bus_call(direct->client, GROVE_BUS_DIRECT_OPEN, &open, sizeof open, &told, sizeof told, OPEN_TIMEOUT_NS);
    if (status == 0)
        direct->peer_epoch = channel->base.peer_epoch; /* it may have been the first thing that the bus heard of us */
    if (status == 0)
        status = accept(direct, &told);
    return status < 0 ? status
                      : grove_channel_flush(channel, OPEN_TIMEOUT_NS); /* so that it is used from the first event on */
}

static int check(const struct bus_client *client, const struct grove_direct *wanted, uint64_t ring_bytes) {
    int status = grove_pattern_check(wanted->pattern);
    if (status < 0)
        return status;
    if (ring_bytes < GROVE_BUS_DIRECT_BYTES_MIN || ring_bytes > GROVE_BUS_DIRECT_BYTES_MAX ||
        (ring_bytes & (ring_bytes - 1)) != 0)
        return error_set(GROVE_INVALID, "ring_bytes is a power of two from 16 KiB to 16 MiB");
    for (const struct bus_direct *other = client->directs; other != NULL; other = other->next)
        if (grove_patterns_overlap(other->pattern, wanted->pattern))
            return error_set(GROVE_EXISTS, "this session has a ring for %s, which has some of the same subjects",
                             other->pattern);
    return 0;
}

int grove_bus_direct(const struct grove_direct *wanted) {
    struct bus_client *client = NULL;
    uint64_t ring_bytes = wanted->ring_bytes != 0 ? wanted->ring_bytes : USUAL_BYTES;
    int status = bus_client_of(wanted->session, &client);
    if (status == 0)
        status = check(client, wanted, ring_bytes);
    struct bus_direct *direct = status == 0 ? calloc(1, sizeof *direct) : NULL;
    if (direct == NULL)
        return status < 0 ? status : error_set(GROVE_NO_MEMORY, "no memory is left for a ring");
    direct->client = client;
    direct->ring_bytes = ring_bytes;
    memcpy(direct->pattern, wanted->pattern, strlen(wanted->pattern) + 1);
    status = open_now(direct);
    if (status < 0) {
        free_direct(direct);
        return status;
    }
    settle(direct);
    direct->next = client->directs;
    client->directs = direct;
    forget_subject(client);
    return 0;
}

static struct bus_direct **find(struct bus_client *client, const char *pattern) {
    struct bus_direct **place = &client->directs;
    while (*place != NULL && (pattern == NULL || strcmp((*place)->pattern, pattern) != 0))
        place = &(*place)->next;
    return place;
}

static int no_such(const char *pattern) {
    return error_set(GROVE_NOT_FOUND, "this session has no ring for %.100s", pattern != NULL ? pattern : "nothing");
}

int grove_bus_direct_end(struct grove_session *session, const char *pattern) {
    struct bus_client *client = NULL;
    int status = bus_client_of(session, &client);
    struct bus_direct **place = status == 0 ? find(client, pattern) : NULL;
    if (place == NULL || *place == NULL)
        return status < 0 ? status : no_such(pattern);
    struct bus_direct *direct = *place;
    *place = direct->next;
    forget_subject(client);
    if (direct->state >= DIRECT_READY)
        for (unsigned lane = 0; lane < GROVE_LANES; lane++)
            (void)send_about(direct, lane < GROVE_LANES - 1 ? GROVE_BUS_DIRECT_END : GROVE_BUS_DIRECT_CLOSE,
                             (enum grove_lane)lane, GROVE_SECOND);
    direct->is_ended = direct->state == DIRECT_OPENING;
    if (!direct->is_ended)
        free_direct(direct);
    return 0;
}

void bus_directs_end(struct bus_client *client) {
    while (client->directs != NULL) {
        struct bus_direct *direct = client->directs;
        client->directs = direct->next;
        direct->is_ended = direct->state == DIRECT_OPENING; /* closing its channel answers */
        if (!direct->is_ended)
            free_direct(direct);
    }
    client->direct = NULL;
}

int grove_bus_direct_metrics(struct grove_session *session, const char *pattern, struct grove_direct_metrics *metrics) {
    struct bus_client *client = NULL;
    int status = bus_client_of(session, &client);
    struct bus_direct **place = status == 0 ? find(client, pattern) : NULL;
    if (place == NULL || *place == NULL)
        return status < 0 ? status : no_such(pattern);
    settle(*place);
    *metrics = (*place)->metrics;
    metrics->is_used = (*place)->state == DIRECT_USED;
    metrics->is_also_by_bus =
        metrics->is_used && __atomic_load_n(&(*place)->slot->mode, __ATOMIC_RELAXED) == GROVE_BUS_DIRECT_BOTH;
    return 0;
}
