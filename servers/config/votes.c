/*
 * Asking those who validate. Each gets the keys that it may see with old and new values, and CONFIG_VOTE_NS to answer; the
 * first refusal ends the change. Who is silent is cut off: its say does not count, history and answer name it, and it is not
 * asked again before it watches again. Asking changes nothing, so a crash in between only means to be asked once more.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/config/config.h"

/* ---- who ---- */

static bool covers(const struct watcher *watcher, const struct config_entry *entry) {
    struct grove_argument wide = {.kind = GROVE_ARGUMENT_PATTERN}, narrow = {.kind = GROVE_ARGUMENT_PATTERN};
    if (watcher->keys[0] == '\0')
        return strcmp(watcher->name.text, entry->service.text) == 0;
    wide.length_bytes = (uint16_t)strlen(watcher->keys);
    memcpy(wide.value.text, watcher->keys, wide.length_bytes);
    narrow.length_bytes =
        (uint16_t)snprintf(narrow.value.text, sizeof narrow.value.text, "%s.%s", entry->service.text, entry->key);
    return grove_argument_covers(&wide, &narrow);
}

static bool is_concerned(const struct watcher *watcher, const struct change *change) {
    for (uint32_t index = 0; watcher->validates && index < change->count; index++)
        if (covers(watcher, &change->entries[index]))
            return true;
    return false;
}

static struct voter *voter_of(struct change *change, grove_object_id client) {
    for (uint32_t index = 0; index < change->voter_count; index++)
        if (change->voters[index].client == client)
            return &change->voters[index];
    return NULL;
}

/* ---- what ---- */

static const struct config_schema *schema_of(const struct change *change, const char *service) {
    for (uint32_t index = 0; index < change->involved_count; index++)
        if (strcmp(change->involved[index].service.text, service) == 0)
            return change->involved[index].schema;
    return NULL;
}

static bool put_entry(const struct change *change, const struct watcher *watcher, const struct config_entry *entry,
                      uint8_t *room, size_t room_bytes, size_t *used) {
    static uint8_t before[CONFIG_VALUE_BYTES_MAX], after[CONFIG_VALUE_BYTES_MAX];
    const struct config_schema *schema = schema_of(change, entry->service.text);
    const struct config_schema_key *key = config_schema_find(schema, entry->key);
    bool is_shown = !entry->is_secret || strcmp(watcher->name.text, entry->service.text) == 0;
    struct wire_entry wire = {.service = entry->service.text, .key = entry->key};
    wire.flags = is_shown ? 0 : GROVE_CONFIG_ENTRY_MASKED;
    if (is_shown && entry->has_before) {
        config_value_encode(key, &entry->before, before, &wire.before_bytes, &wire.kind);
        wire.before = before;
    }
    if (is_shown && entry->has_after) {
        config_value_encode(key, &entry->after, after, &wire.after_bytes, &wire.kind);
        wire.after = after;
    }
    bool fits = wire_put(room, room_bytes, used, &wire);
    explicit_bzero(before, wire.before_bytes);
    explicit_bzero(after, wire.after_bytes);
    return fits;
}

/* False: it does not fit into a message. */
static bool send_proposal(struct change *change, struct watcher *watcher) {
    static uint8_t message[GROVE_CONFIG_MESSAGE_BYTES];
    struct grove_config_news news = {.version = GROVE_CONFIG_PROTOCOL,
                                     .kind = GROVE_CONFIG_NEWS_PROPOSAL,
                                     .proposal = change->proposal,
                                     .deadline_ns = change->vote_deadline_ns};
    size_t used = sizeof news;
    bool fits = true;
    for (uint32_t index = 0; fits && index < change->count; index++) {
        if (!covers(watcher, &change->entries[index]))
            continue;
        fits = put_entry(change, watcher, &change->entries[index], message, sizeof message, &used);
        news.count++;
    }
    memcpy(message, &news, sizeof news);
    if (fits)
        (void)watcher_tell(watcher, message, used); /* one that is gone will be silent */
    explicit_bzero(message, used);
    return fits;
}

