/*
 * See directs.h. A ring is at `at[slot]` from its OPEN on; when it is over it stays there without a publisher until all who were
 * shown it have been told, or the slot is needed.
 *
 * What is read of a ring here (how far it is written) is its publisher's word, and decides only when its own readers look.
 */
#include "servers/bus/directs.h"
#include "servers/bus/points.h"

#include <stdlib.h>
#include <string.h>

#include "lib/bus/barrier.h"
#include "lib/session/session.h"

_Static_assert(sizeof(struct grove_bus_slot) * GROVE_BUS_DIRECTS_MAX == GROVE_BUS_BOARD_BYTES, "a slot for each ring");
#define KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)
/* Nobody says to the bus that rights were revoked, and no event of a ring wakes it. */
#define LOOK_NS GROVE_SECOND

uint64_t direct_id(const struct direct *direct) {
    return direct->id;
}

struct direct *direct_find(const struct bus *bus, uint64_t id) {
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++)
        if (bus->directs->at[slot] != NULL && bus->directs->at[slot]->id == id)
            return bus->directs->at[slot];
    return NULL;
}

/* ---- the board ---- */

static bool is_got_by_bus(const struct bus *bus, const struct direct *direct) {
    for (const struct feed *feed = bus->feeds; feed != NULL; feed = feed->next)
        if (!feed->is_direct && grove_patterns_overlap(feed->pattern, direct->pattern))
            return true;
    for (uint32_t i = 0; i < bus->state.head->queues_used; i++) {
        const struct queue *queue = bus->queues[i];
        if (queue != NULL && queue->saved->quality != GROVE_BUS_DURABLE &&
            grove_patterns_overlap(queue->saved->pattern, direct->pattern))
            return true;
    }
    return false;
}

static uint32_t points_of(const struct bus *bus) {
    return *bus->points & (1u << GROVE_HOOK_BEFORE_PUBLISH | 1u << GROVE_HOOK_AFTER_PUBLISH |
                           1u << GROVE_HOOK_BEFORE_DELIVER | 1u << GROVE_HOOK_AFTER_DELIVER);
}

static uint32_t mode_of(const struct bus *bus, const struct direct *direct) {
    if (direct->client == NULL || direct->is_ending)
        return GROVE_BUS_DIRECT_OVER;
    if (points_of(bus) != 0)
        return GROVE_BUS_DIRECT_CLOSED;
    return is_got_by_bus(bus, direct) ? GROVE_BUS_DIRECT_BOTH : GROVE_BUS_DIRECT_ONLY;
}

void direct_set_mode(struct bus *bus, const struct direct *direct) {
    /* Pairs with the publisher's load before each event. */
    __atomic_store_n(&bus->directs->slots[direct->slot].mode, mode_of(bus, direct), __ATOMIC_RELEASE);
}

void directs_update(struct bus *bus) {
    if (bus->directs == NULL || (bus->direct_epoch == bus->pattern_epoch && bus->direct_points == points_of(bus)))
        return;
    bus->direct_epoch = bus->pattern_epoch;
    bus->direct_points = points_of(bus);
    for (unsigned slot = 0; slot < GROVE_BUS_DIRECTS_MAX; slot++)
        if (bus->directs->at[slot] != NULL)
            direct_set_mode(bus, bus->directs->at[slot]);
}

static int open_board(struct bus *bus) {
    if (bus->directs != NULL)
        return 0;
    struct directs *directs = calloc(1, sizeof *directs);
    int status =
        directs != NULL ? grove_region_create(bus->session, GROVE_BUS_BOARD_BYTES, &directs->board) : GROVE_NO_MEMORY;
    if (status < 0) {
        free(directs);
        return status;
    }
    directs->slots = grove_region_data(directs->board, NULL);
    directs->has_barriers = barrier_for_all();
    bus->directs = directs;
    return 0;
}

/* ---- in use, and not ---- */

static void mark(struct bus *bus, const struct direct *direct, enum grove_bus_control_kind kind) {
    const struct grove_bus_control control = {.kind = kind, .id = direct->id, .position = direct_written(direct)};
    for (struct feed *feed = bus->feeds; feed != NULL; feed = feed->next)
        if (feed->is_direct && grove_patterns_overlap(feed->pattern, direct->pattern))
            feed_control(bus, feed, &control);
}

static void begin(struct bus *bus, struct direct *direct) {
    if (!direct->is_begun)
        mark(bus, direct, GROVE_BUS_CONTROL_BEGINS);
    direct->is_begun = true;
}

static void end(struct bus *bus, struct direct *direct) {
    if (direct->is_begun)
        mark(bus, direct, GROVE_BUS_CONTROL_ENDS);
    direct->is_begun = false;
}

void direct_free(struct bus *bus, struct direct *direct) {
    struct grove_bus_slot *slot = &bus->directs->slots[direct->slot];
    __atomic_store_n(&slot->mode, GROVE_BUS_DIRECT_OVER, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->id, 0, __ATOMIC_RELEASE);
    bus->directs->at[direct->slot] = NULL;
    grove_region_close(direct->region);
    free(direct);
}

