/*
 * Phases: all services of one start at once, and the next phase begins when this one is over.
 *
 *     0 core   1 configuration   2 security   3 core services   4 system services   5 monitoring   6 gateways
 *     7 user services: the registry starts them as soon as 4 is over, beside 5 and 6, on which nothing depends
 *
 * A phase is over when each of its services is ready, has failed once, or has kept it waiting for PHASE_PATIENCE_NS; one
 * that its manifest calls essential it waits for without end, because the system is not up without it. What failed is
 * tried again by units.c all the same, and the system is degraded until it is ready. When all phases are over and the user
 * services have come to rest, kernel.ready is published, once for each start of the kernel.
 *
 * How far the start has come lies in the state region: a death of init in the middle leaves times that are set or not yet
 * set, and the next instance finds out again which phase is over. A death between publishing kernel.ready and noting it
 * publishes it a second time; the event carries the number of the boot.
 */
#include "servers/init/init.h"

#include <stdio.h>
#include <stdlib.h>

#define PHASE_PATIENCE_NS (3 * GROVE_SECOND)
#define USERS_PATIENCE_NS (10 * GROVE_SECOND)
#define PROGRESS_MAGIC UINT64_C(0x31544f4f42495247) /* "GRIBOOT1" */

void phases_open(struct init *init) {
    static struct boot_progress own;
    struct grove_region *region;
    bool is_fresh = true;
    init->progress = &own;
    if (grove_region_state(init->session, sizeof own, &region, &is_fresh) == 0)
        init->progress = grove_region_data(region, NULL);
    else
        (void)fprintf(stderr, "init: no state region, the times of this start will not survive a restart: %s\n",
                      grove_last_error());
    if (init->progress->magic == PROGRESS_MAGIC)
        return;
    *init->progress = (struct boot_progress){.magic = PROGRESS_MAGIC};
}

/* ---- one phase ---- */

static bool is_awaited(const struct init *init, const struct unit *unit) {
    if (unit->spec->phase != init->phase || unit->state == REGISTRY_STATE_READY)
        return false;
    return (unit->spec->flags & GROVE_SPEC_ESSENTIAL) != 0 || !(unit->has_failed || init->is_phase_late);
}

const struct unit *phases_holder(const struct init *init) {
    for (uint32_t index = 0; index < init->count; index++)
        if (is_awaited(init, &init->units[index]))
            return &init->units[index];
    return NULL;
}

uint32_t phases_missing(const struct init *init) {
    uint32_t missing = 0;
    for (uint32_t index = 0; index < init->count; index++)
        missing += init->units[index].state != REGISTRY_STATE_READY;
    return missing;
}

static void phase_is_late(struct grove_service *service, void *context) {
    struct init *init = context;
    (void)service;
    init->phase_timer = 0;
    init->is_phase_late = true;
    phases_continue(init);
}

static void begin_phase(struct init *init) {
    struct init_phase *phase = &init->progress->phase[init->phase];
    init->is_phase_late = false;
    phase->services = 0;
    if (phase->begin_ns == 0)
        phase->begin_ns = grove_now_ns();
    for (uint32_t index = 0; index < init->count; index++)
        phase->services += init->units[index].spec->phase == init->phase;
    for (uint32_t index = 0; index < init->count; index++)
        if (init->units[index].spec->phase == init->phase && init->units[index].state == REGISTRY_STATE_REGISTERED)
            unit_start(&init->units[index]);
    if (init->phase_timer == 0 && phase->services > 0)
        (void)grove_service_after(init->service, PHASE_PATIENCE_NS, phase_is_late, init, &init->phase_timer);
}

static void end_phase(struct init *init) {
    struct init_phase *phase = &init->progress->phase[init->phase];
    if (init->phase_timer != 0)
        grove_service_cancel(init->service, init->phase_timer);
    init->phase_timer = 0;
    if (phase->end_ns != 0)
        return; /* an earlier instance of init saw it */
    phase->end_ns = grove_now_ns();
    for (uint32_t index = 0; index < init->count; index++) {
        const struct unit *unit = &init->units[index];
        if (unit->spec->phase != init->phase || unit->state == REGISTRY_STATE_READY)
            continue;
        phase->missing++;
        (void)fprintf(stderr, "init: the system goes on without %s, which %s\n", unit->name,
                      unit->reason[0] == '\0' ? "is not ready yet" : unit->reason);
    }
    phase->flags = phase->missing > 0 ? INIT_PHASE_DEGRADED : 0;
}

/* ---- all phases ---- */

static void publish_if_ready(struct init *init) {
    if (init->progress->ready_ns != 0)
        return;
    init->progress->ready_ns = grove_now_ns();
    tell_ready(init);
}

static void users_are_late(struct grove_service *service, void *context) {
    struct init *init = context;
    (void)service;
    init->users_timer = 0;
    publish_if_ready(init);
}

static void end_of_phases(struct init *init) {
    if (init->progress->phase[INIT_USER_PHASE].end_ns != 0)
        publish_if_ready(init);
    else if (init->progress->ready_ns == 0 && init->users_timer == 0)
        (void)grove_service_after(init->service, USERS_PATIENCE_NS, users_are_late, init, &init->users_timer);
}

/* Starting a service may fail at once, which calls here again: that is done by the loop that runs already. */
void phases_continue(struct init *init) {
    static bool is_running;
    if (is_running || init->is_stopping || init->phase >= INIT_USER_PHASE)
        return;
    is_running = true;
    while (init->phase < INIT_USER_PHASE) {
        if (init->phase_timer == 0 && !init->is_phase_late)
            begin_phase(init);
        if (phases_holder(init) != NULL)
            break;
        end_phase(init);
        init->is_phase_late = false;
        init->phase++;
        if (init->phase == REGISTRY_USERS_PHASE && init->progress->phase[INIT_USER_PHASE].begin_ns == 0)
            init->progress->phase[INIT_USER_PHASE].begin_ns = grove_now_ns();
        tell_registry_soon(init);
    }
    is_running = false;
    if (init->phase == INIT_USER_PHASE)
        end_of_phases(init);
}

void phases_users_rest(struct init *init, const struct init_users *users) {
    struct init_phase *phase = &init->progress->phase[INIT_USER_PHASE];
    if (phase->end_ns != 0)
        return;
    phase->end_ns = grove_now_ns();
    phase->services = users->ready + users->missing;
    phase->missing = users->missing;
    phase->flags = users->missing > 0 ? INIT_PHASE_DEGRADED : 0;
    if (init->users_timer != 0)
        grove_service_cancel(init->service, init->users_timer);
    init->users_timer = 0;
    if (init->phase == INIT_USER_PHASE)
        end_of_phases(init);
}
