/*
 * The life of a service: one table of states by events.
 *
 *                 WANT      UNWANT    PROVIDED  LACKING  READY    ENDED    LATE     IMPAIRED  MENDED  QUIESCED  RESUMED  DECIDED  REFUSED
 *     registered  await     -         -         -        -        -        -        -         -       -         -     -        -
 *     waiting     -         settle    launch    lack     -        -        -        -         -       -         -     -        refuse
 *     starting    -         halt      -         -        arrive   fail     expire   -         -       -         -     -        -
 *     ready       -         halt      -         -        -        fall     -        worsen    -       hush      -     -        -
 *     degraded    -         halt      -         -        -        fall     -        -         mend    hush      -     -        -
 *     quiescing   -         halt      -         -        -        fall     -        -         -       -         resume  -        -
 *     stopping    again     -         -         -        -        rest     force    -         -       -         -     -        -
 *     stopped     await     settle    -         -        -        -        -        -         -       -         -     -        -
 *     failed      await     settle    launch    lack     -        -        overdue  -         -       -         -     decided  refuse
 *     given up    forgive   settle    -         -        -        -        -        -         -       -         -     -        -
 *
 * An event that means nothing in a state does nothing: notices from the kernel may come late or twice. What the kernel
 * has to say is an event; what a person wants is an event; the passing of time is an event. Nothing else changes a state.
 *
 * A crash between two states is no matter: the next instance asks the kernel what runs and comes in through life_adopt.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>

#include "servers/common/exit_text.h"

#define FORCE_MARGIN_NS (2 * GROVE_SECOND)
#define STOP_TIMEOUT_DEFAULT_NS (5 * GROVE_SECOND)
#define READY_TIMEOUT_DEFAULT_NS (30 * GROVE_SECOND)

typedef void life_action(struct record *record);

/* ---- timers and states ---- */

static void timer_ran_out(struct grove_service *service, void *context) {
    (void)service;
    struct record *record = context;
    record->timer = 0;
    life_event(record, LIFE_LATE);
}

static void set_timer(struct record *record, uint64_t delay_ns) {
    struct grove_service *service = record->registry->service;
    if (grove_service_after(service, delay_ns, timer_ran_out, record, &record->timer) < 0)
        (void)fprintf(stderr, "registry: no timer for %s: %s\n", record->name, grove_last_error());
}

static void enter(struct record *record, enum registry_state state) {
    struct registry *registry = record->registry;
    if (record->timer != 0)
        grove_service_cancel(registry->service, record->timer);
    record->timer = 0;
    if (state != REGISTRY_STATE_STARTING)
        readiness_end(record);
    if (state != REGISTRY_STATE_WAITING && state != REGISTRY_STATE_FAILED)
        order_wait_no_more(record);
    if (state == REGISTRY_STATE_STOPPING || state == REGISTRY_STATE_STOPPED) {
        free(record->decision); /* a person's word counts more */
        record->decision = NULL;
    }
    record->state = state;
    record->is_undecided = false;
    record->since_ns = grove_now_ns();
    record->restart_due_ns = 0;
    history_note(record);
    record_changed(record);
}

static bool is_task(const struct record *record) {
    return record->node.spec->readiness.kind == GROVE_READY_EXIT;
}

/* ---- towards running ---- */

static void launched(struct record *record, const struct grove_container_reply *reply) {
    record->container_id = reply->id;
    record->generation = reply->generation;
    record->started_ns = grove_now_ns();
    record->is_frozen = false;
    admission_unthrottle(record);
    history_mark(record)[0] = '\0';
    uint64_t timeout_ns = record->node.spec->readiness.timeout_ns;
    log_attach(record->registry, record->name);
    enter(record, REGISTRY_STATE_STARTING);
    if (!is_task(record) || timeout_ns != 0)
        set_timer(record, timeout_ns == 0 ? READY_TIMEOUT_DEFAULT_NS : timeout_ns);
    readiness_begin(record);
}

