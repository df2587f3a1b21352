/*
 * RUN: one question, put to hook after hook.
 *
 *     asked -> the next hook of the point -> continue: the one after it
 *                                         -> change: the same, with the new bytes
 *                                         -> veto: answered with its reason
 *                                         -> late, gone, nonsense: counted, published, and as continue
 *           -> none left: answered with what has become of the bytes
 *
 * A hook that was asked and then cleared still has its say; its slot is not used for another until then. All hooks together
 * have twice the longest deadline, so that who asked is not kept waiting by many that are nearly late.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/common/system_event.h"
#include "servers/hooks/answer.h"
#include "servers/hooks/hooks.h"

#define QUESTION_NS (2 * GROVE_HOOK_TIMEOUT_MAX_NS)

struct question {
    struct hooks *hooks;
    struct grove_request *request;
    struct hook_slot asked; /* a copy: the slot may be cleared meanwhile */
    unsigned index; /* of that slot */
    uint64_t asked_ns, end_ns;
    bool is_changed;
    size_t length_bytes;
    struct {
        struct grove_hooks_run head;
        char data[GROVE_HOOK_DATA_MAX];
    } message;
};

static void ask_next(struct question *question, bool is_first);

/* ---- failures ---- */

static void pause_ended(struct grove_service *service, void *context) {
    struct hooks *hooks = context;
    uint64_t now_ns = grove_now_ns(), next_ns = GROVE_FOREVER;
    (void)service;
    hooks->pause_timer = 0;
    for (unsigned index = 0; index < hooks->state->hook_count; index++) {
        uint64_t *until_ns = &hooks->facts[index].paused_until_ns;
        if (*until_ns != 0 && *until_ns <= now_ns)
            *until_ns = 0;
        else if (*until_ns != 0 && *until_ns < next_ns)
            next_ns = *until_ns;
    }
    if (next_ns != GROVE_FOREVER)
        (void)grove_service_after(hooks->service, next_ns - now_ns, pause_ended, hooks, &hooks->pause_timer);
    table_changed(hooks);
}

/* One more failure after a pause is enough for the next one: it has to show first that it answers. */
static void leave_out(struct hooks *hooks, struct hook_facts *facts) {
    facts->failures_in_a_row = GROVE_HOOK_FAILURES - 1;
    facts->paused_until_ns = grove_now_ns() + GROVE_HOOK_PAUSE_NS;
    if (hooks->pause_timer == 0)
        (void)grove_service_after(hooks->service, GROVE_HOOK_PAUSE_NS, pause_ended, hooks, &hooks->pause_timer);
    table_changed(hooks);
}

static void failed(struct question *question, const char *why) {
    struct hooks *hooks = question->hooks;
    struct hook_facts *facts = &hooks->facts[question->index];
    const char *point = grove_hook_point_text(question->asked.hook.point);
    facts->failures++;
    hooks->counts[question->asked.hook.point].failures++;
    facts->failures_in_a_row++;
    (void)snprintf(facts->last_failure, sizeof facts->last_failure, "%s %.60s: %.100s", point,
                   question->message.head.subject, why);
    answer_clean(facts->last_failure);
    const struct system_event_field fields[] = {{.name = "endpoint", .text = question->asked.hook.endpoint.text},
                                                {.name = "point", .text = point},
                                                {.name = "subject", .text = question->message.head.subject},
                                                {.name = "reason", .text = why},
                                                {.name = "failures", .number = facts->failures},
                                                {0}};
    (void)system_event("hook.failed", question->asked.owner.text, fields);
    (void)GROVE_LOG(GROVE_LOG_WARNING, "a hook was cut off", grove_log_text("hook", question->asked.hook.endpoint.text),
                    grove_log_text("point", point), grove_log_text("subject", question->message.head.subject),
                    grove_log_text("reason", why));
    if (facts->failures_in_a_row >= GROVE_HOOK_FAILURES)
        leave_out(hooks, facts);
}

/* ---- answering ---- */

static void answer(struct question *question, enum grove_hook_result result, const void *data, size_t bytes) {
    struct {
        struct grove_hooks_result head;
        char data[GROVE_HOOK_DATA_MAX];
    } reply = {.head = {.version = GROVE_HOOKS_VERSION, .result = result}};
    if (bytes > 0)
        memcpy(reply.data, data, bytes);
    (void)grove_reply(question->request, &reply, sizeof reply.head + bytes);
    grove_request_finish(question->request);
    free(question);
}

static void answer_as_it_is(struct question *question) {
    if (question->is_changed)
        answer(question, GROVE_HOOK_CHANGE, question->message.data, question->length_bytes);
    else
        answer(question, GROVE_HOOK_CONTINUE, NULL, 0);
}

static void veto(struct question *question, const char *reason, size_t bytes) {
    char text[GROVE_HOOK_REASON_MAX + 1];
    struct hook_facts *facts = &question->hooks->facts[question->index];
    int length = snprintf(text, sizeof text, "the hook %s says no: %.*s", question->asked.hook.endpoint.text,
                          (int)bytes, bytes > 0 ? reason : "");
    (void)snprintf(facts->last_veto, sizeof facts->last_veto, "%s %.60s%s%.60s: %.*s",
                   grove_hook_point_text(question->asked.hook.point), question->message.head.subject,
                   question->message.head.who.text[0] != '\0' ? " for " : "", question->message.head.who.text,
                   (int)(bytes < 100 ? bytes : 100), bytes > 0 ? reason : "");
    answer_clean(facts->last_veto);
    answer_clean(text);
    facts->vetoes++;
    question->hooks->counts[question->asked.hook.point].vetoes++;
    answer(question, GROVE_HOOK_VETO, text, length < (int)sizeof text ? (size_t)length : sizeof text - 1);
}

