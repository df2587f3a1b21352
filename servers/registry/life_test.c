/*
 * The life table, every state by every event: the state that follows, and what was said to the kernel and to the other
 * parts of the registry. Those are played here by functions that write down what they were asked.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "servers/registry/registry.h"

#define ITEMS(array) (sizeof(array) / sizeof((array)[0]))

/* ---- the others ---- */

static char said[256];
static int start_status;
static uint32_t timers;
static bool is_active, is_asked;
static struct backoff backoff;

static void say(const char *what) {
    size_t length = strlen(said);
    (void)snprintf(said + length, sizeof said - length, "%s%s", length == 0 ? "" : " ", what);
}

uint64_t grove_now_ns(void) {
    return 1000;
}

const char *grove_last_error(void) {
    return "no reason";
}

int grove_service_after(struct grove_service *service, uint64_t delay_ns, grove_timer_handler *handler, void *context,
                        uint32_t *timer) {
    (void)service;
    (void)delay_ns;
    (void)handler;
    (void)context;
    timers++;
    if (timer != NULL)
        *timer = timers;
    return 0;
}

void grove_service_cancel(struct grove_service *service, uint32_t timer) {
    (void)service;
    (void)timer;
}

int grove_container_start(struct grove_session *session, grove_handle container, enum grove_start_reason reason,
                          const int streams[3], struct grove_container_reply *reply) {
    (void)session;
    (void)container;
    (void)streams;
    if (reply != NULL)
        reply->generation = 7;
    say(reason == GROVE_START_FRESH ? "start" : "start-again");
    return start_status;
}

int grove_container_start_at_once(struct grove_session *session, grove_handle container, enum grove_start_reason reason,
                                  const int streams[3], struct grove_container_reply *reply) {
    return grove_container_start(session, container, reason, streams, reply);
}

int grove_container_control(struct grove_session *session, grove_handle container, enum grove_container_action action,
                            uint32_t detail, uint64_t timeout_ns) {
    (void)session;
    (void)container;
    (void)detail;
    (void)timeout_ns;
    say(action == GROVE_ACTION_STOP ? "stop" : action == GROVE_ACTION_KILL ? "kill" : "?");
    return 0;
}

int grove_container_read(struct grove_session *session, grove_handle container, struct grove_container_record *record) {
    (void)session;
    (void)container;
    (void)record;
    return GROVE_NOT_FOUND;
}

int record_contain(struct record *record, char *problem, size_t problem_bytes) {
    (void)record;
    (void)problem;
    (void)problem_bytes;
    return 0;
}

void record_changed(struct record *record) {
    (void)record;
}

void record_say(struct record *record, const char *format, ...) {
    (void)record;
    (void)format;
}

void log_attach(struct registry *registry, const char *name) {
    (void)registry;
    (void)name;
}

void order_wait(struct record *record) {
    record->is_waiting = true;
}

void order_wait_no_more(struct record *record) {
    record->is_waiting = false;
}

void order_check(struct record *record) {
    (void)record;
    say("check");
}

void order_settled(struct record *record) {
    (void)record;
    say("settled");
}

void recovery_restart_around(struct record *record, bool with_required) {
    (void)record;
    say(with_required ? "tree" : "dependents");
}

bool recovery_ask(struct record *record) {
    (void)record;
    return is_asked;
}

bool points_hold_start(struct record *record) {
    return record->hook_state == HOOKS_ASKED;
}

void points_started(const struct record *record) {
    (void)record;
}

void readiness_begin(struct record *record) {
    (void)record;
    say("probe");
}

void readiness_end(struct record *record) {
    (void)record;
}

struct backoff *history_backoff(struct record *record) {
    (void)record;
    return &backoff;
}

bool *history_is_active(struct record *record) {
    (void)record;
    return &is_active;
}

void history_note(struct record *record) {
    (void)record;
}

void history_recall(struct record *record, bool *is_given_up, uint64_t *restart_due_ns) {
    (void)record;
    *is_given_up = false;
    *restart_due_ns = 0;
}

void judge(struct record *record) {
    (void)record;
    say("judge");
}