/*
 * Of a service that says itself when it is ready nothing has to be known before: the registry goes on with others, and
 * hears of a start that failed as of any other end.
 */
static int start_container(const struct record *record, enum grove_start_reason reason,
                           struct grove_container_reply *reply) {
    struct grove_session *session = record->registry->session;
    uint32_t kind = record->node.spec->readiness.kind;
    return kind == GROVE_READY_GROVE || kind == GROVE_READY_NOTIFY
               ? grove_container_start_at_once(session, record->container, reason, NULL, reply)
               : grove_container_start(session, record->container, reason, NULL, reply);
}

static int start_instance(struct record *record, struct grove_container_reply *reply, char *why, size_t why_bytes) {
    enum grove_start_reason reason = record->generation == 0 ? GROVE_START_FRESH : GROVE_START_RESTARTED;
    int status = start_container(record, reason, reply);
    if (status == GROVE_STALE_HANDLE || status == GROVE_NOT_FOUND) {
        record->container = GROVE_HANDLE_NONE;
        status = record_contain(record, why, why_bytes);
        if (status < 0)
            return status;
        status = start_container(record, GROVE_START_FRESH, reply);
    }
    if (status < 0)
        (void)snprintf(why, why_bytes, "%s", grove_last_error());
    return status;
}

static void launch(struct record *record) {
    struct grove_container_reply reply = {0};
    struct grove_container_record found;
    if (points_hold_start(record))
        return;
    order_wait_no_more(record);
    record->is_done = false;
    record_say(record, "%s", "");
    char why[REGISTRY_REASON_BYTES];
    int status = start_instance(record, &reply, why, sizeof why);
    if (status == 0) {
        launched(record, &reply);
        return;
    }
    if (grove_container_read(record->registry->session, record->container, &found) == 0) {
        if (status == GROVE_WRONG_STATE && found.state != GROVE_CONTAINER_STOPPED) {
            life_adopt(record, &found);
            return;
        }
        record->layer = found.layer;
    }
    record->exit_cause = GROVE_EXIT_START_FAILED;
    record->exit_detail = status;
    record_say(record, "could not be started: %s", why);
    record->state = REGISTRY_STATE_STARTING; /* so that its failure is judged as any other */
    life_event(record, LIFE_ENDED);
}

static void await(struct record *record) {
    if (record->admission == ADMISSION_REFUSED)
        record->admission = ADMISSION_NONE;
    record->asked_ns = grove_now_ns();
    record->is_start_due = false;
    *history_is_active(record) = true;
    enter(record, REGISTRY_STATE_WAITING);
    order_wait(record);
    order_check(record);
}

static void forgive(struct record *record) {
    backoff_forgive(history_backoff(record));
    await(record);
}

/* Stays on the waiting list: as soon as what it lacks is there, it goes on. */
static void lack(struct record *record) {
    if (record->state == REGISTRY_STATE_FAILED)
        return;
    enter(record, REGISTRY_STATE_FAILED);
    order_settled(record);
}

static void arrive(struct record *record) {
    record->ready_ns = grove_now_ns();
    record_say(record, "%s", "");
    enter(record, REGISTRY_STATE_READY);
    order_settled(record);
    points_started(record);
}

/* ---- while it runs ---- */

static void worsen(struct record *record) {
    enter(record, REGISTRY_STATE_DEGRADED);
}

static void mend(struct record *record) {
    record_say(record, "%s", "");
    enter(record, REGISTRY_STATE_READY);
}

static void hush(struct record *record) {
    record_say(record, "%s", "takes no new work");
    enter(record, REGISTRY_STATE_QUIESCING);
}

static void resume(struct record *record) {
    mend(record);
    judge(record);
}

/* ---- towards rest ---- */

static void settle(struct record *record) {
    admission_release(record);
    *history_is_active(record) = false;
    backoff_forgive(history_backoff(record));
    record->is_done = false;
    record_say(record, "%s", "stopped on request");
    enter(record, REGISTRY_STATE_STOPPED);
    order_settled(record);
}