void direct_finish(struct bus *bus, struct direct *direct) {
    end(bus, direct);
    direct->client = NULL;
    direct_set_mode(bus, direct);
    for (uint32_t i = 0; i < bus->state.head->members_used; i++)
        if (bus->members[i] != NULL && direct_has(direct->shown, bus->members[i]))
            direct_wake_member(bus, bus->members[i]);
    if (direct_is_empty(direct->shown))
        direct_free(bus, direct);
}

/* ---- who publishes ---- */

static bool may_publish(const struct bus *bus, const struct direct *direct) {
    size_t length_bytes = strlen(direct->pattern);
    struct grove_message message = {.operation = GROVE_REQUEST_CAPABILITY_CHECK};
    struct grove_capability *capability = &message.body.check.capability;
    message.body.check.channel = direct->client->channel;
    capability->kind = GROVE_CAP_BUS_PUB;
    capability->rights = GROVE_RIGHT_USE;
    capability->argument.kind = GROVE_ARGUMENT_PATTERN;
    capability->argument.length_bytes = (uint16_t)length_bytes;
    memcpy(capability->argument.value.text, direct->pattern, length_bytes);
    return grove_kernel_request(bus->session, &message, NULL, 0, NULL, NULL, KERNEL_TIMEOUT_NS) != GROVE_DENIED;
}

void directs_look_at_rights(struct bus *bus) {
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++) {
        struct direct *direct = bus->directs->at[slot];
        if (direct != NULL && direct->client != NULL && direct->client->channels > 0 && !may_publish(bus, direct))
            direct_finish(bus, direct);
    }
}

void directs_gone(struct bus *bus, const struct client *client) {
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++)
        if (bus->directs->at[slot] != NULL && bus->directs->at[slot]->client == client)
            direct_finish(bus, bus->directs->at[slot]);
}

static bool has_open(const struct bus *bus) {
    for (unsigned slot = 0; slot < GROVE_BUS_DIRECTS_MAX; slot++)
        if (bus->directs->at[slot] != NULL && bus->directs->at[slot]->client != NULL)
            return true;
    return false;
}

static void look_later(struct bus *bus);

static void look(struct grove_service *service, void *context) {
    struct bus *bus = context;
    (void)service;
    bus->directs->is_look_due = false;
    if (rights_have_changed(bus))
        rights_look_again(bus);
    look_later(bus);
}

/* While there are rings: rights are looked at once a second. */
static void look_later(struct bus *bus) {
    uint32_t timer = 0;
    if (!bus->directs->is_look_due && has_open(bus))
        bus->directs->is_look_due = grove_service_after(bus->service, LOOK_NS, look, bus, &timer) == 0;
}

static int read_open(struct grove_request *request, struct grove_bus_direct_open *open) {
    int status = request_take(request, open, sizeof *open);
    if (status < 0)
        return status;
    open->pattern[GROVE_SUBJECT_MAX] = '\0';
    if (!pattern_is_valid(open->pattern, strlen(open->pattern)) || open->pattern[0] == '*' || open->pattern[0] == '>' ||
        subject_is_inbox(open->pattern))
        return grove_fail(request, GROVE_INVALID,
                          "\"%.100s\" is no pattern for a ring: its first token is neither a wildcard nor _INBOX",
                          open->pattern);
    if (subject_is_reserved(open->pattern) && grove_request_client_ring(request) > 1)
        return grove_fail(request, GROVE_DENIED, "%s has subjects of the system's own; %s is in ring %u", open->pattern,
                          grove_request_client(request), grove_request_client_ring(request));
    status = grove_request_client_may(request, GROVE_CAP_BUS_PUB, open->pattern);
    return status < 0 ? grove_fail(request, status, "%s", grove_last_error()) : 0;
}

/* A free slot, if need be that of one of which not everybody has heard yet that it is over. */
static int find_slot(struct bus *bus, unsigned *found) {
    struct direct *over = NULL;
    for (unsigned slot = 0; slot < GROVE_BUS_DIRECTS_MAX; slot++) {
        struct direct *direct = bus->directs->at[slot];
        if (direct == NULL) {
            *found = slot;
            return 0;
        }
        if (direct->client == NULL)
            over = direct;
    }
    if (over == NULL)
        return GROVE_EXHAUSTED;
    *found = over->slot;
    direct_free(bus, over);
    return 0;
}

static bool ring_is_sound(const struct direct *direct) {
    uint64_t bytes = 0;
    const struct grove_bus_direct_ring *ring = grove_region_data(direct->region, &bytes);
    return bytes > GROVE_BUS_RING_HEAD_BYTES && ring->ring.magic == GROVE_BUS_DIRECT_MAGIC &&
           ring->ring.size_bytes <= bytes - GROVE_BUS_RING_HEAD_BYTES;
}

