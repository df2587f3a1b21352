/*
 * The world around a channel: segments, instances, hand-over. See world.h; the programs are in programs.c.
 */
#include "tests/channel/programs.h"
#include "tests/channel/small_layout.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void world_fail(const struct world *world, const char *sentence) {
    fprintf(stderr, "%s: %s\n", world->where, sentence);
    abort();
}

static void *allocate(const struct world *world, size_t alignment, size_t size_bytes) {
    void *memory = aligned_alloc(alignment, (size_bytes + alignment - 1u) / alignment * alignment);
    if (memory == NULL)
        world_fail(world, "no memory for the test");
    memset(memory, 0, size_bytes);
    return memory;
}

struct world *world_create(const struct scenario *scenario, const struct schedule *schedule) {
    struct world *world = calloc(1, sizeof *world);
    if (world == NULL)
        abort();
    world->scenario = scenario;
    world->schedule = *schedule;
    world->layout = small_layout();
    world->next_item = scenario->items;
    snprintf(world->where, sizeof world->where, "%s", scenario->name);
    for (int side = 0; side < SIDES; side++)
        world->program[side].end = allocate(world, 64, channel_end_bytes());
    return world;
}

static void free_old_segments(struct world *world, int side) {
    struct channel_end *reader = world->program[!side].is_alive ? world->program[!side].end : NULL;
    for (unsigned i = 0; i < WORLD_OLD_SEGMENTS; i++)
        if (reader == NULL || !channel_end_is_reading(reader, world->old_segment[side][i])) {
            free(world->old_segment[side][i]);
            world->old_segment[side][i] = NULL;
        }
}

void world_destroy(struct world *world) {
    for (int side = 0; side < SIDES; side++) {
        if (world->program[side].is_alive)
            world_kill(world, side);
    }
    for (int side = 0; side < SIDES; side++) {
        free_old_segments(world, side);
        free(world->program[side].end);
        free(world->segment[side]);
    }
    free(world);
}

void world_kill(struct world *world, int side) {
    struct program *program = &world->program[side];
    struct channel_end *end = program->end;
    channel_end_deinit(end);
    *program = (struct program){.end = end};
    if (world->segment[side] != NULL)
        ((struct grove_control *)(void *)world->segment[side])->signal |= GROVE_SIGNAL_CLOSED;
}

static void keep_old_segment(struct world *world, int side) {
    for (unsigned i = 0; i < WORLD_OLD_SEGMENTS; i++)
        if (world->old_segment[side][i] == NULL) {
            world->old_segment[side][i] = world->segment[side];
            return;
        }
    world_fail(world, "old segments are never given up");
}

void world_start(struct world *world, int side) {
    struct program *program = &world->program[side];
    bool resumed = world->instances[side]++ != 0;
    uint8_t *segment = world->segment[side];
    if (!resumed || !world->schedule.is_moved)
        segment = allocate(world, GROVE_SEGMENT_PAGE, world->layout.total_bytes);
    if (resumed && !world->schedule.is_moved) {
        memcpy(segment, world->segment[side], world->layout.total_bytes);
        keep_old_segment(world, side);
    }
    world->segment[side] = segment;
    program->is_alive = true;
    world->program[!side].is_shown = false;
    memset(program->end, 0, channel_end_bytes()); /* so that it can be deinitialised wherever this is killed */
    if (channel_end_init(program->end, (enum grove_channel_role)side, &world->layout, segment, resumed) < 0)
        world_fail(world, "the next instance cannot take over");
    if (world->segment[!side] != NULL)
        world_show(world, side);
}

void world_show(struct world *world, int side) {
    struct program *program = &world->program[side];
    if (channel_end_attach_peer(program->end, world->segment[!side]) < 0)
        world_fail(world, "the peer's segment is refused");
    program->is_shown = true;
    free_old_segments(world, !side);
}

/* ---- the end ---- */

static void check_lanes(struct world *world) {
    for (int side = 0; side < SIDES; side++) {
        const struct grove_control *producer = (const void *)world->segment[side];
        const struct grove_control *consumer = (const void *)world->segment[!side];
        for (unsigned lane = 0; lane < GROVE_LANES; lane++)
            if (producer->out[lane].write_position != consumer->in[lane].read_position)
                world_fail(world, "a record was never completed");
    }
}

static void check_arenas(struct world *world) {
    for (int side = 0; side < SIDES; side++) {
        void *data;
        uint64_t offset;
        if (channel_end_loan(world->program[side].end, world->layout.arena_bytes, &data, &offset) < 0)
            world_fail(world, side == CLIENT ? "a block of the client is lost" : "a block of the server is lost");
        channel_end_loan_return(world->program[side].end, offset);
    }
}

void world_check_end(struct world *world) {
    if (world->next_item->kind != 0)
        world_fail(world, "not everything could be sent");
    for (unsigned i = 0; i < world->attempt_count; i++) {
        const struct attempt *attempt = &world->attempt[i];
        if (attempt->is_accepted && attempt->handled == 0)
            world_fail(world, "an accepted message was lost");
        if (attempt->is_accepted && attempt->item->kind == GROVE_RECORD_CALL && attempt->applied == 0)
            world_fail(world, "an accepted call was never answered");
        if (world->instances[SERVER] == 1 && attempt->handled > 1)
            world_fail(world, "a message was handled twice though its receiver never died");
        if (world->instances[CLIENT] == 1 && attempt->applied > 1)
            world_fail(world, "a reply was applied twice though the caller never died");
    }
    check_lanes(world);
    check_arenas(world);
}