bool record_serves(const struct record *record) {
    return record->state == REGISTRY_STATE_READY || record->state == REGISTRY_STATE_DEGRADED ||
           record->state == REGISTRY_STATE_QUIESCING;
}

void admission_release(struct record *record) {
    record->admission = ADMISSION_NONE;
}

void admission_unthrottle(struct record *record) {
    record->is_throttled = false;
}

static char mark[REGISTRY_MARK_BYTES];
char *history_mark(struct record *record) {
    (void)record;
    return mark;
}

/* ---- a service that failed once, and waits before its next try ---- */

static struct registry registry;
static struct grove_spec spec;

static struct record make(enum registry_state state) {
    spec = (struct grove_spec){.restart = {.policy = GROVE_RESTART_ALWAYS,
                                           .first_delay_ns = 50,
                                           .base_delay_ns = 50,
                                           .delay_cap_ns = 100,
                                           .factor_percent = 200}};
    registry = (struct registry){0};
    backoff = (struct backoff){0};
    is_active = true;
    is_asked = false;
    start_status = 0;
    said[0] = '\0';
    return (struct record){.registry = &registry,
                           .node = {.spec = &spec},
                           .name = "a.b",
                           .project = "a",
                           .state = state,
                           .is_waiting = state == REGISTRY_STATE_WAITING || state == REGISTRY_STATE_FAILED,
                           .exit_cause = GROVE_EXIT_CODE,
                           .exit_detail = 1};
}

struct expected {
    bool means_something;
    enum registry_state state;
    const char *said;
};

#define TO(next, text) \
    { true, REGISTRY_STATE_##next, text }
static const struct expected table[REGISTRY_STATE_COUNT][LIFE_EVENTS] = {
    [REGISTRY_STATE_REGISTERED] = {[LIFE_WANT] = TO(WAITING, "check")},
    [REGISTRY_STATE_WAITING] = {[LIFE_UNWANT] = TO(STOPPED, "settled"),
                                [LIFE_PROVIDED] = TO(STARTING, "start probe"),
                                [LIFE_LACKING] = TO(FAILED, "settled"),
                                [LIFE_REFUSED] = TO(FAILED, "settled")},
    [REGISTRY_STATE_STARTING] = {[LIFE_UNWANT] = TO(STOPPING, "stop"),
                                 [LIFE_READY] = TO(READY, "settled"),
                                 [LIFE_ENDED] = TO(FAILED, "settled"),
                                 [LIFE_LATE] = TO(STARTING, "kill")},
    [REGISTRY_STATE_READY] = {[LIFE_UNWANT] = TO(STOPPING, "stop"),
                              [LIFE_ENDED] = TO(FAILED, "settled"),
                              [LIFE_IMPAIRED] = TO(DEGRADED, ""),
                              [LIFE_QUIESCED] = TO(QUIESCING, "")},
    [REGISTRY_STATE_DEGRADED] = {[LIFE_UNWANT] = TO(STOPPING, "stop"),
                                 [LIFE_ENDED] = TO(FAILED, "settled"),
                                 [LIFE_MENDED] = TO(READY, ""),
                                 [LIFE_QUIESCED] = TO(QUIESCING, "")},
    [REGISTRY_STATE_QUIESCING] = {[LIFE_UNWANT] = TO(STOPPING, "stop"),
                                  [LIFE_ENDED] = TO(FAILED, "settled"),
                                  [LIFE_RESUMED] = TO(READY, "judge")},
    [REGISTRY_STATE_STOPPING] =
        {[LIFE_WANT] = TO(STOPPING, ""), [LIFE_ENDED] = TO(STOPPED, "settled"), [LIFE_LATE] = TO(STOPPING, "kill")},
    [REGISTRY_STATE_STOPPED] = {[LIFE_WANT] = TO(WAITING, "check"), [LIFE_UNWANT] = TO(STOPPED, "settled")},
    [REGISTRY_STATE_FAILED] = {[LIFE_WANT] = TO(WAITING, "check"),
                               [LIFE_UNWANT] = TO(STOPPED, "settled"),
                               [LIFE_PROVIDED] = TO(STARTING, "start probe"),
                               [LIFE_LACKING] = TO(FAILED, ""),
                               [LIFE_LATE] = TO(WAITING, "check"),
                               [LIFE_REFUSED] = TO(FAILED, "settled")},
    [REGISTRY_STATE_GIVEN_UP] = {[LIFE_WANT] = TO(WAITING, "check"), [LIFE_UNWANT] = TO(STOPPED, "settled")},
};

static void each_state_answers_each_event(void **state) {
    (void)state;
    for (unsigned from = 0; from < REGISTRY_STATE_COUNT; from++) {
        for (unsigned event = 0; event < LIFE_EVENTS; event++) {
            const struct expected *expected = &table[from][event];
            struct record record = make((enum registry_state)from);
            life_event(&record, (enum life_event)event);
            enum registry_state next = expected->means_something ? expected->state : (enum registry_state)from;
            if (record.state != next || strcmp(said, expected->said == NULL ? "" : expected->said) != 0)
                fail_msg("state %u, event %u: came to %u saying \"%s\"", from, event, record.state, said);
        }
    }
}

/* What a hook is asked about is held; what it refused is not tried again by itself. */
static void a_start_waits_for_hooks(void **state) {
    (void)state;
    struct record record = make(REGISTRY_STATE_WAITING);
    record.hook_state = HOOKS_ASKED;
    life_event(&record, LIFE_PROVIDED);
    assert_int_equal(record.state, REGISTRY_STATE_WAITING);
    assert_true(record.is_waiting);
    life_event(&record, LIFE_REFUSED);
    assert_int_equal(record.state, REGISTRY_STATE_FAILED);
    assert_int_equal(record.restart_due_ns, 0);
    assert_false(record.is_waiting);
    assert_false(is_active);
}

/* In each of these states somebody waits for something: if it does not come, a timer must. */
static void nothing_waits_for_ever(void **state) {
    (void)state;
    static const struct {
        enum registry_state from;
        enum life_event event;
    } cases[] = {{REGISTRY_STATE_WAITING, LIFE_PROVIDED}, {REGISTRY_STATE_STARTING, LIFE_UNWANT},
                 {REGISTRY_STATE_STARTING, LIFE_LATE},    {REGISTRY_STATE_READY, LIFE_ENDED},
                 {REGISTRY_STATE_STOPPING, LIFE_LATE},    {REGISTRY_STATE_FAILED, LIFE_PROVIDED}};
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        struct record record = make(cases[i].from);
        life_event(&record, cases[i].event);
        assert_int_not_equal(record.timer, 0);
    }
}