static void halt(struct record *record) {
    uint64_t timeout_ns = record->node.spec->stop_timeout_ns;
    if (record->is_done) {
        settle(record);
        return;
    }
    if (timeout_ns == 0)
        timeout_ns = STOP_TIMEOUT_DEFAULT_NS;
    *history_is_active(record) = false;
    enter(record, REGISTRY_STATE_STOPPING);
    set_timer(record, timeout_ns + FORCE_MARGIN_NS);
    int status =
        grove_container_control(record->registry->session, record->container, GROVE_ACTION_STOP, 0, timeout_ns);
    if (status == GROVE_WRONG_STATE || status == GROVE_STALE_HANDLE || status == GROVE_NOT_FOUND)
        life_event(record, LIFE_ENDED);
}

static void force(struct record *record) {
    (void)grove_container_control(record->registry->session, record->container, GROVE_ACTION_KILL, 0,
                                  REGISTRY_KERNEL_TIMEOUT_NS);
    set_timer(record, FORCE_MARGIN_NS);
}

static void again(struct record *record) {
    record->is_start_due = true;
}

static void rest(struct record *record) {
    bool is_start_due = record->is_start_due;
    settle(record);
    if (is_start_due && !record->registry->is_shutting_down)
        life_event(record, LIFE_WANT);
}

/* ---- failures ---- */

static void expire(struct record *record) {
    char span[32];
    uint64_t timeout_ns = record->node.spec->readiness.timeout_ns;
    (void)snprintf(span, sizeof span, "%.3g s",
                   (double)(timeout_ns == 0 ? READY_TIMEOUT_DEFAULT_NS : timeout_ns) / 1e9);
    record_say(record, "was not ready within %s", span);
    (void)grove_container_control(record->registry->session, record->container, GROVE_ACTION_KILL, 0,
                                  REGISTRY_KERNEL_TIMEOUT_NS);
    set_timer(record, FORCE_MARGIN_NS);
}

static void wait_out(struct record *record, uint64_t delay_ns) {
    enter(record, REGISTRY_STATE_FAILED);
    record->restart_due_ns = grove_now_ns() + delay_ns;
    history_note(record);
    set_timer(record, delay_ns);
    order_settled(record);
}

/* By the service's restart policy. */
static void retry_or_give_up(struct record *record) {
    char why[REGISTRY_REASON_BYTES];
    struct backoff *backoff = history_backoff(record);
    struct grove_restart bound = backoff_bound(&record->node.spec->restart, &record->registry->bounds);
    const struct grove_restart *policy = &bound;
    uint64_t delay_ns;
    (void)snprintf(why, sizeof why, "%s", record->reason == NULL ? "failed" : record->reason);
    if (!backoff_next(backoff, policy, grove_now_ns(), &delay_ns)) {
        record_say(record, "gave up after %u restarts within %.3g s; the last time it %s", policy->give_up_count,
                   (double)policy->give_up_window_ns / 1e9, why);
        enter(record, REGISTRY_STATE_GIVEN_UP);
        admission_release(record);
        order_settled(record);
    } else if (delay_ns == 0) {
        await(record);
    } else {
        wait_out(record, delay_ns);
    }
}

/* Somebody else may decide, and is given some time for that. Nothing of it is kept: after a death it is asked again. */
static void judge_failure(struct record *record) {
    if (!recovery_ask(record)) {
        retry_or_give_up(record);
        return;
    }
    enter(record, REGISTRY_STATE_FAILED);
    record->is_undecided = true;
    record->restart_due_ns = grove_now_ns() + REGISTRY_DECISION_NS;
    set_timer(record, REGISTRY_DECISION_NS);
    order_settled(record);
}

/* The delay is over, or nobody has decided. */
static void overdue(struct record *record) {
    if (record->is_undecided)
        retry_or_give_up(record);
    else
        await(record);
}

