/* Answers of the grid's services; see snapshot.h. One thread; answers are input and checked for their length. */
#include "examples/grid/operator/snapshot.h"

#include <stdio.h>
#include <string.h>

#define CALL_TIMEOUT_NS (2 * GROVE_SECOND)
#define COMMAND_TIMEOUT_NS (3 * GROVE_SECOND)

static const struct {
    const char *name;
    uint32_t method;
} sources[SOURCE_COUNT] = {
    [SOURCE_ACQUIRE] = {"acquire", ACQUIRE_STATUS},
    [SOURCE_PROTECT] = {"protect", PROTECT_STATUS},
    [SOURCE_HISTORIAN] = {"historian", HISTORIAN_COUNTS},
    [SOURCE_ALARM] = {"alarm", ALARM_LIST},
    [SOURCE_HEALTH] = {GROVE_HEALTH_ENDPOINT, GROVE_HEALTH_QUERY},
    [SOURCE_BUS] = {GROVE_BUS_ENDPOINT, GROVE_BUS_METRICS},
};

const char *snapshot_source_name(enum source source) {
    return sources[source].name;
}

void snapshot_init(struct snapshot *snapshot, struct grove_session *session, const char *project) {
    *snapshot = (struct snapshot){.session = session, .project = project};
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        snapshot->source[i] = (struct source_state){.snapshot = snapshot, .source = (enum source)i};
}

/* Copy a head and the table after it. False if the answer is not as long as it says. */
static bool take_table(const struct grove_answer *answer, void *head, size_t head_bytes, const uint32_t *count,
                       void *table, size_t entry_bytes) {
    if (answer->length_bytes < head_bytes)
        return false;
    memcpy(head, answer->data, head_bytes);
    if (*count > GRID_FEEDERS_MAX || answer->length_bytes != head_bytes + *count * entry_bytes)
        return false;
    memcpy(table, (const char *)answer->data + head_bytes, *count * entry_bytes);
    return true;
}

static bool take_acquire(struct snapshot *snapshot, const struct grove_answer *answer) {
    struct acquire_status head;
    struct reading table[GRID_FEEDERS_MAX];
    if (!take_table(answer, &head, sizeof head, &head.feeders, table, sizeof table[0]))
        return false;
    snapshot->acquire = head;
    memcpy(snapshot->latest, table, head.feeders * sizeof table[0]);
    return true;
}

static bool take_protect(struct snapshot *snapshot, const struct grove_answer *answer) {
    struct protect_status head;
    struct protect_feeder table[GRID_FEEDERS_MAX];
    if (!take_table(answer, &head, sizeof head, &head.feeders, table, sizeof table[0]))
        return false;
    snapshot->protect = head;
    memcpy(snapshot->protected_feeder, table, head.feeders * sizeof table[0]);
    return true;
}

static bool take_historian(struct snapshot *snapshot, const struct grove_answer *answer) {
    struct historian_counts head;
    struct historian_feeder table[GRID_FEEDERS_MAX];
    if (!take_table(answer, &head, sizeof head, &head.feeders, table, sizeof table[0]))
        return false;
    snapshot->historian = head;
    memcpy(snapshot->stored_feeder, table, head.feeders * sizeof table[0]);
    return true;
}

static bool take_alarms(struct snapshot *snapshot, const struct grove_answer *answer) {
    size_t count = answer->length_bytes / sizeof(struct alarm_record);
    if (count > ALARM_REPLY_MAX || count * sizeof(struct alarm_record) != answer->length_bytes)
        return false;
    memcpy(snapshot->alarm, answer->data, answer->length_bytes);
    snapshot->alarm_count = (unsigned)count;
    return true;
}

static bool take_health(struct snapshot *snapshot, const struct grove_answer *answer) {
    struct grove_health_page page;
    if (answer->length_bytes < sizeof page)
        return false;
    memcpy(&page, answer->data, sizeof page);
    if (answer->length_bytes != sizeof page + page.count * sizeof snapshot->ill)
        return false;
    snapshot->health = page;
    snapshot->ill = (struct grove_health_record){.status = 0};
    if (page.count > 0)
        memcpy(&snapshot->ill, (const char *)answer->data + sizeof page, sizeof snapshot->ill);
    snapshot->ill.name.text[sizeof snapshot->ill.name.text - 1] = '\0';
    snapshot->ill.reason[sizeof snapshot->ill.reason - 1] = '\0';
    return true;
}

