/*
 * Admission: before a service starts for the first time, the resource service is asked whether the machine can give what its
 * manifest limits it to.
 *
 * The question is a call that is not waited for; meanwhile the record stays on the waiting list. What was admitted stays so
 * until the service comes to rest, so a restart after a crash asks nobody. One that is refused has failed for want of room, and is
 * asked for again when somebody else has come to rest, or when a person starts it.
 *
 * A resource service that is dead, hangs, or is not there does not keep anything from starting (law 11): after ADMIT_PATIENCE_NS
 * the built-in rule holds, which is that the kernel's budgets bound everybody anyway; and for REST_NS nobody is kept waiting
 * again.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "grove/resource.h"
#include "servers/common/names.h"
#include "servers/common/spec_limits.h"

#define ADMIT_PATIENCE_NS (250 * GROVE_MILLISECOND)
#define REST_NS (2 * GROVE_SECOND)
#define TELL_PATIENCE_NS (GROVE_MILLISECOND / 10)

static struct {
    struct grove_channel *channel;
    uint64_t silent_until_ns; /* it is not asked before */
} resource;

/* Who asked. The record may be gone, or another one of its name be there, when the answer comes. */
struct question {
    struct registry *registry;
    uint64_t number;
    char name[GROVE_NAME_MAX + 1];
};

static bool connect_once(void) {
    if (resource.channel != NULL)
        return true;
    if (grove_now_ns() < resource.silent_until_ns)
        return false;
    if (grove_connect(GROVE_RESOURCE_ENDPOINT, &resource.channel) == 0)
        return true;
    resource.channel = NULL;
    resource.silent_until_ns = grove_now_ns() + REST_NS;
    return false;
}

static void lose(int status) {
    resource.silent_until_ns = grove_now_ns() + REST_NS;
    if (status != GROVE_CLOSED)
        return;
    grove_channel_close(resource.channel);
    resource.channel = NULL;
}

static void answered(int status, const struct grove_answer *answer, void *context) {
    struct question *question = context;
    struct record *record = record_find(question->registry, question->name);
    (void)answer;
    bool is_refused = status == GROVE_EXHAUSTED || status == GROVE_INVALID;
    if (record != NULL && record->number == question->number && record->admission == ADMISSION_ASKED) {
        record->admission = is_refused ? ADMISSION_REFUSED : ADMISSION_GRANTED;
        if (is_refused)
            record_say(record, "was not admitted: %s", grove_last_error());
        order_check(record);
    }
    free(question);
    if (status < 0 && !is_refused)
        lose(status);
}

static bool promises_anything(const struct record *record) {
    const struct grove_budget *budget = &record->node.spec->budget;
    return budget->memory_bytes != 0 || budget->processor_ppm != 0;
}

static int ask(const struct record *record, struct question *question) {
    struct grove_resource_admit asked = {.version = GROVE_RESOURCE_VERSION, .budget = record->node.spec->budget};
    name_set(&asked.service, record->name);
    return grove_call_start(resource.channel,
                            &(struct grove_call){.method = GROVE_RESOURCE_ADMIT,
                                                 .data = &asked,
                                                 .length_bytes = sizeof asked,
                                                 .timeout_ns = ADMIT_PATIENCE_NS},
                            answered, question);
}

enum admission admission_of(struct record *record) {
    if (record->admission != ADMISSION_NONE)
        return record->admission;
    record->admission = ADMISSION_GRANTED;
    if (!promises_anything(record) || !connect_once() || grove_now_ns() < resource.silent_until_ns)
        return record->admission;
    struct question *question = calloc(1, sizeof *question);
    if (question == NULL)
        return record->admission;
    question->registry = record->registry;
    question->number = record->number;
    (void)snprintf(question->name, sizeof question->name, "%s", record->name);
    int status = ask(record, question);
    if (status < 0) {
        free(question);
        lose(status);
    } else {
        record->admission = ADMISSION_ASKED;
    }
    return record->admission;
}

static void send(uint32_t method, const void *data, size_t bytes) {
    if (!connect_once())
        return;
    int status = grove_send(
        resource.channel,
        &(struct grove_call){.method = method, .data = data, .length_bytes = bytes, .timeout_ns = TELL_PATIENCE_NS});
    if (status == GROVE_CLOSED)
        lose(status);
}

/* Those that were refused may fit now. */
static void ask_again(struct registry *registry) {
    bool is_any = false;
    for (struct record *record = registry->waiting_first; record != NULL; record = record->waiting_next) {
        is_any |= record->admission == ADMISSION_REFUSED;
        if (record->admission == ADMISSION_REFUSED)
            record->admission = ADMISSION_NONE;
    }
    if (is_any)
        order_recheck_all(registry);
}

void admission_release(struct record *record) {
    struct grove_resource_named named = {.version = GROVE_RESOURCE_VERSION};
    bool was_granted = record->admission == ADMISSION_GRANTED && promises_anything(record);
    record->admission = ADMISSION_NONE;
    if (!was_granted)
        return;
    name_set(&named.service, record->name);
    send(GROVE_RESOURCE_RELEASE, &named, sizeof named);
    ask_again(record->registry);
}

void admission_warned(const struct record *record, const struct grove_notice_budget *warning) {
    struct grove_resource_warned warned = {.version = GROVE_RESOURCE_VERSION, .warning = *warning};
    warned.limit = spec_limit(record->node.spec, warning->resource);
    name_set(&warned.service, record->name);
    send(GROVE_RESOURCE_WARNED, &warned, sizeof warned);
}

/* ---- throttling ---- */

static int set_budget(const struct record *record, uint64_t processor_ppm) {
    struct grove_message message = {.operation = GROVE_REQUEST_BUDGET_SET};
    struct grove_budget *budget = &message.body.budget_set.budget;
    message.body.budget_set.container = record->container;
    *budget = record->node.spec->budget;
    if (processor_ppm != 0 && (budget->processor_ppm == 0 || budget->processor_ppm > processor_ppm))
        budget->processor_ppm = processor_ppm;
    return grove_kernel_request(record->registry->session, &message, NULL, 0, NULL, NULL, REGISTRY_KERNEL_TIMEOUT_NS);
}

void admission_unthrottle(struct record *record) {
    if (record->is_throttled && set_budget(record, 0) == 0)
        record->is_throttled = false;
}

int admission_throttle(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_throttle throttle;
    int status = method_read(request, &throttle, sizeof throttle);
    if (status < 0)
        return status;
    const struct registry_target target = {.version = throttle.version, .service = throttle.service};
    if (!service_name_is_valid(&throttle.service))
        return grove_fail(request, GROVE_INVALID, "the request names no service");
    status = method_check_right(request, registry, &target);
    if (status < 0)
        return status;
    struct record *record = record_find(registry, throttle.service.text);
    if (record == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "no service named %s is registered", throttle.service.text);
    status = set_budget(record, throttle.processor_ppm);
    if (status < 0)
        return grove_fail(request, status, "the budget of %s cannot be changed: %s", record->name, grove_last_error());
    record->is_throttled = throttle.processor_ppm != 0;
    return commit_answer(registry, request, 1);
}