static void give_up(struct record *record, const char *reason) {
    record_say(record, "gave up: %s", reason);
    enter(record, REGISTRY_STATE_GIVEN_UP);
    order_settled(record);
}

static void decided(struct record *record) {
    if (record->decision == NULL)
        return;
    struct registry_recover decision = *record->decision;
    free(record->decision);
    record->decision = NULL;
    record->is_undecided = false;
    record_say(record, "%s", decision.reason);
    if (decision.gives_up != 0) {
        give_up(record, decision.reason);
        return;
    }
    backoff_count(history_backoff(record), grove_now_ns());
    if (decision.scope != REGISTRY_SCOPE_ITSELF)
        recovery_restart_around(record, decision.scope == REGISTRY_SCOPE_TREE);
    if (decision.delay_ns == 0)
        await(record);
    else
        wait_out(record, decision.delay_ns);
}

/* Somebody ended it, and has left what follows to the restart policy: it is why it ended that is kept. */
static void take_reason(struct record *record) {
    record_say(record, "%s", record->decision->reason);
    free(record->decision);
    record->decision = NULL;
}

static void ended_for_good(struct record *record, enum registry_state state) {
    admission_release(record);
    *history_is_active(record) = false;
    enter(record, state);
    order_settled(record);
}

/* It is tried again when somebody wants it again, and not whenever what it requires comes. */
static void refuse(struct record *record) {
    order_wait_no_more(record);
    ended_for_good(record, REGISTRY_STATE_FAILED);
}

static void explain_end(struct record *record) {
    char text[REGISTRY_REASON_BYTES];
    if (record->reason == NULL || record_serves(record))
        record_say(record, "%s", exit_text(record->exit_cause, record->exit_detail, record->layer, text, sizeof text));
}

/* An instance ended that was not asked to. */
static void fall(struct record *record) {
    bool is_clean = exit_is_clean(record->exit_cause, record->exit_detail);
    uint32_t policy = record->node.spec->restart.policy;
    explain_end(record);
    bool is_decided = record->decision != NULL && !record->registry->is_shutting_down;
    if (is_decided && record->decision->scope == REGISTRY_SCOPE_POLICY)
        take_reason(record);
    if (is_decided && record->decision != NULL)
        decided(record);
    else if (record->exit_cause == GROVE_EXIT_STOPPED || record->registry->is_shutting_down)
        ended_for_good(record, REGISTRY_STATE_STOPPED);
    else if (policy == GROVE_RESTART_ALWAYS || (policy == GROVE_RESTART_ON_FAILURE && !is_clean))
        judge_failure(record);
    else
        ended_for_good(record, is_clean ? REGISTRY_STATE_STOPPED : REGISTRY_STATE_FAILED);
}

/* It ended before it was ready; for a task that ended well this is its being ready. */
static void fail(struct record *record) {
    if (is_task(record) && exit_is_clean(record->exit_cause, record->exit_detail)) {
        record->is_done = true;
        arrive(record);
        return;
    }
    fall(record);
}

/* ---- the table ---- */

