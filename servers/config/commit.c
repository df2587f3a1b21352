/*
 * The change happens. Written first; then maps, watchers, the event, the answer, in this order. A crash after the writing
 * loses none of that: maps are made anew from what was written, watchers compare, the request comes again and is answered
 * from the history, and restarts that were due are asked for again. Only the event, which is at most once, may be missing.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "servers/common/names.h"
#include "servers/config/config.h"

static uint64_t wall_clock_ns(void) {
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * GROVE_SECOND + (uint64_t)now.tv_nsec;
}

/* ---- the new state, made beside the old one ---- */

/* The record takes over the texts of the entries. */
static struct record *make_record(struct change *change) {
    struct record *record = calloc(1, sizeof *record);
    if (record == NULL)
        return NULL;
    record->entries = calloc(change->count + 1, sizeof *record->entries);
    if (record->entries == NULL) {
        free(record);
        return NULL;
    }
    record->number = change->config->state.number + 1;
    record->time_ns = wall_clock_ns();
    record->source = change->source;
    record->silent = change->silent;
    record->who = change->who;
    record->client = change->client;
    record->request = change->request_number;
    record->count = change->count;
    memcpy(record->why, change->why, sizeof record->why);
    memcpy(record->entries, change->entries, change->count * sizeof *record->entries);
    return record;
}

static uint32_t place_of(const struct state *state, const struct source *source) {
    uint32_t index = 0;
    while (index < state->source_count &&
           (state->sources[index]->kind != source->kind || strcmp(state->sources[index]->name, source->name) != 0))
        index++;
    return index;
}

/* Sources as they will be; those of the change are borrowed. GROVE_EXHAUSTED. */
static int replace_sources(const struct change *change, struct state *next) {
    for (uint32_t index = 0; index < change->instead_count; index++) {
        struct source *source = change->instead[index];
        uint32_t place = place_of(next, source);
        if (source->settings.count == 0) {
            if (place < next->source_count)
                next->sources[place] = next->sources[--next->source_count];
            continue;
        }
        if (place == SOURCES_MAX)
            return GROVE_EXHAUSTED;
        next->sources[place] = source;
        next->source_count += place == next->source_count;
    }
    return 0;
}

static void add_record(struct state *next, struct record *record) {
    if (next->history_count == HISTORY_MAX) {
        memmove(next->history, next->history + 1, (HISTORY_MAX - 1) * sizeof next->history[0]);
        next->history_count--;
    }
    next->history[next->history_count++] = record;
    next->number = record->number;
}

static void add_restarts(const struct change *change, struct state *next) {
    for (uint32_t index = 0; index < change->involved_count; index++) {
        const struct involved *involved = &change->involved[index];
        bool is_due = involved->is_running;
        for (uint32_t there = 0; there < next->restart_count; there++)
            is_due = is_due && strcmp(next->restarts[there].text, involved->service.text) != 0;
        if (is_due && next->restart_count < INVOLVED_MAX)
            next->restarts[next->restart_count++] = involved->service;
    }
}

/* ---- the moment ---- */

/* What the new state no longer holds is freed; what it took from the change is the state's. */
static void take_over(struct change *change, struct state *next) {
    struct state *state = &change->config->state;
    if (state->history_count == HISTORY_MAX && next->history[0] != state->history[0])
        record_destroy(state->history[0]);
    for (uint32_t index = 0; index < change->instead_count; index++) {
        source_destroy(state_source(state, change->instead[index]->kind, change->instead[index]->name));
        if (change->instead[index]->settings.count == 0)
            source_destroy(change->instead[index]);
    }
    change->instead_count = 0;
    *state = *next;
}

static void explain_failure(struct change *change, int status) {
    (void)snprintf(change->problem, sizeof change->problem, "the change cannot be written: %s; nothing has changed",
                   grove_status_text(status));
}

static int write_state(struct change *change, struct record *record, struct state *next) {
    *next = change->config->state;
    int status = replace_sources(change, next);
    if (status == 0 && record != NULL) {
        add_record(next, record);
        add_restarts(change, next);
    }
    return status < 0 ? status : state_save(next, change->config->folder);
}

static void answer(struct change *change, uint64_t number) {
    struct grove_config_outcome outcome = {.version = GROVE_CONFIG_PROTOCOL,
                                           .count = change->count,
                                           .number = number,
                                           .silent = change->silent,
                                           .restarts = change->config->state.restart_count};
    memcpy(outcome.note, change->note, sizeof outcome.note);
    if (change->request == NULL)
        return;
    (void)grove_reply(change->request, &outcome, sizeof outcome);
    grove_request_finish(change->request);
    change->request = NULL;
}

/* Sources that say what they said, perhaps in other lines. */
static bool says_nothing_new(const struct change *change) {
    bool is_same = true;
    for (uint32_t index = 0; is_same && index < change->instead_count; index++) {
        const struct source *new = change->instead[index];
        const struct source *old = state_source(&change->config->state, new->kind, new->name);
        is_same = old == NULL ? new->settings.count == 0 : settings_are_same(&old->settings, &new->settings);
    }
    return is_same;
}

void change_commit(struct change *change) {
    static struct state next;
    bool is_written = change->count > 0 || !says_nothing_new(change);
    struct record *record = change->count > 0 ? make_record(change) : NULL;
    if (change->count > 0 && record == NULL) {
        explain_failure(change, GROVE_NO_MEMORY);
        return;
    }
    int status = is_written ? write_state(change, record, &next) : 0;
    if (status < 0) {
        if (record != NULL) {
            free(record->entries); /* the texts are the change's still */
            free(record);
        }
        explain_failure(change, status);
        return;
    }
    if (status == STATE_NOT_SYNCHRONISED)
        (void)snprintf(change->note, sizeof change->note,
                       "the folder cannot be synchronised: a failure of power may take this change back");
    if (is_written)
        take_over(change, &next);
    (void)problem_note(change->config, change->source, "");
    if (record != NULL) {
        maps_apply(change);
        event_changed(change, record->number);
    }
    answer(change, record != NULL ? record->number : 0);
    change->count = 0; /* the texts are the record's */
    if (change->config->state.restart_count > 0)
        lookup_restarts(change->config);
}

bool change_was_done(struct config *config, struct grove_request *request, struct grove_config_outcome *outcome) {
    uint64_t client, number;
    if (!grove_request_is_redelivered(request))
        return false;
    wire_mark(config, request, &client, &number);
    for (uint32_t index = config->state.history_count; index-- > 0;) {
        const struct record *record = config->state.history[index];
        if (record->client != client || record->request != number)
            continue;
        *outcome = (struct grove_config_outcome){.version = GROVE_CONFIG_PROTOCOL,
                                                 .count = record->count,
                                                 .number = record->number,
                                                 .silent = record->silent};
        return true;
    }
    return false;
}
