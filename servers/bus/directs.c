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

#define BITS (STATE_MEMBERS / 64u)
#define KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)
#define LOOK_AGAIN_NS (100 * GROVE_MILLISECOND)

struct direct {
    uint64_t id;
    unsigned slot;
    struct client *client; /* NULL: it is over */
    struct grove_name publisher;
    uint64_t publisher_id;
    uint32_t publisher_ring;
    char pattern[GROVE_SUBJECT_MAX + 1];
    struct grove_region *region;
    const struct grove_bus_direct_ring *ring;
    bool is_begun;
    uint64_t shown[BITS], bells[BITS]; /* by member: who was shown it, and who of them sleeps by a bell */
};

struct directs {
    struct grove_region *board;
    struct grove_bus_slot *slots;
    struct direct *at[GROVE_BUS_DIRECTS_MAX];
    uint64_t opened; /* ever */
    bool has_barriers;
    bool is_look_due;
};

/* Where a member begins in a ring that was there before it. */
struct direct_start {
    uint64_t id, position;
    bool is_begun;
};

static bool has_bit(const uint64_t *bits, const struct member *member) {
    return (bits[member->index / 64] >> member->index % 64 & 1) != 0;
}

static void set_bit(uint64_t *bits, const struct member *member, bool is_set) {
    uint64_t bit = UINT64_C(1) << member->index % 64;
    bits[member->index / 64] = is_set ? bits[member->index / 64] | bit : bits[member->index / 64] & ~bit;
}

static bool is_empty(const uint64_t *bits) {
    for (unsigned i = 0; i < BITS; i++)
        if (bits[i] != 0)
            return false;
    return true;
}

uint64_t direct_id(const struct direct *direct) {
    return direct->id;
}

struct direct *direct_find(const struct bus *bus, uint64_t id) {
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++)
        if (bus->directs->at[slot] != NULL && bus->directs->at[slot]->id == id)
            return bus->directs->at[slot];
    return NULL;
}

static uint64_t written(const struct direct *direct) {
    return __atomic_load_n(&direct->ring->ring.written, __ATOMIC_ACQUIRE);
}

static bool concerns(const struct direct *direct, const struct member *member) {
    return member->feed != NULL && member->feed->is_direct &&
           grove_patterns_overlap(direct->pattern, member->feed->pattern);
}

/* Let a member look: it polls, and is answered. */
static void wake_member(struct bus *bus, struct member *member) {
    uint32_t lane = member->saved->lane;
    if (member->client->polls[lane].request == NULL)
        member->client->looks |= 1u << lane; /* its next poll is */
    else
        poll_answer(bus, member->client, lane, true);
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
    if (direct->client == NULL)
        return GROVE_BUS_DIRECT_OVER;
    if (points_of(bus) != 0)
        return GROVE_BUS_DIRECT_CLOSED;
    return is_got_by_bus(bus, direct) ? GROVE_BUS_DIRECT_BOTH : GROVE_BUS_DIRECT_ONLY;
}

static void set_mode(struct bus *bus, const struct direct *direct) {
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
            set_mode(bus, bus->directs->at[slot]);
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
    const struct grove_bus_control control = {.kind = kind, .id = direct->id, .position = written(direct)};
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

static void free_direct(struct bus *bus, struct direct *direct) {
    struct grove_bus_slot *slot = &bus->directs->slots[direct->slot];
    __atomic_store_n(&slot->mode, GROVE_BUS_DIRECT_OVER, __ATOMIC_RELEASE);
    __atomic_store_n(&slot->id, 0, __ATOMIC_RELEASE);
    bus->directs->at[direct->slot] = NULL;
    grove_region_close(direct->region);
    free(direct);
}

/* The publisher finds it with its next event; readers are told, and read it to its end. */
static void finish(struct bus *bus, struct direct *direct) {
    end(bus, direct);
    direct->client = NULL;
    set_mode(bus, direct);
    for (uint32_t i = 0; i < bus->state.head->members_used; i++)
        if (bus->members[i] != NULL && has_bit(direct->shown, bus->members[i]))
            wake_member(bus, bus->members[i]);
    if (is_empty(direct->shown))
        free_direct(bus, direct);
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
            finish(bus, direct);
    }
}

void directs_gone(struct bus *bus, const struct client *client) {
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++)
        if (bus->directs->at[slot] != NULL && bus->directs->at[slot]->client == client)
            finish(bus, bus->directs->at[slot]);
}