static void a_task_that_ends_well_is_ready(void **state) {
    (void)state;
    struct record record = make(REGISTRY_STATE_STARTING);
    spec.readiness.kind = GROVE_READY_EXIT;
    record.exit_detail = 0;
    life_event(&record, LIFE_ENDED);
    assert_int_equal(record.state, REGISTRY_STATE_READY);
    assert_true(record.is_done);
    life_event(&record, LIFE_UNWANT); /* nothing runs that could be stopped */
    assert_int_equal(record.state, REGISTRY_STATE_STOPPED);
}

static void a_policy_decides_what_an_end_means(void **state) {
    (void)state;
    static const struct {
        uint32_t policy;
        int32_t exit_status;
        enum registry_state next;
    } cases[] = {
        {GROVE_RESTART_ALWAYS, 0, REGISTRY_STATE_FAILED},      {GROVE_RESTART_ALWAYS, 1, REGISTRY_STATE_FAILED},
        {GROVE_RESTART_ON_FAILURE, 0, REGISTRY_STATE_STOPPED}, {GROVE_RESTART_ON_FAILURE, 1, REGISTRY_STATE_FAILED},
        {GROVE_RESTART_NEVER, 0, REGISTRY_STATE_STOPPED},      {GROVE_RESTART_NEVER, 1, REGISTRY_STATE_FAILED}};
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        struct record record = make(REGISTRY_STATE_READY);
        spec.restart.policy = cases[i].policy;
        record.exit_detail = cases[i].exit_status;
        life_event(&record, LIFE_ENDED);
        assert_int_equal(record.state, cases[i].next);
        bool is_tried_again = cases[i].policy == GROVE_RESTART_ALWAYS ||
                              (cases[i].policy == GROVE_RESTART_ON_FAILURE && cases[i].exit_status != 0);
        assert_int_equal(record.restart_due_ns != 0, is_tried_again);
    }
}