/* ---- asking ---- */

static void ran_out(struct grove_service *service, void *context) {
    struct change *change = context;
    (void)service;
    change->timer = 0;
    change_decided(change);
}

static void add_voter(struct change *change, struct watcher *watcher) {
    if (change->voter_count == VOTERS_MAX || !is_concerned(watcher, change))
        return;
    change->voters[change->voter_count++] = (struct voter){.client = watcher->client, .name = watcher->name};
    if (watcher->request != NULL && !send_proposal(change, watcher))
        (void)snprintf(change->problem, sizeof change->problem,
                       "%s is to be asked, and so much does not fit into one question; change fewer keys at once",
                       watcher->name.text);
}

bool votes_ask(struct change *change) {
    struct config *config = change->config;
    change->proposal = ++config->next_proposal;
    change->vote_deadline_ns = grove_now_ns() + CONFIG_VOTE_NS;
    for (struct watcher *watcher = config->watchers; watcher != NULL; watcher = watcher->next)
        add_voter(change, watcher);
    if (change->voter_count == 0 || change->problem[0] != '\0')
        return false;
    return grove_service_after(config->service, CONFIG_VOTE_NS, ran_out, change, &change->timer) == 0;
}

bool votes_remind(struct watcher *watcher) {
    struct change *change = change_current(watcher->config);
    if (change == NULL || change->stage != CHANGE_VOTING || change->proposal == 0)
        return false;
    const struct voter *voter = voter_of(change, watcher->client);
    return voter != NULL && !voter->has_voted && send_proposal(change, watcher);
}

/* ---- answers ---- */

static bool is_complete(const struct change *change) {
    for (uint32_t index = 0; index < change->voter_count; index++)
        if (!change->voters[index].has_voted)
            return false;
    return true;
}

static void refused_by(struct change *change, const char *name, const char *reason) {
    (void)snprintf(change->problem, sizeof change->problem, "%s refuses the change%s%s", name,
                   reason[0] != '\0' ? ": " : "", reason);
}

int on_vote(struct grove_request *request, void *context) {
    struct config *config = context;
    struct change *change = change_current(config);
    struct grove_config_vote vote;
    int status = wire_read(request, &vote, sizeof vote);
    if (status < 0)
        return status;
    bool is_known = change != NULL && change->stage == CHANGE_VOTING && change->proposal == vote.proposal;
    struct voter *voter = is_known ? voter_of(change, grove_request_client_id(request)) : NULL;
    if (voter == NULL || voter->has_voted)
        return 0; /* too late, or said before: nothing depends on it any more */
    voter->has_voted = true;
    vote.reason[sizeof vote.reason - 1] = '\0';
    if (vote.refuses != 0)
        refused_by(change, voter->name.text, vote.reason);
    if (vote.refuses != 0 || is_complete(change))
        change_decided(change);
    return 0;
}

static void cut_off(struct change *change, const struct voter *voter) {
    struct watcher *watcher = watcher_find(change->config, voter->client);
    size_t used = strlen(change->note);
    (void)snprintf(change->note + used, sizeof change->note - used, "%s%s", used == 0 ? "without an answer of " : ", ",
                   voter->name.text);
    (void)fprintf(stderr,
                  "config: %s did not answer a question about a change in time; it is not asked again before it "
                  "watches again\n",
                  voter->name.text);
    change->silent++;
    if (watcher != NULL)
        watcher_remove(watcher);
}

void votes_end(struct change *change) {
    if (change->timer != 0)
        grove_service_cancel(change->config->service, change->timer);
    change->timer = 0;
    bool is_refused = change->problem[0] != '\0';
    for (uint32_t index = 0; index < change->voter_count && !is_refused; index++)
        if (!change->voters[index].has_voted)
            cut_off(change, &change->voters[index]);
    change->voter_count = 0;
    change->proposal = 0;
}