static int read_open(struct grove_request *request, struct grove_bus_direct_open *open) {
    if (grove_request_bytes(request) < sizeof *open)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(open, grove_request_data(request), sizeof *open);
    open->pattern[GROVE_SUBJECT_MAX] = '\0';
    if (open->version != GROVE_BUS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the bus speaks version %u of its protocol, not %u",
                          GROVE_BUS_PROTOCOL_VERSION, open->version);
    if (!pattern_is_valid(open->pattern, strlen(open->pattern)) || open->pattern[0] == '*' || open->pattern[0] == '>' ||
        subject_is_inbox(open->pattern))
        return grove_fail(request, GROVE_INVALID,
                          "\"%.100s\" is no pattern for a ring: its first token is neither a wildcard nor _INBOX",
                          open->pattern);
    if (subject_is_reserved(open->pattern) && grove_request_client_ring(request) > 1)
        return grove_fail(request, GROVE_DENIED, "%s has subjects of the system's own; %s is in ring %u", open->pattern,
                          grove_request_client(request), grove_request_client_ring(request));
    int status = grove_request_client_may(request, GROVE_CAP_BUS_PUB, open->pattern);
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
    free_direct(bus, over);
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
        finish(bus, direct);
    if (status < 0)
        return grove_fail(request, status, "the bus has no room for another ring of a publisher, or cannot read it: %s",
                          grove_status_text(status));
    struct grove_bus_slot *slot = &bus->directs->slots[direct->slot];
    slot->armed = slot->bells = 0;
    slot->features = bus->directs->has_barriers ? GROVE_BUS_BARRIERS : 0;
    slot->id = direct->id;
    set_mode(bus, direct);
    const struct grove_bus_direct_opened answer = {
        .version = GROVE_BUS_PROTOCOL_VERSION, .slot = direct->slot, .id = direct->id, .board = board};
    return grove_reply(request, &answer, sizeof answer);
}

/* A ring of the sender's own; NULL: it has none of that id (any more). */
static struct direct *own(struct bus *bus, struct grove_request *request) {
    struct grove_bus_member told;
    struct client *client = client_of(bus, request);
    if (client == NULL || grove_request_bytes(request) < sizeof told)
        return NULL;
    memcpy(&told, grove_request_data(request), sizeof told);
    struct direct *direct = told.version == GROVE_BUS_PROTOCOL_VERSION ? direct_find(bus, told.value) : NULL;
    return direct != NULL && direct->client == client ? direct : NULL;
}

int on_direct_begin(struct grove_request *request, void *context) {
    struct direct *direct = own(context, request);
    if (direct != NULL)
        begin(context, direct);
    return 0;
}

int on_direct_end(struct grove_request *request, void *context) {
    struct direct *direct = own(context, request);
    if (direct != NULL)
        end(context, direct);
    return 0;
}

int on_direct_close(struct grove_request *request, void *context) {
    struct direct *direct = own(context, request);
    if (direct != NULL)
        finish(context, direct);
    return 0;
}

static void look(struct bus *bus);

static void look_later(struct grove_service *service, void *context) {
    struct bus *bus = context;
    (void)service;
    bus->directs->is_look_due = false;
    look(bus);
}

/* Rights are looked at only so often. */
static void look(struct bus *bus) {
    uint32_t timer = 0;
    if (rights_have_changed(bus))
        rights_look_again(bus);
    if (rights_have_changed(bus) && bus->directs != NULL && !bus->directs->is_look_due)
        bus->directs->is_look_due = grove_service_after(bus->service, LOOK_AGAIN_NS, look_later, bus, &timer) == 0;
}

int on_direct_look(struct grove_request *request, void *context) {
    (void)request;
    look(context);
    return 0;
}

/* ---- who reads ---- */

void directs_join(struct bus *bus, struct member *member) {
    unsigned count = 0;
    if (bus->directs == NULL || member->feed == NULL || !member->feed->is_direct)
        return;
    member->starts = calloc(GROVE_BUS_DIRECTS_MAX, sizeof *member->starts);
    for (unsigned slot = 0; member->starts != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++) {
        const struct direct *direct = bus->directs->at[slot];
        if (direct == NULL || direct->client == NULL || !concerns(direct, member))
            continue;
        count++;
        member->starts[slot] =
            (struct direct_start){.id = direct->id, .position = written(direct), .is_begun = direct->is_begun};
    }
    if (count == 0) {
        free(member->starts);
        member->starts = NULL;
    }
}

void directs_leave(struct bus *bus, struct member *member) {
    free(member->starts);
    member->starts = NULL;
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++)
        if (bus->directs->at[slot] != NULL)
            direct_told_over(bus, bus->directs->at[slot], member);
}

void directs_hide(struct bus *bus, const struct member *member) {
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++) {
        struct direct *direct = bus->directs->at[slot];
        if (direct != NULL && direct->client != NULL && has_bit(direct->shown, member))
            finish(bus, direct);
    }
}

struct direct *directs_news(const struct bus *bus, const struct member *member, const struct direct *after,
                            bool *is_over) {
    for (unsigned slot = after != NULL ? after->slot + 1 : 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX;
         slot++) {
        struct direct *direct = bus->directs->at[slot];
        if (direct == NULL || !concerns(direct, member))
            continue;
        *is_over = direct->client == NULL;
        if (has_bit(direct->shown, member) == *is_over)
            return direct;
    }
    return NULL;
}

