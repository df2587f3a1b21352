/*
 * Who else decides about failures (law 11: mechanism here, policy in a service, and the built-in policy when that stalls).
 *
 *     it fails -> undecided -+-- RECOVER within REGISTRY_DECISION_NS --> restarted, with others, later, or given up
 *                            +-- nobody said anything -----------------> by the restart policy of its spec
 *
 * Only services whose spec has a section RECOVERY are asked about, and only while somebody waits in FAILURES; for all others
 * nothing here costs anything. Whoever decides may also do it unasked, about an instance that runs (it hangs): that is
 * killed, and the decision is carried out at its end.
 *
 * After a death of this process the undecided are found as ended, and asked about again: for the time of one decision it
 * counts as if somebody waited. After a death of the one who decides, its next instance asks from 0 and hears of all that
 * is still undecided.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"

/* ---- FAILURES ---- */

static struct {
    struct registry_failures head;
    struct registry_failure list[REGISTRY_FAILURES_MAX];
} page;

static void fill_failure(const struct record *record, struct registry_failure *failure) {
    *failure = (struct registry_failure){.number = record->failure,
                                         .generation = record->generation,
                                         .exit_cause = record->exit_cause,
                                         .exit_detail = record->exit_detail,
                                         .restarts = history_restarts(record)};
    name_set(&failure->service, record->name);
    text_set(failure->reason, sizeof failure->reason, record->reason == NULL ? "" : record->reason);
}

static void fill(const struct registry *registry, uint64_t known) {
    page.head = (struct registry_failures){.version = REGISTRY_PROTOCOL_VERSION};
    for (const struct record *record = registry->first; record != NULL && page.head.count < REGISTRY_FAILURES_MAX;
         record = record->next)
        if (record->is_undecided && record->failure > known)
            fill_failure(record, &page.list[page.head.count++]);
}

static void answer(struct grove_request *request) {
    (void)grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.list[0]);
}

/* From the next turn on: then the record is in its state. */
static void tell(struct grove_service *service, void *context) {
    struct registry *registry = context;
    struct later **link = &registry->deciders;
    (void)service;
    while (*link != NULL) {
        struct later *later = *link;
        fill(registry, later->sequence);
        if (page.head.count == 0) {
            link = &later->next;
            continue;
        }
        answer(later->request);
        later_done(link);
    }
}

static void ran_out(struct grove_service *service, void *context) {
    struct later *later = context;
    struct later **link = &later->registry->deciders;
    (void)service;
    while (*link != later)
        link = &(*link)->next;
    later->timer = 0;
    fill(later->registry, later->sequence);
    answer(later->request);
    later_done(link);
}

bool recovery_ask(struct record *record) {
    struct registry *registry = record->registry;
    uint32_t timer;
    bool is_young = grove_now_ns() - registry->begun_ns < REGISTRY_DECISION_NS;
    if (!record->is_recovered || (registry->deciders == NULL && !is_young))
        return false;
    record->failure = ++registry->next_failure;
    if (registry->deciders != NULL && grove_service_after(registry->service, 0, tell, registry, &timer) < 0)
        return false;
    return true;
}

void recovery_restart_around(struct record *record, bool with_required) {
    struct selection selection;
    if (select_around(record, with_required, &selection) < 0) {
        (void)fprintf(stderr, "registry: no memory to restart what belongs to %s; it alone is restarted\n",
                      record->name);
        return;
    }
    stop_running(&selection);
    selection_deinit(&selection);
}

static int only_system(struct grove_request *request) {
    if (grove_request_client_ring(request) == 1)
        return 0;
    return grove_fail(request, GROVE_DENIED,
                      "%s may not decide about failures: system services may; `grove restart` restarts a service",
                      grove_request_client(request));
}

int recovery_failures(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_failures_wait wait;
    int status = method_read(request, &wait, sizeof wait);
    if (status == 0)
        status = only_system(request);
    if (status < 0)
        return status;
    fill(registry, wait.known);
    if (page.head.count > 0 || wait.wait_ms == 0) {
        answer(request);
        return 0;
    }
    struct later *later = later_add(registry, &registry->deciders, request);
    if (later == NULL)
        return GROVE_NO_MEMORY;
    uint32_t wait_ms = wait.wait_ms < REGISTRY_WAIT_MS_MAX ? wait.wait_ms : REGISTRY_WAIT_MS_MAX;
    later->sequence = wait.known;
    return grove_service_after(registry->service, wait_ms * GROVE_MILLISECOND, ran_out, later, &later->timer);
}

/* ---- RECOVER ---- */

static int check_decision(struct grove_request *request, const struct registry_recover *decision) {
    int status = only_system(request);
    if (status < 0)
        return status;
    if (!service_name_is_valid(&decision->service) || !text_is_terminated(decision->reason, sizeof decision->reason) ||
        decision->scope > REGISTRY_SCOPE_POLICY || decision->gives_up > 1)
        return grove_fail(request, GROVE_INVALID, "a name, text or number of the decision is out of range");
    return 0;
}

static bool is_about(const struct record *record, const struct registry_recover *decision) {
    if (decision->generation != 0 && decision->generation != record->generation)
        return false;
    bool is_alive = record_serves(record) || record->state == REGISTRY_STATE_STARTING;
    return is_alive || (record->state == REGISTRY_STATE_FAILED && record->is_undecided);
}

/* The instance that runs: its end comes as a notice, and is judged then. */
static int end_instance(struct record *record, const char *reason) {
    record_say(record, "%s", reason);
    int status = grove_container_control(record->registry->session, record->container, GROVE_ACTION_KILL, 0,
                                         REGISTRY_KERNEL_TIMEOUT_NS);
    return status == GROVE_WRONG_STATE ? 0 : status; /* it has just ended by itself: its notice is on the way */
}

static int carry_out(struct record *record, const struct registry_recover *decision) {
    if (decision->scope == REGISTRY_SCOPE_POLICY && record->state == REGISTRY_STATE_FAILED)
        return 0;
    struct registry_recover *kept = record->decision != NULL ? record->decision : malloc(sizeof *kept);
    if (kept == NULL)
        return GROVE_NO_MEMORY;
    *kept = *decision;
    record->decision = kept;
    if (record->state != REGISTRY_STATE_FAILED)
        return end_instance(record, decision->reason);
    life_event(record, LIFE_DECIDED);
    return 0;
}

int recovery_recover(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_recover decision;
    int status = method_read(request, &decision, sizeof decision);
    if (status == 0)
        status = check_decision(request, &decision);
    if (status < 0)
        return status;
    struct record *record = record_find(registry, decision.service.text);
    if (record == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "no service named %s is registered", decision.service.text);
    bool is_meant = is_about(record, &decision);
    status = is_meant ? carry_out(record, &decision) : 0;
    return status < 0
               ? grove_fail(request, status, "%s cannot be recovered: %s", record->name, grove_status_text(status))
               : commit_answer(registry, request, is_meant);
}