static bool take_bus(struct snapshot *snapshot, const struct grove_answer *answer) {
    if (answer->length_bytes != sizeof snapshot->bus)
        return false;
    memcpy(&snapshot->bus, answer->data, sizeof snapshot->bus);
    return true;
}

static bool (*const take[SOURCE_COUNT])(struct snapshot *snapshot, const struct grove_answer *answer) = {
    take_acquire, take_protect, take_historian, take_alarms, take_health, take_bus};

static bool is_broken(int status) {
    return status == GROVE_CLOSED || status == GROVE_CORRUPT || status == GROVE_STALE_HANDLE;
}

static void on_answer(int status, const struct grove_answer *answer, void *context) {
    struct source_state *state = context;
    state->is_asked = false;
    state->must_reopen = is_broken(status);
    if (status < 0 || !take[state->source](state->snapshot, answer))
        return;
    state->answered_ns = grove_now_ns();
    state->answers++;
}

static int source_open(struct source_state *state) {
    char name[GROVE_NAME_MAX + 1];
    struct grove_connect_options options = {.session = state->snapshot->session, .arena_bytes = GROVE_ARENA_NONE};
    if (state->must_reopen && state->channel != NULL) {
        grove_channel_close(state->channel);
        state->channel = NULL;
    }
    state->must_reopen = false;
    if (state->channel != NULL)
        return 0;
    if (state->source == SOURCE_BUS)
        options.tag = GROVE_BUS_CHANNEL_MAIN;
    if (strchr(sources[state->source].name, '.') != NULL)
        return grove_connect_with(sources[state->source].name, &options, &state->channel);
    snprintf(name, sizeof name, "%s.%s", state->snapshot->project, sources[state->source].name);
    return grove_connect_with(name, &options, &state->channel);
}

static void source_ask(struct source_state *state) {
    if (state->is_asked || source_open(state) < 0)
        return;
    struct grove_call call = {
        .method = sources[state->source].method, .priority = GROVE_PRIORITY_MEDIUM, .timeout_ns = CALL_TIMEOUT_NS};
    struct grove_health_query query = {.version = GROVE_HEALTH_VERSION, .least = GROVE_HEALTH_DEGRADED};
    const struct grove_bus_member member = {.version = GROVE_BUS_PROTOCOL_VERSION};
    snprintf(query.name.text, sizeof query.name.text, "%s.*", state->snapshot->project);
    if (state->source == SOURCE_HEALTH) {
        call.data = &query;
        call.length_bytes = sizeof query;
    } else if (state->source == SOURCE_BUS) {
        call.data = &member;
        call.length_bytes = sizeof member;
    }
    int status = grove_call_start(state->channel, &call, on_answer, state);
    state->is_asked = status == 0;
    state->must_reopen = is_broken(status);
}

static void count_services(struct snapshot *snapshot) {
    struct grove_container_record record;
    uint32_t cursor = 0;
    uint64_t restarts = 0;
    unsigned services = 0, ready = 0;
    do {
        if (grove_container_next(snapshot->session, &cursor, &record) < 0)
            break;
        if (record.ring == 3)
            continue;
        services++;
        ready += record.state == GROVE_CONTAINER_READY;
        restarts += record.generation > 1 ? record.generation - 1 : 0;
    } while (cursor != 0);
    if (services == 0)
        return;
    snapshot->services = services;
    snapshot->services_ready = ready;
    snapshot->restarts = restarts;
}

void snapshot_refresh(struct snapshot *snapshot) {
    for (unsigned i = 0; i < SOURCE_COUNT; i++)
        source_ask(&snapshot->source[i]);
    count_services(snapshot);
}

int snapshot_call(struct snapshot *snapshot, enum source source, uint32_t method, const void *data,
                  size_t length_bytes) {
    struct source_state *state = &snapshot->source[source];
    struct grove_answer answer;
    int status = source_open(state);
    if (status < 0)
        return status;
    struct grove_call call = {.method = method,
                              .priority = GROVE_PRIORITY_HIGH,
                              .data = data,
                              .length_bytes = length_bytes,
                              .timeout_ns = COMMAND_TIMEOUT_NS};
    status = grove_call(state->channel, &call, &answer);
    if (status == 0)
        grove_answer_release(&answer);
    state->must_reopen = state->must_reopen || is_broken(status);
    return status;
}