void direct_show(struct direct *direct, struct member *member, struct grove_request *request,
                 struct grove_bus_direct_shown *shown) {
    const struct direct_start *start = member->starts != NULL ? &member->starts[direct->slot] : NULL;
    *shown = (struct grove_bus_direct_shown){.id = direct->id,
                                             .publisher_id = direct->publisher_id,
                                             .publisher = direct->publisher,
                                             .publisher_ring = direct->publisher_ring,
                                             .member = member_id(member)};
    memcpy(shown->pattern, direct->pattern, sizeof shown->pattern);
    if (start != NULL && start->id == direct->id) {
        shown->position = start->position;
        shown->is_begun = start->is_begun;
    }
    if (grove_region_grant_client(direct->region, request, &shown->region) < 0)
        shown->region = 0;
    set_bit(direct->shown, member, true);
}

void direct_told_over(struct bus *bus, struct direct *direct, const struct member *member) {
    set_bit(direct->shown, member, false);
    set_bit(direct->bells, member, false);
    if (direct->client == NULL && is_empty(direct->shown))
        free_direct(bus, direct);
}

/* ---- sleeping ---- */

/* One place of a message: whose, and in which ring. */
static struct direct *place_of(struct bus *bus, struct client *client, const struct grove_bus_place *place,
                               struct member **member) {
    struct direct *direct = direct_find(bus, place->ring);
    *member = member_find(bus, client, place->member);
    return *member != NULL && direct != NULL && direct->client != NULL && has_bit(direct->shown, *member) ? direct
                                                                                                          : NULL;
}

static void say_sleeps(struct bus *bus, const struct member *member, struct direct *direct, bool is_by_bell) {
    struct grove_bus_slot *slot = &bus->directs->slots[direct->slot];
    uint32_t *word = is_by_bell ? &slot->bells : &slot->armed;
    if (is_by_bell)
        set_bit(direct->bells, member, true);
    __atomic_store_n(word, *word + 1, __ATOMIC_RELEASE);
}

/* Behind what was said on the board, and before the look for more. Pairs with the publisher's, who may leave it to us. */
static void fence(const struct bus *bus, bool has_unfenced) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    if (has_unfenced && bus->directs->has_barriers)
        (void)barrier_for_all();
}

/* First for all places: say that somebody sleeps. Then, for all: look whether there is more already. */
static void arm(struct bus *bus, struct client *client, const struct grove_bus_place *places, unsigned count) {
    bool has_unfenced = false;
    struct member *member = NULL;
    for (unsigned i = 0; i < count; i++) {
        struct direct *direct = place_of(bus, client, &places[i], &member);
        if (direct == NULL)
            continue;
        say_sleeps(bus, member, direct, places[i].reserved != 0);
        has_unfenced |= (direct->ring->features & GROVE_BUS_BARRIERS) != 0;
    }
    fence(bus, has_unfenced);
    for (unsigned i = 0; i < count; i++) {
        struct direct *direct = place_of(bus, client, &places[i], &member);
        if (direct != NULL && written(direct) == places[i].position)
            continue;
        if (direct != NULL)
            set_bit(direct->bells, member, false);
        if (member != NULL)
            wake_member(bus, member); /* there is more, or it hears what has become of the ring */
    }
}

int on_direct_sleep(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_poll head;
    struct grove_bus_place places[GROVE_BUS_DIRECTS_MAX];
    struct client *client = client_of(bus, request);
    const uint8_t *at = grove_request_data(request);
    size_t bytes = grove_request_bytes(request);
    if (client == NULL || bytes < sizeof head)
        return 0;
    memcpy(&head, at, sizeof head);
    if (head.version != GROVE_BUS_PROTOCOL_VERSION || head.acknowledgements != 0 ||
        head.places > GROVE_BUS_DIRECTS_MAX || head.places > (bytes - sizeof head) / sizeof places[0])
        return 0;
    memcpy(places, at + sizeof head, head.places * sizeof places[0]);
    arm(bus, client, places, head.places);
    return 0;
}

int on_direct_wake(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct direct *direct = own(bus, request);
    for (unsigned i = 0; direct != NULL && i < BITS; i++) {
        uint64_t bits = direct->bells[i];
        direct->bells[i] = 0;
        for (; bits != 0; bits &= bits - 1) {
            struct member *member = bus->members[i * 64 + (unsigned)__builtin_ctzll(bits)];
            if (member != NULL)
                wake_member(bus, member);
        }
    }
    return 0;
}

/* ---- looking ---- */

static void fill(const struct bus *bus, const struct direct *direct, struct grove_direct_record *record) {
    *record = (struct grove_direct_record){.publisher = direct->publisher,
                                           .written = direct->ring->ring.count,
                                           .is_used = direct->is_begun,
                                           .is_also_by_bus = mode_of(bus, direct) == GROVE_BUS_DIRECT_BOTH};
    memcpy(record->pattern, direct->pattern, sizeof record->pattern);
    for (unsigned i = 0; i < BITS; i++)
        record->readers += (uint32_t)__builtin_popcountll(direct->shown[i]);
}

int on_direct_next(struct grove_request *request, void *context) {
    struct bus *bus = context;
    struct grove_bus_member told;
    struct {
        uint64_t cursor;
        struct grove_direct_record record;
    } answer;
    if (grove_request_bytes(request) < sizeof told)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(&told, grove_request_data(request), sizeof told);
    if (told.version != GROVE_BUS_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "the message is of another version of the protocol");
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