static int make(struct bus *bus, struct client *client, struct grove_request *request,
                const struct grove_bus_direct_open *open, struct direct **made) {
    struct direct *direct = calloc(1, sizeof *direct);
    if (direct == NULL)
        return GROVE_NO_MEMORY;
    int status = session_take_region_from(bus->session, open->region, client->name.text, &direct->region);
    if (status == 0 && !ring_is_sound(direct))
        status = GROVE_CORRUPT;
    if (status == 0)
        status = find_slot(bus, &direct->slot);
    if (status < 0) {
        grove_region_close(direct->region);
        free(direct);
        return status;
    }
    direct->ring = grove_region_data(direct->region, NULL);
    direct->client = client;
    direct->publisher = client->name;
    direct->publisher_id = client->id;
    direct->publisher_ring = grove_request_client_ring(request);
    memcpy(direct->pattern, open->pattern, sizeof direct->pattern);
    direct->id = (uint64_t)bus->state.head->instances << 32 | ++bus->directs->opened;
    bus->directs->at[direct->slot] = direct;
    *made = direct;
    return 0;
}

int on_direct_open(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_direct_open open;
    struct client *client = client_of(bus, request);
    struct direct *direct = NULL;
    grove_object_id board = 0;
    if (client == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "the bus has as many clients as it takes");
    int status = read_open(request, &open);
    if (status < 0)
        return status;
    points_try(bus);
    client_is_instance(bus, client, open.generation);
    client->main_channel = grove_request_channel(request);
    status = open_board(bus);
    if (status == 0)
        status = make(bus, client, request, &open, &direct);
    if (status == 0)
        status = grove_region_grant_client(bus->directs->board, request, &board);
    if (status < 0 && direct != NULL)
        direct_finish(bus, direct);
    if (status < 0)
        return grove_fail(request, status, "the bus has no room for another ring of a publisher, or cannot read it: %s",
                          grove_status_text(status));
    struct grove_bus_slot *slot = &bus->directs->slots[direct->slot];
    slot->armed = slot->bells = 0;
    slot->features = bus->directs->has_barriers ? GROVE_BUS_BARRIERS : 0;
    slot->id = direct->id;
    direct_set_mode(bus, direct);
    look_later(bus);
    const struct grove_bus_direct_opened answer = {
        .version = GROVE_BUS_PROTOCOL_VERSION, .slot = direct->slot, .id = direct->id, .board = board};
    return grove_reply(request, &answer, sizeof answer);
}

struct direct *direct_own(struct bus *bus, struct grove_request *request) {
    struct grove_bus_member told;
    struct client *client = client_of(bus, request);
    if (client == NULL || grove_request_bytes(request) < sizeof told)
        return NULL;
    memcpy(&told, grove_request_data(request), sizeof told);
    struct direct *direct = told.version == GROVE_BUS_PROTOCOL_VERSION ? direct_find(bus, told.value) : NULL;
    return direct != NULL && direct->client == client ? direct : NULL;
}

int on_direct_begin(struct grove_request *request, void *context) {
    struct direct *direct = direct_own(context, request);
    if (direct != NULL)
        begin(context, direct);
    return 0;
}

int on_direct_end(struct grove_request *request, void *context) {
    struct direct *direct = direct_own(context, request);
    if (direct != NULL)
        end(context, direct);
    return 0;
}

int on_direct_close(struct grove_request *request, void *context) {
    struct direct *direct = direct_own(context, request);
    if (direct != NULL)
        direct_finish(context, direct);
    return 0;
}

/* ---- looking ---- */

static void fill(const struct bus *bus, const struct direct *direct, struct grove_direct_record *record) {
    *record = (struct grove_direct_record){.publisher = direct->publisher,
                                           .written = direct->ring->ring.count,
                                           .is_used = direct->is_begun,
                                           .is_also_by_bus = mode_of(bus, direct) == GROVE_BUS_DIRECT_BOTH};
    memcpy(record->pattern, direct->pattern, sizeof record->pattern);
    for (unsigned i = 0; i < DIRECT_BITS; i++)
        record->readers += (uint32_t)__builtin_popcountll(direct->shown[i]);
}

int on_direct_next(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_member told;
    struct {
        uint64_t cursor;
        struct grove_direct_record record;
    } answer;
    int status = request_take(request, &told, sizeof told);
    if (status < 0)
        return status;
    for (uint64_t at = told.value; bus->directs != NULL && at < GROVE_BUS_DIRECTS_MAX; at++) {
        const struct direct *direct = bus->directs->at[at];
        if (direct == NULL || direct->client == NULL ||
            (!rights_see_all(request) && direct->client->id != grove_request_client_id(request)))
            continue;
        answer.cursor = at + 1;
        fill(bus, direct, &answer.record);
        return grove_reply(request, &answer, sizeof answer);
    }
    return grove_fail(request, GROVE_NOT_FOUND, "there are no more rings of publishers");
}