static void too_many_ends_are_given_up(void **state) {
    (void)state;
    struct record record = make(REGISTRY_STATE_READY);
    spec.restart.give_up_count = 2;
    spec.restart.give_up_window_ns = UINT64_MAX;
    for (unsigned i = 0; i < 2; i++) {
        life_event(&record, LIFE_ENDED);
        assert_int_equal(record.state, REGISTRY_STATE_FAILED);
        record.state = REGISTRY_STATE_READY;
    }
    life_event(&record, LIFE_ENDED);
    assert_int_equal(record.state, REGISTRY_STATE_GIVEN_UP);
    life_event(&record, LIFE_WANT);
    assert_int_equal(record.state, REGISTRY_STATE_WAITING);
    assert_int_equal(backoff.total, 2);
}

static void a_start_that_fails_is_judged_like_an_end(void **state) {
    (void)state;
    struct record record = make(REGISTRY_STATE_WAITING);
    start_status = GROVE_LAYER_MISSING;
    life_event(&record, LIFE_PROVIDED);
    assert_int_equal(record.state, REGISTRY_STATE_FAILED);
    assert_int_equal(record.exit_cause, GROVE_EXIT_START_FAILED);
    assert_int_not_equal(record.restart_due_ns, 0);
}

static void a_new_instance_has_no_mark(void **state) {
    (void)state;
    struct record record = make(REGISTRY_STATE_WAITING);
    (void)snprintf(mark, sizeof mark, "answers every third call");
    record.is_frozen = true;
    life_event(&record, LIFE_PROVIDED);
    assert_string_equal(mark, "");
    assert_false(record.is_frozen);
}

static void wanted_while_it_stops_it_starts_when_it_has_ended(void **state) {
    (void)state;
    struct record record = make(REGISTRY_STATE_STOPPING);
    life_event(&record, LIFE_WANT);
    life_event(&record, LIFE_ENDED);
    assert_int_equal(record.state, REGISTRY_STATE_WAITING);
    record = make(REGISTRY_STATE_STOPPING);
    registry.is_shutting_down = true;
    life_event(&record, LIFE_WANT);
    life_event(&record, LIFE_ENDED);
    assert_int_equal(record.state, REGISTRY_STATE_STOPPED);
}

static struct registry_recover *decide(uint32_t scope, uint64_t delay_ns, uint32_t gives_up) {
    struct registry_recover *decision = calloc(1, sizeof *decision);
    assert_non_null(decision);
    *decision = (struct registry_recover){.scope = scope, .delay_ns = delay_ns, .gives_up = gives_up};
    return decision;
}

/* A failure that somebody else decides about waits for that, and not for ever. */
static void failures_are_decided_elsewhere_or_in_time(void **state) {
    (void)state;
    struct record record = make(REGISTRY_STATE_READY);
    is_asked = true;
    life_event(&record, LIFE_ENDED);
    assert_int_equal(record.state, REGISTRY_STATE_FAILED);
    assert_true(record.is_undecided);
    assert_int_not_equal(record.timer, 0);
    assert_int_equal(backoff.total, 0);
    struct record late = record;
    life_event(&late, LIFE_LATE); /* nobody did: by the restart policy, whose first delay is 50 */
    assert_int_equal(late.state, REGISTRY_STATE_FAILED);
    assert_false(late.is_undecided);
    assert_int_equal(late.restart_due_ns, 1050);
    backoff = (struct backoff){0};
    record.decision = decide(REGISTRY_SCOPE_ITSELF, 0, 0);
    life_event(&record, LIFE_DECIDED);
    assert_int_equal(record.state, REGISTRY_STATE_WAITING);
    assert_null(record.decision);
    assert_int_equal(backoff.total, 1);
}

