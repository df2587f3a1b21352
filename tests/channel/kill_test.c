/*
 * Kill either side after every single store to its segment, and both at every pair of stores.
 *
 * The sources of lib/channel are built with a call after each store (stored.h). Here that call counts, and at the
 * chosen count leaves the step by longjmp: nothing that the program had not stored has happened. The next instance gets a
 * copy of the segment and runs on to the end, and the ledger of world.h says whether a promise was broken. Everything
 * is deterministic; a failure prints the scenario, the schedule and the stores.
 */
#include "tests/channel/scenarios.h"

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>

#define KILLS 2u
#define TURNS_MAX 4000u

struct kills {
    unsigned long at[SIDES][KILLS]; /* counts of stores; 0: none */
};

static struct {
    int side; /* running; -1: nobody that can be killed */
    unsigned long stores[SIDES];
    struct kills kills;
    jmp_buf killed;
} run = {.side = -1};

void channel_stored(void) {
    if (run.side < 0)
        return;
    unsigned long count = ++run.stores[run.side];
    for (unsigned i = 0; i < KILLS; i++)
        if (run.kills.at[run.side][i] == count)
            longjmp(run.killed, 1);
}

typedef bool mortal_action(struct world *world, int side);

/* Run an action that may be killed; false if it had nothing to do. */
static bool run_mortal(struct world *world, int side, mortal_action *action) {
    run.side = side;
    if (setjmp(run.killed) != 0) {
        run.side = -1;
        world_kill(world, side);
        return true;
    }
    bool is_active = action(world, side);
    run.side = -1;
    return is_active;
}

static bool start_action(struct world *world, int side) {
    world_start(world, side);
    return true;
}

static bool show_action(struct world *world, int side) {
    world_show(world, side);
    return true;
}

static bool take_turn(struct world *world, int side, unsigned *dead_turns, unsigned *show_turns) {
    struct program *program = &world->program[side];
    if (!program->is_alive) {
        if ((*dead_turns)++ < world->schedule.dead_turns && world->instances[side] != 0)
            return true;
        *dead_turns = 0;
        return run_mortal(world, side, start_action);
    }
    if (!program->is_shown && world->program[!side].is_alive) {
        if ((*show_turns)++ >= world->schedule.show_turns) {
            *show_turns = 0;
            return run_mortal(world, side, show_action);
        }
        run_mortal(world, side, world_step);
        return true;
    }
    return run_mortal(world, side, world_step);
}

static void run_world(const struct scenario *scenario, const struct schedule *schedule, const struct kills *kills) {
    struct world *world = world_create(scenario, schedule);
    run.stores[CLIENT] = run.stores[SERVER] = 0;
    run.kills = *kills;
    snprintf(world->where, sizeof world->where,
             "%s, turns %u:%u, dead %u, shown %u, client killed at %lu and %lu, server at %lu and %lu", scenario->name,
             schedule->turns[CLIENT], schedule->turns[SERVER], schedule->dead_turns, schedule->show_turns,
             kills->at[CLIENT][0], kills->at[CLIENT][1], kills->at[SERVER][0], kills->at[SERVER][1]);
    unsigned dead_turns[SIDES] = {0}, show_turns[SIDES] = {0};
    bool is_active = true;
    for (unsigned turn = 0; is_active; turn++) {
        if (turn == TURNS_MAX)
            world_fail(world, "it does not come to an end");
        is_active = false;
        for (int side = 0; side < SIDES; side++)
            for (unsigned i = 0; i < schedule->turns[side]; i++)
                is_active |= take_turn(world, side, &dead_turns[side], &show_turns[side]);
    }
    world_check_end(world);
    world_destroy(world);
}

static const struct schedule schedules[] = {
    {.turns = {1, 1}},
    {.turns = {4, 1}, .show_turns = 3},
    {.turns = {1, 4}, .dead_turns = 2},
    {.turns = {2, 1}, .dead_turns = 6, .show_turns = 1},
    {.turns = {2, 1}, .is_moved = true},
};

/* One kill of one side, at every store, under every schedule; and the successor killed at each store of taking over. */
static unsigned long kill_one(const struct scenario *scenario, const struct schedule *schedule) {
    unsigned long runs = 0;
    for (int side = 0; side < SIDES; side++) {
        unsigned long last = 1;
        for (unsigned long at = 1; at <= last; at++) {
            struct kills kills = {0};
            kills.at[side][0] = at;
            run_world(scenario, schedule, &kills);
            if (at == 1 || run.stores[side] > last)
                last = run.stores[side];
            for (unsigned long next = at + 1; next <= at + 6; next++, runs++) {
                kills.at[side][1] = next;
                run_world(scenario, schedule, &kills);
            }
            runs++;
        }
    }
    return runs;
}

static unsigned long kill_both(const struct scenario *scenario, const struct schedule *schedule) {
    unsigned long runs = 0;
    struct kills none = {0};
    run_world(scenario, schedule, &none);
    unsigned long last[SIDES] = {run.stores[CLIENT], run.stores[SERVER]};
    for (unsigned long client = 1; client <= last[CLIENT]; client++)
        for (unsigned long server = 1; server <= last[SERVER]; server++, runs++) {
            struct kills kills = {.at = {{client, 0}, {server, 0}}};
            run_world(scenario, schedule, &kills);
        }
    return runs;
}

int main(int argc, char **argv) {
    bool is_quick = argc > 1 && argv[1][0] == 'q';
    for (unsigned i = 0; i < scenario_count; i++) {
        unsigned long one = 0, both = 0;
        for (unsigned s = 0; s < sizeof schedules / sizeof schedules[0]; s++) {
            one += kill_one(&scenarios[i], &schedules[s]);
            if (!is_quick || s == 0)
                both += kill_both(&scenarios[i], &schedules[s]);
        }
        printf("%s: %lu kills of one side, %lu of both\n", scenarios[i].name, one, both);
    }
    return 0;
}