/* ---- asking ---- */

/* Takes what the hook said; NULL, or why it counts for nothing. */
static const char *take(struct question *question, const char *data, size_t bytes, struct hook_said *said) {
    const char *why = answer_judge(question->asked.hook.point, question->message.head.total_bytes, data, bytes, said);
    if (why != NULL || said->result != GROVE_HOOK_CHANGE)
        return why;
    if (said->length_bytes > 0)
        memcpy(question->message.data, said->data, said->length_bytes);
    question->length_bytes = said->length_bytes;
    question->message.head.total_bytes = said->length_bytes;
    question->is_changed = true;
    question->hooks->facts[question->index].changes++;
    return NULL;
}

static void came_back(int status, const struct grove_answer *given, void *context) {
    struct question *question = context;
    struct hook_facts *facts = &question->hooks->facts[question->index];
    uint64_t took_ns = grove_now_ns() - question->asked_ns;
    struct hook_said said = {.result = GROVE_HOOK_CONTINUE};
    const char *why = status < 0 ? grove_last_error() : take(question, given->data, given->length_bytes, &said);
    facts->users--;
    facts->runs++;
    question->hooks->counts[question->asked.hook.point].asked++;
    facts->longest_ns = took_ns > facts->longest_ns ? took_ns : facts->longest_ns;
    if (why != NULL)
        failed(question, why);
    else
        facts->failures_in_a_row = 0;
    if (why == NULL && said.result == GROVE_HOOK_VETO)
        veto(question, said.data, said.length_bytes);
    else
        ask_next(question, false);
}

static int reach(struct hooks *hooks, struct hook_facts *facts, const struct grove_name *endpoint) {
    /* A channel for each hook: several may be with one endpoint. */
    struct grove_connect_options options = {
        .session = hooks->session, .tag = facts->order, .arena_bytes = GROVE_ARENA_NONE};
    options.lane_bytes[GROVE_LANE_MEDIUM] = 1u << 20;
    return facts->channel != NULL ? 0 : grove_connect_with(endpoint->text, &options, &facts->channel);
}

/* Nobody waits for room: a lane that is half full belongs to a hook that does not keep up. */
static int start(struct question *question, struct hook_facts *facts) {
    uint64_t pending_bytes = 0, now_ns = grove_now_ns();
    struct grove_call call = {.method = GROVE_HOOK_METHOD,
                              .priority = GROVE_PRIORITY_MEDIUM,
                              .data = &question->message,
                              .length_bytes = sizeof question->message.head + question->length_bytes,
                              .timeout_ns = question->asked.hook.timeout_ns};
    if (now_ns + call.timeout_ns > question->end_ns)
        call.timeout_ns = question->end_ns > now_ns ? question->end_ns - now_ns : 1;
    int status = reach(question->hooks, facts, &question->asked.hook.endpoint);
    if (status == 0)
        status = grove_channel_pending(facts->channel, GROVE_LANE_MEDIUM, &pending_bytes);
    if (status == 0 && pending_bytes > (1u << 19) - sizeof question->message)
        status = GROVE_EXHAUSTED;
    if (status == 0) {
        question->asked_ns = now_ns;
        status = grove_call_start(facts->channel, &call, came_back, question);
    }
    if (status == GROVE_CLOSED || status == GROVE_CORRUPT) {
        grove_channel_close(facts->channel);
        facts->channel = NULL;
    }
    return status;
}

static void ask_next(struct question *question, bool is_first) {
    struct hooks *hooks = question->hooks;
    const struct hook_slot *after = is_first ? NULL : &question->asked;
    struct hook_slot *slot;
    while ((slot = table_next(hooks, question->message.head.point, question->message.head.subject,
                              question->message.head.who.text, after)) != NULL) {
        struct hook_facts *facts = table_facts(hooks, slot);
        question->asked = *slot;
        question->index = (unsigned)(slot - hooks->state->hooks);
        after = &question->asked;
        facts->users++;
        int status = start(question, facts);
        if (status == 0)
            return;
        facts->users--;
        failed(question, status == GROVE_EXHAUSTED ? "it does not keep up with what it is asked" : grove_last_error());
    }
    answer_as_it_is(question);
}

int run_hooks(struct grove_request *request, void *context) {
    struct grove_hooks_run head = {0};
    int status = request_read(request, &head, sizeof head);
    if (status < 0)
        return status;
    if (grove_request_client_ring(request) != 1)
        return grove_fail(request, GROVE_DENIED, "only system services have points at which hooks are asked");
    size_t bytes = grove_request_bytes(request) - sizeof head;
    if (head.point >= GROVE_HOOK_POINTS || bytes > GROVE_HOOK_DATA_MAX ||
        !text_is_terminated(head.subject, sizeof head.subject) ||
        !text_is_terminated(head.who.text, sizeof head.who.text))
        return grove_fail(request, GROVE_INVALID, "the question is malformed");
    struct question *question = malloc(sizeof *question);
    if (question == NULL || grove_request_defer(request) < 0) {
        free(question);
        return grove_fail(request, GROVE_NO_MEMORY, "the service of hooks has no memory for another question");
    }
    question->hooks = context;
    question->request = request;
    question->end_ns = grove_now_ns() + QUESTION_NS;
    question->is_changed = false;
    question->length_bytes = bytes;
    question->message.head = head;
    if (bytes > 0)
        memcpy(question->message.data, (const char *)grove_request_data(request) + sizeof head, bytes);
    ask_next(question, true);
    return 0;
}
