/*
 * The client of the world: applies replies, and sends the scenario's items in order.
 */
#include "tests/channel/programs.h"

static void apply(struct world *world, struct program *program, const struct channel_taken *taken) {
    unsigned index = payload_check(world, taken);
    struct attempt *attempt = &world->attempt[index];
    slices_check(world, program->end, taken, index);
    if (taken->header.number != attempt->number)
        world_fail(world, "a reply with the number of another request");
    if ((taken->header.kind == GROVE_RECORD_ERROR) != (attempt->item->answer == ANSWER_ERROR))
        world_fail(world, "a reply of the wrong kind");
    if (attempt->applied != 0 && !taken->is_redelivered)
        world_fail(world, "a reply was applied twice");
    attempt->applied++;
}

static bool take_reply(struct world *world, struct program *program) {
    for (int lane = 0; lane < (int)GROVE_LANES; lane++) {
        struct channel_taken taken;
        int status = channel_end_take(program->end, (enum grove_lane)lane, &taken);
        if (status == GROVE_AGAIN)
            continue;
        if (status < 0)
            world_fail(world, "the client finds the channel corrupt");
        enum grove_waiting waiting;
        apply(world, program, &taken);
        channel_end_complete(program->end, &taken, &waiting);
        return true;
    }
    return false;
}

/* Lend a block, fill it, and cut it into the item's slices. */
static int lend(struct channel_end *end, const struct item *item, unsigned attempt, uint64_t *offset,
                struct grove_slice *slices) {
    void *data;
    int status = channel_end_loan(end, item->block_bytes, &data, offset);
    if (status < 0)
        return status;
    block_fill(data, item->block_bytes, attempt);
    uint64_t part = item->block_bytes / item->slices;
    for (unsigned i = 0; i < item->slices; i++)
        slices[i] =
            (struct grove_slice){.offset_bytes = *offset + i * part, .length_bytes = part, .space = GROVE_SLICE_SENDER};
    return 0;
}

static bool send_next(struct world *world, struct program *program) {
    const struct item *item = world->next_item;
    struct grove_slice slices[4];
    struct grove_record *record;
    uint64_t offset = 0;
    unsigned index = world->attempt_count;
    if (item->kind == 0)
        return false;
    if (index == WORLD_ATTEMPTS)
        world_fail(world, "too many attempts");
    if (channel_end_reserve(program->end, (enum grove_lane)item->lane, payload_bytes(item->slices, item->body_bytes),
                            &record) < 0)
        return false;
    if (item->slices != 0 && lend(program->end, item, index, &offset, slices) < 0)
        return false;
    struct attempt *attempt = &world->attempt[index];
    *attempt = (struct attempt){.item = item, .number = channel_end_next_number(program->end)};
    if (attempt->number <= world->highest_number)
        world_fail(world, "a number was used twice");
    world->highest_number = attempt->number;
    world->attempt_count++;
    record->kind = item->kind;
    record->number = attempt->number;
    payload_fill(record, index, slices, item->slices);
    enum grove_waiting waiting;
    channel_end_publish(program->end, (enum grove_lane)item->lane, &waiting);
    attempt->is_accepted = true;
    world->next_item++;
    return true;
}

bool client_step(struct world *world, struct program *program) {
    if (world->scenario->is_eager)
        return send_next(world, program) || take_reply(world, program);
    return take_reply(world, program) || send_next(world, program);
}
