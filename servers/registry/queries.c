/*
 * Methods that only ask. Nothing here changes a record.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"

/* One page on its way out; one thread, so one is enough. */
static struct {
    struct registry_page head;
    struct registry_record records[REGISTRY_PAGE_RECORDS];
} page;

void query_fill(const struct record *record, struct registry_record *out) {
    memset(out, 0, sizeof *out);
    name_set(&out->name, record->name);
    name_set(&out->project, record->project);
    out->service_version = record->node.spec->service_version;
    out->state = record_serves(record) ? REGISTRY_STATE_READY : (uint32_t)record->state;
    out->flags = (record->state == REGISTRY_STATE_DEGRADED ? REGISTRY_DEGRADED : 0u) |
                 (record->state == REGISTRY_STATE_QUIESCING ? REGISTRY_QUIESCING : 0u) |
                 (record->is_wanted ? REGISTRY_WANTED : 0u) | (record->is_done ? REGISTRY_DONE : 0u) |
                 (record->is_checked ? REGISTRY_CHECKED : 0u) | (record->is_recovered ? REGISTRY_RECOVERED : 0u) |
                 ((record->node.spec->flags & GROVE_SPEC_ON_DEMAND) != 0 ? REGISTRY_ON_DEMAND : 0u);
    out->generation = record->generation;
    out->restarts = history_restarts(record);
    out->exit_cause = record->exit_cause;
    out->exit_detail = record->exit_detail;
    out->layer = record->layer;
    out->phase = record->node.spec->phase;
    out->since_ns = record->since_ns;
    out->asked_ns = record->asked_ns;
    out->started_ns = record->started_ns;
    out->ready_ns = record->ready_ns;
    out->restart_due_ns = record->restart_due_ns;
    out->sequence = record->sequence;
    text_set(out->reason, sizeof out->reason, record->reason == NULL ? "" : record->reason);
}

static void begin_page(const struct registry *registry) {
    page.head = (struct registry_page){
        .version = REGISTRY_PROTOCOL_VERSION, .total = registry->count, .sequence = registry->sequence};
}

static bool add_to_page(const struct record *record) {
    if (page.head.count == REGISTRY_PAGE_RECORDS)
        return false;
    query_fill(record, &page.records[page.head.count++]);
    return true;
}

static int send_page(struct grove_request *request) {
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.records[0]);
}

/* ---- QUERY ---- */

static bool provides(const struct record *record, const char *endpoint) {
    return name_table_find(&record->registry->by_endpoint, endpoint) == record;
}

/* Whoever asks for those that are ready means those that serve. */
static uint32_t states_of(const struct record *record) {
    return 1u << record->state | (record_serves(record) ? 1u << REGISTRY_STATE_READY : 0u);
}

static bool is_asked_for(const struct record *record, const struct registry_query *query) {
    static const struct grove_name any = {""};
    return (query->name.text[0] == '\0' || name_matches(query->name.text, record->name)) &&
           record_is_meant(record, &any, &query->project) &&
           (query->provides.text[0] == '\0' || provides(record, query->provides.text)) &&
           (query->states == 0 || (query->states & states_of(record)) != 0);
}

/* What is in the tree then carries its number. */
static int mark_tree(struct registry *registry, const struct registry_query *query, uint32_t *number) {
    static const struct grove_name none = {""};
    struct selection selection;
    if ((query->flags & REGISTRY_TREE) == 0)
        return 0;
    int status = select_records(registry, &query->name, &none, true, &selection);
    if (status == 0)
        *number = registry->selections;
    selection_deinit(&selection);
    return status;
}

int query_records(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_query query;
    int status = method_read(request, &query, sizeof query);
    if (status < 0)
        return status;
    if (!text_is_terminated(query.name.text, sizeof query.name.text) ||
        !text_is_terminated(query.project.text, sizeof query.project.text) ||
        !text_is_terminated(query.provides.text, sizeof query.provides.text))
        return grove_fail(request, GROVE_INVALID, "a name in the query is longer than %u bytes", GROVE_NAME_MAX);
    uint32_t tree = 0;
    status = mark_tree(registry, &query, &tree);
    if (status < 0)
        return grove_fail(request, status, "the registry has no memory for another request");
    begin_page(registry);
    const struct record_set *set = &registry->index.all;
    if (query.project.text[0] != '\0')
        set = index_find(&registry->index.projects, query.project.text);
    for (uint32_t place = set == NULL ? 0 : index_place(set, query.cursor); set != NULL && place < set->count;
         place++) {
        const struct record *record = set->records[place];
        if (tree != 0 ? record->selected != tree : !is_asked_for(record, &query))
            continue;
        if (!add_to_page(record)) {
            page.head.cursor = (uint32_t)record->number;
            break;
        }
    }
    return send_page(request);
}

