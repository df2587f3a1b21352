/*
 * Stopping in the reverse order of requirements.
 *
 * A record that is to stop counts those in the same stop that require it; it is stopped when the last of them has ended.
 * The deadlines of the single stops bound the whole.
 */
#include "servers/registry/registry.h"

static void let_providers_stop(struct record *record) {
    struct record *provider;
    for (uint32_t index = 0; index < record->node.spec->requires.count; index++) {
        (void)order_need(record, index, &provider);
        if (provider == NULL || provider == record || provider->stop_blockers == 0)
            continue;
        provider->stop_blockers--;
        if (provider->stop_blockers == 0 && provider->is_stop_due)
            life_event(provider, LIFE_UNWANT);
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
    struct record *provider;
    for (uint32_t index = 0; index < record->node.spec->requires.count; index++) {
        bool is_optional = (grove_spec_required(record->node.spec, index)->flags & GROVE_INTERFACE_OPTIONAL) != 0;
        (void)order_need(record, index, &provider);
        if (!is_optional && provider != NULL && provider != record && provider->is_stop_due)
            provider->stop_blockers++;
    }
}

static void mark_for_stop(struct record *record, bool is_named, bool is_final, bool is_restart) {
    record->stop_blockers = 0;
    record->is_stop_due = record_is_running(record);
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

void stop_selected(const struct selection *selection, bool is_final, bool is_restart) {
    for (uint32_t index = 0; index < selection->count; index++)
        mark_for_stop(selection->records[index], selection->records[index] == selection->named, is_final, is_restart);
    for (uint32_t index = 0; index < selection->count; index++)
        if (selection->records[index]->is_stop_due)
            block_providers(selection->records[index]);
    for (uint32_t index = 0; index < selection->count; index++)
        stop_unblocked(selection->records[index]);
}