static life_action *const table[REGISTRY_STATE_COUNT][LIFE_EVENTS] = {
    [REGISTRY_STATE_REGISTERED] = {[LIFE_WANT] = await},
    [REGISTRY_STATE_WAITING] =
        {[LIFE_UNWANT] = settle, [LIFE_PROVIDED] = launch, [LIFE_LACKING] = lack, [LIFE_REFUSED] = refuse},
    [REGISTRY_STATE_STARTING] =
        {[LIFE_UNWANT] = halt, [LIFE_READY] = arrive, [LIFE_ENDED] = fail, [LIFE_LATE] = expire},
    [REGISTRY_STATE_READY] =
        {[LIFE_UNWANT] = halt, [LIFE_ENDED] = fall, [LIFE_IMPAIRED] = worsen, [LIFE_QUIESCED] = hush},
    [REGISTRY_STATE_DEGRADED] =
        {[LIFE_UNWANT] = halt, [LIFE_ENDED] = fall, [LIFE_MENDED] = mend, [LIFE_QUIESCED] = hush},
    [REGISTRY_STATE_QUIESCING] = {[LIFE_UNWANT] = halt, [LIFE_ENDED] = fall, [LIFE_RESUMED] = resume},
    [REGISTRY_STATE_STOPPING] = {[LIFE_WANT] = again, [LIFE_ENDED] = rest, [LIFE_LATE] = force},
    [REGISTRY_STATE_STOPPED] = {[LIFE_WANT] = await, [LIFE_UNWANT] = settle},
    [REGISTRY_STATE_FAILED] = {[LIFE_WANT] = await,
                               [LIFE_UNWANT] = settle,
                               [LIFE_PROVIDED] = launch,
                               [LIFE_LACKING] = lack,
                               [LIFE_LATE] = overdue,
                               [LIFE_DECIDED] = decided,
                               [LIFE_REFUSED] = refuse},
    [REGISTRY_STATE_GIVEN_UP] = {[LIFE_WANT] = forgive, [LIFE_UNWANT] = settle},
};

void life_event(struct record *record, enum life_event event) {
    life_action *action = table[record->state][event];
    if (action != NULL)
        action(record);
}

/* ---- after a death of this process ---- */

static void adopt_ended(struct record *record) {
    bool is_given_up;
    uint64_t due_ns, now_ns = grove_now_ns();
    if (!*history_is_active(record)) {
        record->state = record->generation == 0 ? REGISTRY_STATE_REGISTERED : REGISTRY_STATE_STOPPED;
        record_changed(record);
        return;
    }
    history_recall(record, &is_given_up, &due_ns);
    explain_end(record);
    if (is_given_up) {
        record_say(record, "gave up after %u restarts", record->node.spec->restart.give_up_count);
        enter(record, REGISTRY_STATE_GIVEN_UP);
    } else if (due_ns > now_ns) {
        enter(record, REGISTRY_STATE_FAILED);
        record->restart_due_ns = due_ns;
        history_note(record);
        set_timer(record, due_ns - now_ns);
    } else if (record->generation == 0) {
        await(record);
    } else {
        record->state = REGISTRY_STATE_STARTING;
        life_event(record, LIFE_ENDED);
    }
}

void life_adopt(struct record *record, const struct grove_container_record *found) {
    record->container_id = found->id;
    record->generation = found->generation;
    record->exit_cause = found->exit_cause;
    record->exit_detail = found->exit_detail;
    record->layer = found->layer;
    record->started_ns = found->started_ns;
    record->ready_ns = found->ready_ns;
    switch (found->state) {
    case GROVE_CONTAINER_STARTING:
    case GROVE_CONTAINER_RUNNING:
        record->admission = ADMISSION_GRANTED;
        *history_is_active(record) = true;
        enter(record, REGISTRY_STATE_STARTING);
        if (!is_task(record))
            set_timer(record, READY_TIMEOUT_DEFAULT_NS);
        readiness_begin(record);
        break;
    case GROVE_CONTAINER_READY:
    case GROVE_CONTAINER_QUIESCED:
    case GROVE_CONTAINER_FROZEN:
        *history_is_active(record) = true;
        record->admission = ADMISSION_GRANTED;
        record->is_frozen = found->state == GROVE_CONTAINER_FROZEN;
        enter(record, REGISTRY_STATE_READY);
        if (found->state == GROVE_CONTAINER_QUIESCED)
            life_event(record, LIFE_QUIESCED);
        break;
    case GROVE_CONTAINER_STOPPING:
        record->admission = ADMISSION_GRANTED;
        enter(record, REGISTRY_STATE_STOPPING);
        set_timer(record, STOP_TIMEOUT_DEFAULT_NS);
        break;
    default:
        adopt_ended(record);
        break;
    }
}
