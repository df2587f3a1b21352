/*
 * The victim: see victim.h. Each step of it is one operation of end.h, chosen by the context.
 */
#include "tests/channel/victim.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN_MAX 8u

static uint64_t sum; /* so that what is read is really read */

static _Noreturn void fail(const char *sentence) {
    fprintf(stderr, "hostile peer: %s\n", sentence);
    abort();
}

static void expect(bool is_good, const char *sentence) {
    if (!is_good)
        fail(sentence);
}

void victim_create(struct victim *victim, const uint8_t *peer, victim_choose *choose, void *context) {
    *victim = (struct victim){.layout = small_layout(), .peer = peer, .choose = choose, .context = context};
    victim->own = aligned_alloc(GROVE_SEGMENT_PAGE, victim->layout.total_bytes);
    victim->end = aligned_alloc(64, (channel_end_bytes() + 63u) / 64u * 64u);
    expect(victim->own != NULL && victim->end != NULL, "no memory for the test");
    memset(victim->own, 0, victim->layout.total_bytes);
}

void victim_destroy(struct victim *victim) {
    free(victim->own);
    free(victim->end);
}

static uint64_t choose(struct victim *victim, uint64_t count) {
    return victim->choose(victim->context) % count;
}

/* Everything that may come back; true to go on. */
static bool is_fine(struct victim *victim, int status) {
    switch (status) {
    case 0:
        return true;
    case GROVE_CORRUPT:
        victim->corrupted++;
        return false;
    case GROVE_AGAIN:
    case GROVE_INVALID:
    case GROVE_EXHAUSTED:
    case GROVE_TOO_LARGE:
        return false;
    default:
        fail("an error that is not documented");
    }
}

/* Read both ends of a range, after checking that it lies in a segment. */
static void touch(const struct victim *victim, const void *data, size_t length_bytes) {
    const uint8_t *bytes = data;
    bool is_inside = false;
    const uint8_t *segments[] = {victim->own, victim->peer};
    for (int i = 0; i < 2; i++)
        is_inside |= bytes >= segments[i] && length_bytes <= victim->layout.total_bytes &&
                     (size_t)(bytes - segments[i]) <= victim->layout.total_bytes - length_bytes;
    expect(is_inside, "a pointer outside both segments");
    if (length_bytes != 0)
        sum += *(const volatile uint8_t *)bytes + *(const volatile uint8_t *)(bytes + length_bytes - 1);
}

static void produce(struct victim *victim) {
    enum grove_lane lane = (enum grove_lane)choose(victim, GROVE_LANES);
    struct grove_record *record;
    enum grove_waiting waiting;
    void *data;
    uint64_t offset;
    bool has_slice =
        choose(victim, 2) == 0 && is_fine(victim, channel_end_loan(victim->end, choose(victim, 20000), &data, &offset));
    if (has_slice)
        memset(data, 1, 1);
    if (!is_fine(victim, channel_end_reserve(victim->end, lane, 24u + choose(victim, 1500), &record))) {
        if (has_slice)
            channel_end_loan_return(victim->end, offset);
        return;
    }
    *record = (struct grove_record){.kind = (uint8_t)(GROVE_RECORD_MESSAGE + choose(victim, 5)),
                                    .number = channel_end_next_number(victim->end),
                                    .flags = has_slice ? GROVE_RECORD_SLICES : 0,
                                    .slices = has_slice};
    if (has_slice)
        *(struct grove_slice *)(void *)(record + 1) =
            (struct grove_slice){.offset_bytes = offset, .length_bytes = 1, .space = GROVE_SLICE_SENDER};
    channel_end_publish(victim->end, lane, &waiting);
}

static void look_at(struct victim *victim, const struct channel_taken *taken, uint32_t *hold, bool *has_hold) {
    expect(taken->header.length_bytes <= SMALL_LANE_BYTES, "a payload longer than its lane");
    touch(victim, taken->payload, taken->header.length_bytes);
    for (unsigned i = 0; i < taken->header.slices && i < 4u; i++) {
        const void *data;
        size_t length;
        struct grove_slice back;
        if (is_fine(victim, channel_end_slice(victim->end, taken, i, &data, &length)))
            touch(victim, data, length);
        is_fine(victim, channel_end_slice_back(victim->end, taken, i, 0, 1, &back));
        if (!*has_hold)
            *has_hold = is_fine(victim, channel_end_hold(victim->end, taken, i, hold));
    }
}

struct hands {
    struct channel_taken taken[TAKEN_MAX];
    unsigned count;
    uint32_t hold;
    bool has_hold;
};

static void consume(struct victim *victim, struct hands *hands) {
    enum grove_lane lane = (enum grove_lane)choose(victim, GROVE_LANES);
    struct channel_taken *taken = &hands->taken[hands->count];
    if (hands->count == TAKEN_MAX || !is_fine(victim, channel_end_take(victim->end, lane, taken)))
        return;
    hands->count++;
    look_at(victim, taken, &hands->hold, &hands->has_hold);
}

static void complete(struct victim *victim, struct hands *hands) {
    enum grove_waiting waiting;
    if (hands->count == 0)
        return;
    unsigned index = (unsigned)choose(victim, hands->count);
    channel_end_complete(victim->end, &hands->taken[index], &waiting);
    hands->taken[index] = hands->taken[--hands->count];
}

static void look_around(struct victim *victim) {
    uint32_t signal;
    uint64_t bytes;
    enum grove_waiting waiting;
    if (channel_end_prepare_sleep(victim->end, GROVE_WAITING_FUTEX, (enum channel_sleep)(1 + choose(victim, 3)),
                                  &signal))
        channel_end_awake(victim->end);
    is_fine(victim, channel_end_pending(victim->end, (enum grove_lane)choose(victim, GROVE_LANES), &bytes));
    channel_end_must_wake(victim->end, &waiting);
    channel_end_peer_is_closed(victim->end);
    channel_end_peer_processor(victim->end);
    channel_end_is_reading(victim->end, victim->peer);
    is_fine(victim, channel_end_attach_peer(victim->end, victim->peer));
}

static void run_step(struct victim *victim, struct hands *hands) {
    switch (choose(victim, 8)) {
    case 0:
    case 1:
        produce(victim);
        break;
    case 2:
    case 3:
    case 4:
        consume(victim, hands);
        break;
    case 5:
    case 6:
        complete(victim, hands);
        break;
    default:
        if (hands->has_hold)
            channel_end_release(victim->end, hands->hold);
        hands->has_hold = false;
        look_around(victim);
    }
}

void victim_run(struct victim *victim, unsigned steps, bool resumed) {
    struct hands hands = {.count = 0};
    uint64_t corrupted = victim->corrupted;
    if (!resumed)
        memset(victim->own, 0, (size_t)GROVE_SEGMENT_PAGE * (1u + GROVE_LANES));
    int status = channel_end_init(victim->end, GROVE_ROLE_CLIENT, &victim->layout, victim->own, resumed);
    expect(status == 0, "its own segment is refused, and only it can write there");
    if (is_fine(victim, channel_end_attach_peer(victim->end, victim->peer)))
        for (unsigned i = 0; i < steps && victim->corrupted < corrupted + 3u; i++)
            run_step(victim, &hands);
    channel_end_deinit(victim->end);
}
