/*
 * What went wrong, kept where it outlives this process: the state region, one slot for each container.
 *
 * The slot of a container is found by the index in its object id; ids are never used twice, so a slot that holds another id was left
 * by an earlier boot or a destroyed container, and is started over. The region is written by one thread in plain
 * stores: a death in the middle of one leaves fields that are each old or new, and every combination is harmless (a
 * restart too many, a delay too short). Without a region the slots lie in private memory and only this is lost: a new
 * instance of the registry forgets the delays.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

#define HISTORY_MAGIC UINT64_C(0x3354534948475247) /* "GRGHIST3" */

struct history_slot {
    grove_object_id container; /* 0: free */
    uint64_t restart_due_ns;
    bool is_active, is_given_up;
    struct backoff backoff;
    char mark[REGISTRY_MARK_BYTES];
};

struct history {
    uint64_t magic;
    struct history_system system;
    struct history_slot slots[REGISTRY_SERVICES_MAX];
};

static struct history *history;
static struct history_slot overflow; /* for a kernel with more containers than there are slots */

void history_open(struct registry *registry) {
    struct grove_region *region;
    bool is_fresh = true;
    if (grove_region_state(registry->session, sizeof *history, &region, &is_fresh) == 0)
        history = grove_region_data(region, NULL);
    else
        (void)fprintf(stderr, "registry: no state region, delays will not survive a restart: %s\n", grove_last_error());
    if (history == NULL)
        history = calloc(1, sizeof *history);
    if (history == NULL)
        abort(); /* memory is exhausted before the first service: init tries again */
    if (history->magic == HISTORY_MAGIC)
        return;
    for (uint32_t index = 0; !is_fresh && index < REGISTRY_SERVICES_MAX; index++)
        history->slots[index].container = 0;
    history->system = (struct history_system){0};
    history->magic = HISTORY_MAGIC;
}

struct history_system *history_system(void) {
    return &history->system;
}

void history_bind(struct record *record) {
    uint32_t index = (uint32_t)record->container_id;
    struct history_slot *slot = index < REGISTRY_SERVICES_MAX ? &history->slots[index] : &overflow;
    if (slot->container != record->container_id)
        *slot = (struct history_slot){.container = record->container_id};
    record->history = slot;
}

void history_release(struct record *record) {
    *record->history = (struct history_slot){0};
}

struct backoff *history_backoff(struct record *record) {
    return &record->history->backoff;
}

bool *history_is_active(struct record *record) {
    return &record->history->is_active;
}

void history_note(struct record *record) {
    struct history_slot *slot = record->history;
    slot->is_given_up = record->state == REGISTRY_STATE_GIVEN_UP;
    slot->restart_due_ns = record->restart_due_ns;
}

void history_recall(struct record *record, bool *is_given_up, uint64_t *restart_due_ns) {
    *is_given_up = record->history->is_given_up;
    *restart_due_ns = record->history->restart_due_ns;
}

char *history_mark(struct record *record) {
    return record->history->mark;
}

uint32_t history_restarts(const struct record *record) {
    return record->history->backoff.total;
}
