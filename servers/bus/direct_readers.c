/*
 * Those who read rings of publishers: what they are shown and told, and how they sleep. See directs.h.
 *
 * Sleeping. A reader says that it is about to; that is said on the board, where the publisher sees it behind its next event; and then
 * it is looked whether there is more already.
 */
#include "servers/bus/directs.h"

#include <stdlib.h>
#include <string.h>

#include "lib/bus/barrier.h"

/* Where a member begins in a ring that was there before it. */
struct direct_start {
    uint64_t id, position;
    bool is_begun;
};

static bool concerns(const struct direct *direct, const struct member *member) {
    return member->feed != NULL && member->feed->is_direct &&
           grove_patterns_overlap(direct->pattern, member->feed->pattern);
}

/* ---- shown, told ---- */

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
            (struct direct_start){.id = direct->id, .position = direct_written(direct), .is_begun = direct->is_begun};
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

/* The others read on: what it held until its publisher goes is not lost. */
void directs_hide(struct bus *bus, const struct member *member) {
    for (unsigned slot = 0; bus->directs != NULL && slot < GROVE_BUS_DIRECTS_MAX; slot++) {
        struct direct *direct = bus->directs->at[slot];
        if (direct == NULL || direct->client == NULL || !direct_has(direct->shown, member))
            continue;
        direct->is_ending = true;
        direct_set_mode(bus, direct);
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
        if (direct_has(direct->shown, member) == *is_over)
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
    direct_set(direct->shown, member, true);
}

void direct_told_over(struct bus *bus, struct direct *direct, const struct member *member) {
    direct_set(direct->shown, member, false);
    direct_set(direct->bells, member, false);
    if (direct->client == NULL && direct_is_empty(direct->shown))
        direct_free(bus, direct);
}

/* ---- sleeping ---- */

void direct_wake_member(struct bus *bus, struct member *member) {
    uint32_t lane = member->saved->lane;
    if (member->client->polls[lane].request == NULL)
        member->client->looks |= 1u << lane; /* its next poll is */
    else
        poll_answer(bus, member->client, lane, true);
}

/* One place of a message: whose, and in which ring. */
static struct direct *place_of(struct bus *bus, struct client *client, const struct grove_bus_place *place,
                               struct member **member) {
    struct direct *direct = direct_find(bus, place->ring);
    *member = member_find(bus, client, place->member);
    return *member != NULL && direct != NULL && direct->client != NULL && direct_has(direct->shown, *member) ? direct
                                                                                                             : NULL;
}

static void say_sleeps(struct bus *bus, const struct member *member, struct direct *direct, bool is_by_bell) {
    struct grove_bus_slot *slot = &bus->directs->slots[direct->slot];
    uint32_t *word = is_by_bell ? &slot->bells : &slot->armed;
    if (is_by_bell)
        direct_set(direct->bells, member, true);
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
        if (direct == NULL || direct_written(direct) == places[i].position)
            continue; /* or it hears what has become of the ring */
        direct_set(direct->bells, member, false);
        direct_wake_member(bus, member);
    }
}

bool direct_sleeps(struct bus *bus, struct client *client, const struct grove_bus_place *place) {
    struct member *member = NULL;
    struct direct *direct = place_of(bus, client, place, &member);
    if (direct == NULL)
        return false; /* it hears what has become of the ring */
    say_sleeps(bus, member, direct, true);
    fence(bus, (direct->ring->features & GROVE_BUS_BARRIERS) != 0);
    return direct_written(direct) != place->position;
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
    struct direct *direct = direct_own(bus, request);
    for (unsigned i = 0; direct != NULL && i < DIRECT_BITS; i++) {
        uint64_t bits = direct->bells[i];
        direct->bells[i] = 0;
        for (; bits != 0; bits &= bits - 1) {
            struct member *member = bus->members[i * 64 + (unsigned)__builtin_ctzll(bits)];
            if (member != NULL)
                direct_wake_member(bus, member);
        }
    }
    return 0;
}
