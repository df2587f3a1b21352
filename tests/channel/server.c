/*
 * The server of the world: handles the highest lane first, answers, holds, and completes one by one or in batches.
 */
#include "tests/channel/programs.h"

static bool release_aged_holds(struct world *world, struct program *program) {
    bool is_active = false;
    for (unsigned i = 0; i < PROGRAM_HOLDS; i++) {
        struct held *held = &program->held[i];
        if (!held->is_used)
            continue;
        is_active = true;
        block_check(world, held->data, held->length_bytes, held->pattern);
        if (++held->age > 4u) {
            held->is_used = false;
            channel_end_release(program->end, held->hold);
        }
    }
    return is_active;
}

static void hold(struct world *world, struct program *program, const struct channel_taken *taken) {
    for (unsigned i = 0; i < PROGRAM_HOLDS; i++) {
        struct held *held = &program->held[i];
        if (held->is_used)
            continue;
        const void *data;
        if (channel_end_slice(program->end, taken, 0, &data, &held->length_bytes) < 0 ||
            channel_end_hold(program->end, taken, 0, &held->hold) < 0)
            world_fail(world, "a good slice cannot be held");
        held->data = data;
        held->pattern = held->data[0];
        held->age = 0;
        held->is_used = true;
        return;
    }
}

/* The slice that the answer carries: lent by the server, or the caller's own. */
static int answer_slice(struct program *program, const struct item *item, unsigned attempt, struct grove_slice *slice) {
    if (item->answer == ANSWER_BACK)
        return channel_end_slice_back(program->end, &program->pending, 0, 1, item->block_bytes / item->slices - 1u,
                                      slice);
    void *data;
    uint64_t offset;
    int status = channel_end_loan(program->end, 5000, &data, &offset);
    if (status < 0)
        return status;
    block_fill(data, 5000, attempt);
    *slice = (struct grove_slice){.offset_bytes = offset, .length_bytes = 5000, .space = GROVE_SLICE_SENDER};
    return 0;
}

static bool answer(struct program *program, const struct item *item, unsigned attempt) {
    enum grove_lane lane = (enum grove_lane)program->pending.lane;
    unsigned slice_count = item->answer == ANSWER_LOAN || item->answer == ANSWER_BACK ? 1u : 0;
    struct grove_slice slice;
    struct grove_record *record;
    if (channel_end_reserve(program->end, lane, payload_bytes(slice_count, 48), &record) < 0)
        return false;
    if (slice_count != 0 && answer_slice(program, item, attempt, &slice) < 0)
        return false;
    record->number = program->pending.header.number;
    record->kind = item->answer == ANSWER_ERROR ? GROVE_RECORD_ERROR : GROVE_RECORD_REPLY;
    payload_fill(record, attempt, &slice, slice_count);
    enum grove_waiting waiting;
    channel_end_publish(program->end, lane, &waiting);
    return true;
}

static void complete_deferred(struct program *program) {
    enum grove_waiting waiting;
    while (program->deferred_count != 0)
        channel_end_complete(program->end, &program->deferred[--program->deferred_count], &waiting);
}

/* Answer what was handled; false if there is no room for the answer yet. */
static bool finish(struct world *world, struct program *program) {
    unsigned index = payload_check(world, &program->pending);
    const struct item *item = world->attempt[index].item;
    if (program->pending.header.kind == GROVE_RECORD_CALL && !program->pending.is_answered &&
        !answer(program, item, index)) {
        complete_deferred(program); /* or the room would never come */
        return false;
    }
    if (item->is_held && item->slices != 0)
        hold(world, program, &program->pending);
    program->has_pending = false;
    program->deferred[program->deferred_count++] = program->pending;
    if (program->deferred_count >= world->scenario->deferred)
        complete_deferred(program);
    return true;
}

static void handle(struct world *world, struct program *program, const struct channel_taken *taken) {
    unsigned index = payload_check(world, taken);
    struct attempt *attempt = &world->attempt[index];
    slices_check(world, program->end, taken, index);
    if (taken->header.kind != attempt->item->kind || taken->lane != attempt->item->lane)
        world_fail(world, "a record in the wrong lane or of the wrong kind");
    if (attempt->handled != 0 && !taken->is_redelivered)
        world_fail(world, "a message was handled twice and not marked");
    if (taken->is_answered && attempt->handled == 0)
        world_fail(world, "a call counts as answered that nobody handled");
    if (!taken->is_answered)
        attempt->handled++;
    program->pending = *taken;
    program->has_pending = true;
}

bool server_step(struct world *world, struct program *program) {
    bool is_active = release_aged_holds(world, program);
    if (program->has_pending)
        return finish(world, program) || is_active;
    for (int lane = 0; lane < (int)GROVE_LANES; lane++) {
        struct channel_taken taken;
        int status = channel_end_take(program->end, (enum grove_lane)lane, &taken);
        if (status == GROVE_AGAIN)
            continue;
        if (status < 0)
            world_fail(world, "the server finds the channel corrupt");
        handle(world, program, &taken);
        finish(world, program);
        return true;
    }
    is_active = is_active || program->deferred_count != 0;
    complete_deferred(program);
    return is_active;
}

bool world_step(struct world *world, int side) {
    struct program *program = &world->program[side];
    return side == CLIENT ? client_step(world, program) : server_step(world, program);
}