static void decisions_are_carried_out(void **state) {
    (void)state;
    static const struct {
        uint32_t scope;
        uint64_t delay_ns;
        uint32_t gives_up;
        enum registry_state next;
        const char *said;
    } cases[] = {{REGISTRY_SCOPE_ITSELF, 70, 0, REGISTRY_STATE_FAILED, "settled"},
                 {REGISTRY_SCOPE_DEPENDENTS, 0, 0, REGISTRY_STATE_WAITING, "dependents check"},
                 {REGISTRY_SCOPE_TREE, 70, 0, REGISTRY_STATE_FAILED, "tree settled"},
                 {REGISTRY_SCOPE_ITSELF, 0, 1, REGISTRY_STATE_GIVEN_UP, "settled"}};
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        /* About an instance that runs: it was killed, and this is its end. */
        struct record record = make(REGISTRY_STATE_READY);
        record.decision = decide(cases[i].scope, cases[i].delay_ns, cases[i].gives_up);
        life_event(&record, LIFE_ENDED);
        assert_int_equal(record.state, cases[i].next);
        assert_string_equal(said, cases[i].said);
        assert_null(record.decision);
        assert_int_equal(record.restart_due_ns, cases[i].delay_ns == 0 ? 0 : 1000 + cases[i].delay_ns);
    }
    struct record record = make(REGISTRY_STATE_READY);
    record.decision = decide(REGISTRY_SCOPE_ITSELF, 0, 0);
    life_event(&record, LIFE_UNWANT); /* a person stops it meanwhile */
    life_event(&record, LIFE_ENDED);
    assert_int_equal(record.state, REGISTRY_STATE_STOPPED);
    assert_null(record.decision);
}

static void what_runs_in_the_kernel_is_taken_over_as_it_is(void **state) {
    (void)state;
    static const struct {
        uint32_t found;
        enum registry_state next;
    } cases[] = {
        {GROVE_CONTAINER_STARTING, REGISTRY_STATE_STARTING}, {GROVE_CONTAINER_RUNNING, REGISTRY_STATE_STARTING},
        {GROVE_CONTAINER_READY, REGISTRY_STATE_READY},       {GROVE_CONTAINER_QUIESCED, REGISTRY_STATE_QUIESCING},
        {GROVE_CONTAINER_FROZEN, REGISTRY_STATE_READY},      {GROVE_CONTAINER_STOPPING, REGISTRY_STATE_STOPPING},
        {GROVE_CONTAINER_CREATED, REGISTRY_STATE_WAITING},   {GROVE_CONTAINER_STOPPED, REGISTRY_STATE_FAILED}};
    for (unsigned i = 0; i < ITEMS(cases); i++) {
        struct record record = make(REGISTRY_STATE_REGISTERED);
        struct grove_container_record found = {.state = cases[i].found,
                                               .generation = cases[i].found != GROVE_CONTAINER_CREATED,
                                               .exit_cause = GROVE_EXIT_SIGNAL,
                                               .exit_detail = 9};
        life_adopt(&record, &found);
        assert_int_equal(record.state, cases[i].next);
        assert_null(strstr(said, "start")); /* nothing runs twice */
        assert_true(is_active);
    }
    struct record record = make(REGISTRY_STATE_REGISTERED);
    is_active = false; /* nobody wanted it any more */
    life_adopt(&record, &(struct grove_container_record){.state = GROVE_CONTAINER_STOPPED, .generation = 1});
    assert_int_equal(record.state, REGISTRY_STATE_STOPPED);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_state_answers_each_event),
        cmocka_unit_test(a_start_waits_for_hooks),
        cmocka_unit_test(nothing_waits_for_ever),
        cmocka_unit_test(a_task_that_ends_well_is_ready),
        cmocka_unit_test(a_policy_decides_what_an_end_means),
        cmocka_unit_test(too_many_ends_are_given_up),
        cmocka_unit_test(a_start_that_fails_is_judged_like_an_end),
        cmocka_unit_test(a_new_instance_has_no_mark),
        cmocka_unit_test(wanted_while_it_stops_it_starts_when_it_has_ended),
        cmocka_unit_test(failures_are_decided_elsewhere_or_in_time),
        cmocka_unit_test(decisions_are_carried_out),
        cmocka_unit_test(what_runs_in_the_kernel_is_taken_over_as_it_is),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
