/*
 * One failure: read what the service's spec says about it, decide, have the registry do it, remember.
 *
 *     begin -> SPEC -> policy.c -> RECOVER -> counted in the ladder, told on the bus
 *
 * The registry carries a decision out once for each instance (its generation number), so that a matter that comes twice,
 * from the registry and from health or after a death of this process, is done once; the ladder counts only what was done.
 * What the registry cannot take now is tried again a few times: then its own policy has taken over.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/health_plan.h"
#include "servers/common/names.h"
#include "servers/registry/protocol.h"
#include "servers/reincarnation/reincarnation.h"

#define CALL_TIMEOUT_NS (5 * GROVE_SECOND)
#define ATTEMPTS_MAX 5u
#define AGAIN_NS GROVE_SECOND
#define MATTERS_MAX 1024u

static unsigned open_matters;

static void read_spec(struct matter *matter);

static void done(struct matter *matter) {
    open_matters--;
    free(matter);
}

static void begin_again(struct grove_service *service, void *context) {
    (void)service;
    read_spec(context);
}

static void try_again(struct matter *matter, int status) {
    uint32_t timer;
    if (status == GROVE_CLOSED && matter->reincarnation->registry != NULL) {
        grove_channel_close(matter->reincarnation->registry);
        matter->reincarnation->registry = NULL;
    }
    if (status != GROVE_NOT_FOUND && ++matter->attempts < ATTEMPTS_MAX &&
        grove_service_after(matter->reincarnation->service, AGAIN_NS, begin_again, matter, &timer) == 0)
        return;
    (void)fprintf(stderr, "reincarnation: nothing can be done for %s: %s\n", matter->service.text, grove_last_error());
    done(matter);
}

/* ---- the end ---- */

static void remember(struct matter *matter) {
    uint64_t now_ns = grove_now_ns();
    struct remembered *remembered = memory_take(matter->service.text);
    if (matter->has_policy)
        policy_count(&remembered->ladders[matter->cause], &matter->remedy, now_ns);
    else
        remembered->ladders[matter->cause].total++;
    remembered->last_cause = matter->cause;
    remembered->last_step = matter->step;
    remembered->last_generation = matter->generation;
    remembered->last_ns = now_ns;
    text_set(remembered->reason, sizeof remembered->reason, matter->reason);
}

static void on_recovered(int status, const struct grove_answer *answer, void *context) {
    struct matter *matter = context;
    struct registry_count count = {0};
    if (status < 0) {
        try_again(matter, status);
        return;
    }
    if (answer->length_bytes >= sizeof count)
        memcpy(&count, answer->data, sizeof count);
    if (count.count > 0) {
        remember(matter);
        (void)fprintf(
            stderr, "reincarnation: %s: %s, %s: %s\n", matter->service.text, grove_recovery_cause_text(matter->cause),
            matter->has_policy ? grove_recovery_step_text(matter->step) : "by its restart policy", matter->reason);
        events_recovered(matter);
    }
    done(matter);
}

/* ---- deciding ---- */

static uint32_t scope_of(const struct matter *matter) {
    if (!matter->has_policy)
        return REGISTRY_SCOPE_POLICY;
    switch (matter->step) {
    case GROVE_STEP_DEPENDENTS:
        return REGISTRY_SCOPE_DEPENDENTS;
    case GROVE_STEP_TREE:
        return REGISTRY_SCOPE_TREE;
    default:
        return REGISTRY_SCOPE_ITSELF;
    }
}

static void carry_out(struct matter *matter) {
    struct registry_recover recover = {.version = REGISTRY_PROTOCOL_VERSION,
                                       .scope = scope_of(matter),
                                       .service = matter->service,
                                       .generation = matter->generation,
                                       .gives_up = matter->has_policy && matter->step == GROVE_STEP_GIVE_UP,
                                       .delay_ns = matter->delay_ns};
    text_set(recover.reason, sizeof recover.reason, matter->reason);
    struct grove_call call = {
        .method = REGISTRY_RECOVER, .data = &recover, .length_bytes = sizeof recover, .timeout_ns = CALL_TIMEOUT_NS};
    int status = grove_call_start(matter->reincarnation->registry, &call, on_recovered, matter);
    if (status < 0)
        try_again(matter, status);
}

/* Whoever starts a service that was given up gives it a new chance. */
static void forgive(const struct matter *matter) {
    struct remembered *remembered = memory_find(matter->service.text);
    if (remembered == NULL || remembered->last_step != GROVE_STEP_GIVE_UP ||
        remembered->last_generation == matter->generation)
        return;
    remembered->last_step = GROVE_STEP_ITSELF;
    for (unsigned cause = 0; cause < GROVE_RECOVERY_CAUSES; cause++)
        remembered->ladders[cause].level = 0;
}

static void decide(struct matter *matter, const struct grove_recovery_section *recovery) {
    static const struct ladder bottom;
    forgive(matter);
    const struct remembered *remembered = memory_find(matter->service.text);
    matter->remedy = policy_next(remembered == NULL ? &bottom : &remembered->ladders[matter->cause],
                                 &recovery->causes[matter->cause], grove_now_ns());
    matter->step = matter->remedy.step;
    matter->delay_ns = matter->remedy.delay_ns;
}

static void take_spec(struct matter *matter, const void *from, size_t bytes) {
    struct grove_recovery_section recovery;
    struct grove_spec *spec = bytes > GROVE_SPEC_BYTES_MAX ? NULL : malloc(bytes + 1);
    if (spec != NULL)
        memcpy(spec, from, bytes);
    matter->has_policy = spec != NULL && grove_spec_check(spec, bytes, NULL) == 0 && health_recovery(spec, &recovery);
    free(spec);
    if (matter->has_policy)
        decide(matter, &recovery);
    /* Without a policy an instance that has ended is the registry's; one that runs is ended. */
    if (matter->has_policy || matter->is_of_running)
        carry_out(matter);
    else
        done(matter);
}

static void on_spec(int status, const struct grove_answer *answer, void *context) {
    struct matter *matter = context;
    if (status < 0)
        try_again(matter, status);
    else
        take_spec(matter, answer->slice != NULL ? answer->slice : answer->data,
                  answer->slice != NULL ? answer->slice_bytes : answer->length_bytes);
}

static void read_spec(struct matter *matter) {
    struct registry_target target = {.version = REGISTRY_PROTOCOL_VERSION, .service = matter->service};
    struct grove_call call = {
        .method = REGISTRY_SPEC, .data = &target, .length_bytes = sizeof target, .timeout_ns = CALL_TIMEOUT_NS};
    int status = registry_connect(matter->reincarnation);
    if (status >= 0)
        status = grove_call_start(matter->reincarnation->registry, &call, on_spec, matter);
    if (status < 0)
        try_again(matter, status);
}

void matter_begin(const struct matter *matter) {
    struct matter *made = open_matters < MATTERS_MAX ? malloc(sizeof *made) : NULL;
    if (made == NULL) {
        (void)fprintf(stderr, "reincarnation: too much fails at a time; %s is left to the registry\n",
                      matter->service.text);
        return;
    }
    *made = *matter;
    open_matters++;
    read_spec(made);
}