/* ---- STATUS, SPEC ---- */

static struct record *asked_record(struct grove_request *request, struct registry *registry, int *status) {
    struct registry_target target;
    *status = method_target(request, &target);
    if (*status < 0)
        return NULL;
    struct record *record = record_find(registry, target.service.text);
    if (record == NULL)
        *status = grove_fail(request, GROVE_NOT_FOUND,
                             "no service named %s is registered; `grove ps` lists those that are", target.service.text);
    return record;
}

int query_status(struct grove_request *request, void *context) {
    int status;
    const struct record *record = asked_record(request, context, &status);
    if (record == NULL)
        return status;
    struct registry_record reply;
    query_fill(record, &reply);
    return grove_reply(request, &reply, sizeof reply);
}

#define SPEC_INLINE_BYTES 16384u

int query_spec(struct grove_request *request, void *context) {
    int status;
    const struct record *record = asked_record(request, context, &status);
    if (record == NULL)
        return status;
    const struct grove_spec *spec = record->node.spec;
    if (spec->total_bytes <= SPEC_INLINE_BYTES)
        return grove_reply(request, spec, spec->total_bytes);
    struct grove_loan loan;
    status = grove_request_loan(request, spec->total_bytes, GROVE_SECOND, &loan);
    if (status < 0)
        return grove_fail(request, status, "there is no room for the spec of %s", record->name);
    memcpy(loan.data, spec, spec->total_bytes);
    status = grove_reply_loan(request, NULL, 0, &loan);
    if (status < 0)
        grove_loan_return(&loan);
    return status;
}

/* ---- WATCH ---- */

/* The oldest changes first, so that what does not fit comes with the next call. */
static void fill_changes(const struct registry *registry, uint64_t since, const struct grove_name *service,
                         const struct grove_name *project) {
    const struct record *record = registry->changed_last;
    begin_page(registry);
    while (record != NULL && record->changed_previous != NULL && record->changed_previous->sequence > since)
        record = record->changed_previous;
    for (; record != NULL; record = record->changed_next) {
        if (record->sequence <= since || !record_is_meant(record, service, project))
            continue;
        if (!add_to_page(record)) {
            page.head.sequence = page.records[page.head.count - 1].sequence;
            return;
        }
    }
}

static void tell(struct grove_service *service, void *context) {
    (void)service;
    struct registry *registry = context;
    struct later **link = &registry->watches;
    registry->is_tell_due = false;
    while (*link != NULL) {
        struct later *later = *link;
        fill_changes(registry, later->sequence, &later->service, &later->project);
        if (page.head.count == 0) {
            link = &later->next;
            continue;
        }
        (void)send_page(later->request);
        later_done(link);
    }
}

void query_changed(struct registry *registry) {
    uint32_t timer;
    if (registry->watches == NULL || registry->is_tell_due)
        return;
    registry->is_tell_due = grove_service_after(registry->service, 0, tell, registry, &timer) == 0;
}

static void watch_ran_out(struct grove_service *service, void *context) {
    (void)service;
    struct later *later = context;
    struct later **link = &later->registry->watches;
    while (*link != later)
        link = &(*link)->next;
    later->timer = 0;
    fill_changes(later->registry, later->sequence, &later->service, &later->project);
    (void)send_page(later->request);
    later_done(link);
}

int query_watch(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_watch watch;
    int status = method_read(request, &watch, sizeof watch);
    if (status < 0)
        return status;
    if (!text_is_terminated(watch.service.text, sizeof watch.service.text) ||
        !text_is_terminated(watch.project.text, sizeof watch.project.text))
        return grove_fail(request, GROVE_INVALID, "a name is longer than %u bytes", GROVE_NAME_MAX);
    fill_changes(registry, watch.sequence, &watch.service, &watch.project);
    if (page.head.count > 0 || watch.wait_ms == 0)
        return send_page(request);
    struct later *later = later_add(registry, &registry->watches, request);
    if (later == NULL)
        return GROVE_NO_MEMORY;
    uint32_t wait_ms = watch.wait_ms < REGISTRY_WAIT_MS_MAX ? watch.wait_ms : REGISTRY_WAIT_MS_MAX;
    later->service = watch.service;
    later->project = watch.project;
    later->sequence = watch.sequence;
    return grove_service_after(registry->service, wait_ms * GROVE_MILLISECOND, watch_ran_out, later, &later->timer);
}
