/*
 * The side of a service that has points.
 *
 * One request to the service of hooks always waits: it is answered when the set of points with hooks changes, which
 * updates the mask, and is sent again, which tells the service of hooks that this one knows. When the service of hooks dies
 * the request stays in its lane and its next instance answers it; the mask stays as it was meanwhile. Before the first answer
 * nobody knows, and so every point counts as one with hooks, for a second at most: else an instance that begins anew would do
 * unasked what its predecessor would have asked about. A question is a call of its own. It
 * waits for the hooks' deadlines, which the service of hooks keeps; here is only the bound for its own death. What is not
 * answered counts as continue: hooks are a wish to be asked, not a wall.
 */
#include "grove/hooks.h"

#include <stdlib.h>
#include <string.h>

#include "lib/hooks/wire.h"
#include "lib/session/session.h"

/* The request that waits is renewed so often, if nothing changes: no wake-up to speak of. */
#define TABLE_TIMEOUT_NS (UINT64_C(86400) * GROVE_SECOND)
/* So long nothing is known after the begin, and then nothing is set until the service of hooks says otherwise. */
#define UNKNOWN_NS GROVE_SECOND
#define ALL_POINTS ((1u << GROVE_HOOK_POINTS) - 1u)
/* All hooks of a point together may not take longer; the service of hooks keeps this bound, and a second is its own. */
#define RUN_TIMEOUT_NS (2 * GROVE_HOOK_TIMEOUT_MAX_NS + GROVE_SECOND)

/* Nothing waits for room: of this lane at most half is ever used, and what would go beyond is refused. */
#define LANE_BYTES (1u << 20)

struct grove_hooks {
    struct grove_channel *channel;
    uint32_t mask;
    uint64_t sequence; /* of the mask; 0: nothing was heard so far */
    bool has_waited; /* for the first answer */
};

struct question {
    grove_hook_handler *done;
    void *context;
};

static int ask_for_table(struct grove_hooks *hooks);

static void table_came(int status, const struct grove_answer *answer, void *context) {
    struct grove_hooks *hooks = context;
    struct grove_hooks_table table;
    if (status == 0 && answer->length_bytes >= sizeof table) {
        memcpy(&table, answer->data, sizeof table);
        if (table.version == GROVE_HOOKS_VERSION) {
            hooks->mask = table.mask;
            hooks->sequence = table.sequence;
        }
    }
    if (status == GROVE_TIMED_OUT && hooks->sequence == 0)
        hooks->mask = 0; /* it has not come up so far: what is begun does not wait for it */
    hooks->has_waited = true;
    if (status == GROVE_CANCELLED || status == GROVE_CLOSED || status == GROVE_CORRUPT || status == GROVE_DENIED)
        hooks->mask = 0; /* closing, or nobody will ever answer */
    else
        (void)ask_for_table(hooks);
}

static int ask_for_table(struct grove_hooks *hooks) {
    struct grove_hooks_table known = {.version = GROVE_HOOKS_VERSION, .sequence = hooks->sequence};
    struct grove_call call = {.method = GROVE_HOOKS_TABLE,
                              .priority = GROVE_PRIORITY_HIGH,
                              .data = &known,
                              .length_bytes = sizeof known,
                              .timeout_ns = hooks->has_waited ? TABLE_TIMEOUT_NS : UNKNOWN_NS};
    return grove_call_start(hooks->channel, &call, table_came, hooks);
}

int grove_hooks_open(struct grove_session *session, struct grove_hooks **hooks) {
    struct grove_connect_options options = {.session = session, .arena_bytes = GROVE_ARENA_NONE};
    options.lane_bytes[GROVE_LANE_MEDIUM] = LANE_BYTES;
    struct grove_hooks *opened = calloc(1, sizeof *opened);
    if (opened == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for hooks");
    opened->mask = ALL_POINTS;
    int status = grove_connect_with(GROVE_HOOKS_ENDPOINT, &options, &opened->channel);
    if (status == 0)
        status = ask_for_table(opened);
    if (status < 0) {
        grove_channel_close(opened->channel);
        free(opened);
        return status;
    }
    *hooks = opened;
    return 0;
}

void grove_hooks_close(struct grove_hooks *hooks) {
    if (hooks == NULL)
        return;
    grove_channel_close(hooks->channel); /* tells whoever waits, and the request for the table */
    free(hooks);
}

const uint32_t *grove_hooks_mask(const struct grove_hooks *hooks) {
    return &hooks->mask;
}

/* ---- asking ---- */

static void answered(int status, const struct grove_answer *answer, void *context) {
    struct question *question = context;
    struct grove_hook_outcome outcome = {.result = GROVE_HOOK_CONTINUE};
    char reason[GROVE_HOOK_REASON_MAX + 1];
    if (status == 0)
        hook_outcome_read(answer->data, answer->length_bytes, reason, &outcome);
    if (question->done != NULL)
        question->done(&outcome, question->context);
    free(question);
}

int grove_hooks_run(struct grove_hooks *hooks, const struct grove_hook_question *asked, grove_hook_handler *done,
                    void *context) {
    char message[sizeof(struct grove_hooks_run) + GROVE_HOOK_DATA_MAX];
    struct grove_hooks_run head = {
        .version = GROVE_HOOKS_VERSION, .point = asked->point, .total_bytes = asked->length_bytes};
    size_t shown = asked->length_bytes < GROVE_HOOK_DATA_MAX ? asked->length_bytes : GROVE_HOOK_DATA_MAX;
    uint64_t pending_bytes = 0;
    int status = grove_channel_pending(hooks->channel, GROVE_LANE_MEDIUM, &pending_bytes);
    if (status < 0)
        return status;
    if (pending_bytes > LANE_BYTES / 2 - sizeof message)
        return error_set(GROVE_EXHAUSTED, "the hooks do not keep up: %llu bytes of questions wait",
                         (unsigned long long)pending_bytes);
    struct question *question = malloc(sizeof *question);
    if (question == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left to ask a hook");
    *question = (struct question){.done = done, .context = context};
    (void)strncpy(head.subject, asked->subject, sizeof head.subject - 1);
    if (asked->who != NULL)
        (void)strncpy(head.who.text, asked->who, sizeof head.who.text - 1);
    memcpy(message, &head, sizeof head);
    if (shown > 0)
        memcpy(message + sizeof head, asked->data, shown);
    struct grove_call call = {.method = GROVE_HOOKS_RUN,
                              .priority = GROVE_PRIORITY_MEDIUM,
                              .data = message,
                              .length_bytes = sizeof head + shown,
                              .timeout_ns = RUN_TIMEOUT_NS};
    status = grove_call_start(hooks->channel, &call, answered, question);
    if (status < 0)
        free(question);
    return status;
}
