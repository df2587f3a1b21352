/*
 * Stopping in the reverse order of requirements.
 *
 * A record that is to stop counts those in the same stop that require it; it is stopped when the last of them has ended. One
 * that has ended before counts as well, and hands on that the last of its own has: between a service that crashed and what it
 * requires may stand others that run, outside of it. The deadlines of the single stops bound the whole.
 */
#include "servers/registry/registry.h"

/* What keeps its provider from stopping; NULL where an optional requirement, or none, stands there. */
static struct record *held_provider(struct record *record, uint32_t index) {
    struct record *provider;
    bool is_optional = (grove_spec_required(record->node.spec, index)->flags & GROVE_INTERFACE_OPTIONAL) != 0;
    (void)order_need(record, index, &provider);
    return is_optional || provider == record ? NULL : provider;
}

static void let_providers_stop(struct record *record);

static void hand_on(struct record *record) {
    if (!record->is_stop_handed_on || record->stop_blockers > 0)
        return;
    record->is_stop_handed_on = false;
    let_providers_stop(record);
}

static void let_providers_stop(struct record *record) {
    for (uint32_t index = 0; index < record->node.spec->requires.count; index++) {
        struct record *provider = held_provider(record, index);
        if (provider == NULL || provider->stop_blockers == 0)
            continue;
        provider->stop_blockers--;
        if (provider->stop_blockers == 0 && provider->is_stop_due)
            life_event(provider, LIFE_UNWANT);
        hand_on(provider);
    }
}

void stop_progressed(struct record *record) {
    if (record->is_stop_due && !record_is_running(record)) {
        record->is_stop_due = false;
        let_providers_stop(record);
    }
    method_stop_progressed(record->registry);
}

static void block_providers(struct record *record) {
    for (uint32_t index = 0; index < record->node.spec->requires.count; index++) {
        struct record *provider = held_provider(record, index);
        if (provider != NULL && (provider->is_stop_due || provider->is_stop_handed_on))
            provider->stop_blockers++;
    }
}

static void mark_for_stop(struct record *record, bool is_named, bool is_final, bool is_restart) {
    record->stop_blockers = 0;
    record->is_stop_due = record_is_running(record);
    record->is_stop_handed_on = !record->is_stop_due;
    record->is_start_due = is_restart && (is_named || record->state != REGISTRY_STATE_REGISTERED);
    if (is_final || is_restart || !record->is_wanted)
        return;
    record->is_wanted = false;
    store_later(record);
}

static void stop_unblocked(struct record *record) {
    bool is_restart = record->is_start_due;
    if (record->is_stop_due && record->stop_blockers > 0)
        return;
    if (record->state == REGISTRY_STATE_REGISTERED || record->state == REGISTRY_STATE_STOPPED) {
        if (is_restart)
            life_event(record, LIFE_WANT);
        return;
    }
    life_event(record, LIFE_UNWANT);
    record->is_start_due = is_restart;
    if (is_restart && record->state == REGISTRY_STATE_STOPPED)
        life_event(record, LIFE_WANT);
}

/* All are marked. `only_running`: the others stay as they are. */
static void stop_marked(const struct selection *selection, bool only_running) {
    for (uint32_t index = 0; index < selection->count; index++)
        block_providers(selection->records[index]);
    for (uint32_t index = 0; index < selection->count; index++)
        if (!only_running || selection->records[index]->is_stop_due)
            stop_unblocked(selection->records[index]);
    for (uint32_t index = 0; index < selection->count; index++)
        hand_on(selection->records[index]);
}

void stop_selected(const struct selection *selection, bool is_final, bool is_restart) {
    for (uint32_t index = 0; index < selection->count; index++)
        mark_for_stop(selection->records[index], selection->records[index] == selection->named, is_final, is_restart);
    stop_marked(selection, false);
}

static void mark_between(struct record *record) {
    record->stop_blockers = 0;
    record->is_stop_due = false;
    record->is_stop_handed_on = true;
}

void stop_running(const struct selection *selection) {
    for (uint32_t index = 0; index < selection->count; index++) {
        struct record *record = selection->records[index];
        if (record != selection->named && record_is_running(record))
            mark_for_stop(record, false, false, true);
        else
            mark_between(record);
    }
    stop_marked(selection, true);
}
