/*
 * Limits that were reached, and what is done about them.
 *
 *               warned            a second passed, near      ... calm for CALM_TICKS   its time is over   ended, or another
 *     none      tell; watched     -                          -                         -                  -
 *     watched   tell              act after `after`          close                     -                  close
 *     acted     tell              -                          -                         undo; watched, or  close
 *                                                                                      kill (terminate)
 *
 * The kernel says when a limit is near (the registry and init pass that on), once for each time; from then on this looks
 * every second until the service has been clear of it for a while. Acting is throttle (the registry lowers the budget of
 * processor time), suspend (freeze) or terminate: reincarnation is told, which ends it and restarts it by the policy for
 * budgets; if it still runs DECISION_NS later it is killed from here. What one instance of a service did is no matter to the
 * next: it gets its full budget, and the case is closed.
 *
 * Cases lie in the state region, in plain stores by one thread: whoever is killed between acting and noting it acts twice, which is
 * the same as once (a budget set again, a freeze of what is frozen); between undoing and noting, it is undone again. So
 * nobody stays throttled or frozen because this process died.
 */
#include "servers/resource/resource.h"

#include <stdio.h>
#include <string.h>

#include "grove/health.h"
#include "servers/common/names.h"
#include "servers/common/system_event.h"
#include "servers/registry/protocol.h"

#define CASES_MAGIC UINT64_C(0x3153455341435247) /* "GRCASES1" */
#define CALM_TICKS 3u
#define REGISTRY_PATIENCE_NS (2 * GROVE_SECOND)
#define DECISION_NS (2 * GROVE_SECOND)

struct slot {
    struct grove_name service; /* empty: free */
    struct grove_limit limit; /* the policy */
    uint32_t stage; /* enum grove_limit_stage */
    uint32_t actions, calm, generation;
    uint64_t since_ns, until_ns;
    uint64_t used, most; /* as the kernel told it */
    uint64_t counted, looked_ns; /* processor time or bytes over the network, at the last look */
};

struct cases {
    uint64_t magic;
    struct slot slots[RESOURCE_CASES_MAX];
};

static struct cases *cases;

void cases_open(struct resource *resource) {
    static struct cases own;
    struct grove_region *region;
    bool is_fresh;
    cases = &own;
    if (grove_region_state(resource->session, sizeof own, &region, &is_fresh) == 0)
        cases = grove_region_data(region, NULL);
    else
        (void)fprintf(stderr, "resource: no state region, actions will not survive a restart: %s\n",
                      grove_last_error());
    if (cases->magic != CASES_MAGIC)
        *cases = (struct cases){.magic = CASES_MAGIC};
}

static bool is_free(const struct slot *slot) {
    return slot->service.text[0] == '\0';
}

uint32_t cases_count(void) {
    uint32_t count = 0;
    for (uint32_t index = 0; index < RESOURCE_CASES_MAX; index++)
        count += !is_free(&cases->slots[index]);
    return count;
}

uint32_t cases_list(struct grove_limit_case *list, uint32_t most) {
    uint32_t count = 0;
    for (uint32_t index = 0; index < RESOURCE_CASES_MAX && count < most; index++) {
        const struct slot *slot = &cases->slots[index];
        if (is_free(slot))
            continue;
        list[count++] = (struct grove_limit_case){.service = slot->service,
                                                  .resource = slot->limit.resource,
                                                  .policy = slot->limit.policy,
                                                  .stage = slot->stage,
                                                  .actions = slot->actions,
                                                  .since_ns = slot->since_ns,
                                                  .until_ns = slot->until_ns,
                                                  .used = slot->used,
                                                  .limit = slot->most};
    }
    return count;
}

/* ---- telling ---- */

static const char *resource_text(uint32_t resource) {
    static const char *const texts[] = {
        [GROVE_RESOURCE_MEMORY] = "memory",       [GROVE_RESOURCE_PROCESSES] = "processes",
        [GROVE_RESOURCE_SHARED] = "shared",       [GROVE_RESOURCE_CHANNELS] = "channels",
        [GROVE_RESOURCE_PROCESSOR] = "processor", [GROVE_RESOURCE_DISK] = "disk",
        [GROVE_RESOURCE_NETWORK] = "network",     [GROVE_RESOURCE_NETWORK_TOTAL] = "network-total"};
    return resource < sizeof texts / sizeof texts[0] && texts[resource] != NULL ? texts[resource] : "other";
}

static void tell(const char *service, uint32_t resource, uint64_t used, uint64_t limit, const char *action) {
    (void)fprintf(stderr, "resource: %s reached its limit of %s: %s\n", service, resource_text(resource), action);
    (void)system_event("resource.limit.exceeded", service,
                       (const struct system_event_field[]){{.name = "resource", .text = resource_text(resource)},
                                                           {.name = "used", .number = used},
                                                           {.name = "limit", .number = limit},
                                                           {.name = "action", .text = action},
                                                           {0}});
}

static void tell_of(const struct slot *slot, const char *action) {
    tell(slot->service.text, slot->limit.resource, slot->used, slot->most, action);
}

/* ---- acting ---- */

static int control(const struct resource *resource, const char *service, uint32_t action) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_CONTROL};
    name_set(&message.body.control.name, service);
    message.body.control.action = action;
    return grove_kernel_request(resource->session, &message, NULL, 0, NULL, NULL, RESOURCE_KERNEL_TIMEOUT_NS);
}

static void budget_was_set(int status, const struct grove_answer *answer, void *context) {
    (void)answer;
    (void)context;
    if (status < 0)
        (void)fprintf(stderr, "resource: the registry does not change a budget: %s\n", grove_last_error());
}

/* Without waiting for the registry. One that does not come through is made up for at the next turn of the case. */
static int set_processor(struct resource *resource, const char *service, uint64_t ppm) {
    struct registry_throttle throttle = {.version = REGISTRY_PROTOCOL_VERSION, .processor_ppm = ppm};
    name_set(&throttle.service, service);
    if (resource->registry == NULL && grove_connect(REGISTRY_ENDPOINT, &resource->registry) < 0)
        return GROVE_NOT_FOUND;
    return grove_call_start(resource->registry,
                            &(struct grove_call){.method = REGISTRY_THROTTLE,
                                                 .data = &throttle,
                                                 .length_bytes = sizeof throttle,
                                                 .timeout_ns = REGISTRY_PATIENCE_NS},
                            budget_was_set, NULL);
}

/* What was not heard is made up for by the look at DECISION_NS. */
static void failure_was_told(int status, const struct grove_answer *answer, void *context) {
    (void)answer;
    (void)context;
    if (status < 0)
        (void)fprintf(stderr, "resource: reincarnation does not take a failure: %s\n", grove_last_error());
}

static int tell_reincarnation(struct resource *resource, const struct slot *slot) {
    struct grove_recovery_report report = {.version = GROVE_HEALTH_VERSION,
                                           .cause = GROVE_RECOVERY_BUDGET,
                                           .service = slot->service,
                                           .generation = slot->generation};
    (void)snprintf(report.reason, sizeof report.reason, "over its budget of %s", resource_text(slot->limit.resource));
    if (resource->reincarnation == NULL && grove_connect(GROVE_REINCARNATION_ENDPOINT, &resource->reincarnation) < 0)
        return GROVE_NOT_FOUND;
    return grove_call_start(resource->reincarnation,
                            &(struct grove_call){.method = GROVE_REINCARNATION_REPORT,
                                                 .data = &report,
                                                 .length_bytes = sizeof report,
                                                 .timeout_ns = DECISION_NS},
                            failure_was_told, NULL);
}

/* By who decides about failures; at once from here where nobody does. */
static int terminate(struct resource *resource, const struct slot *slot) {
    return tell_reincarnation(resource, slot) == 0 ? 0 : control(resource, slot->service.text, GROVE_ACTION_KILL);
}

static void close_case(struct slot *slot) {
    slot->service.text[0] = '\0';
}

static void act(struct resource *resource, struct slot *slot, uint64_t now_ns) {
    static const char *const words[] = {[GROVE_LIMIT_THROTTLE] = "throttled",
                                        [GROVE_LIMIT_SUSPEND] = "suspended",
                                        [GROVE_LIMIT_TERMINATE] = "terminated"};
    uint32_t policy = slot->limit.policy;
    slot->until_ns = now_ns + (policy == GROVE_LIMIT_TERMINATE ? DECISION_NS : slot->limit.for_ns);
    slot->actions++;
    slot->stage = GROVE_LIMIT_ACTED; /* noted first: whoever comes after a death in between undoes it in time */
    int status = policy == GROVE_LIMIT_THROTTLE  ? set_processor(resource, slot->service.text, slot->limit.to_ppm)
                 : policy == GROVE_LIMIT_SUSPEND ? control(resource, slot->service.text, GROVE_ACTION_FREEZE)
                                                 : terminate(resource, slot);
    if (status < 0) {
        (void)fprintf(stderr, "resource: %s is not %s: %s\n", slot->service.text, words[policy], grove_last_error());
        slot->stage = GROVE_LIMIT_WATCHED;
        return;
    }
    tell_of(slot, words[policy]);
}

/* Its end closes the case (look). */
static void end_it(const struct resource *resource, struct slot *slot, uint64_t now_ns) {
    (void)control(resource, slot->service.text, GROVE_ACTION_KILL);
    slot->until_ns = now_ns + resource->period_ns; /* once more */
}

static void undo(struct resource *resource, struct slot *slot, uint64_t now_ns) {
    int status = slot->limit.policy == GROVE_LIMIT_THROTTLE ? set_processor(resource, slot->service.text, 0)
                                                            : control(resource, slot->service.text, GROVE_ACTION_THAW);
    if (status < 0 && status != GROVE_WRONG_STATE) {
        slot->until_ns = now_ns + resource->period_ns; /* once more */
        return;
    }
    tell_of(slot, "released");
    slot->stage = GROVE_LIMIT_WATCHED;
    slot->since_ns = now_ns;
    slot->looked_ns = 0;
    slot->calm = 0;
}

/* ---- looking ---- */

/* Nine tenths of the limit are used. Of channels the kernel tells no more than that one was refused. */
static bool is_near(struct slot *slot, const struct grove_container_record *record, uint64_t now_ns) {
    uint64_t span_ns = now_ns - slot->looked_ns;
    uint64_t counted =
        slot->limit.resource == GROVE_RESOURCE_NETWORK ? record->network_bytes : record->usage.processor_ns;
    double more = (double)(counted - slot->counted), seconds = (double)span_ns / 1e9;
    bool has_looked = slot->looked_ns != 0 && span_ns > 0;
    slot->looked_ns = now_ns;
    slot->counted = counted;
    double mark = 0.9 * (double)slot->most;
    switch (slot->limit.resource) {
    case GROVE_RESOURCE_MEMORY:
        return (double)record->usage.memory_bytes >= mark;
    case GROVE_RESOURCE_PROCESSES:
        return (double)record->usage.processes >= mark;
    case GROVE_RESOURCE_SHARED:
        return (double)record->usage.shared_bytes >= mark;
    case GROVE_RESOURCE_DISK:
        return (double)record->disk_bytes >= mark;
    case GROVE_RESOURCE_NETWORK_TOTAL:
        return (double)record->network_bytes >= mark;
    case GROVE_RESOURCE_PROCESSOR:
        return !has_looked || more / 1e3 / seconds >= mark; /* nanoseconds, and parts per million */
    case GROVE_RESOURCE_NETWORK:
        return !has_looked || more / seconds >= mark;
    default:
        return false;
    }
}

static void look(struct resource *resource, struct slot *slot, uint64_t now_ns) {
    struct grove_container_record record;
    int status = resource_read(resource, slot->service.text, &record);
    bool is_over = status == GROVE_NOT_FOUND ||
                   (status == 0 && (record.state == GROVE_CONTAINER_STOPPED || record.generation != slot->generation));
    if (is_over)
        close_case(slot);
    if (is_over || status < 0)
        return;
    if (slot->stage == GROVE_LIMIT_ACTED) {
        if (now_ns >= slot->until_ns && slot->limit.policy == GROVE_LIMIT_TERMINATE)
            end_it(resource, slot, now_ns);
        else if (now_ns >= slot->until_ns)
            undo(resource, slot, now_ns);
        return;
    }
    if (is_near(slot, &record, now_ns))
        slot->calm = 0;
    else if (++slot->calm >= CALM_TICKS)
        close_case(slot);
    if (!is_free(slot) && slot->calm == 0 && now_ns - slot->since_ns >= slot->limit.after_ns)
        act(resource, slot, now_ns);
}

bool cases_tick(struct resource *resource) {
    uint64_t now_ns = grove_now_ns();
    for (uint32_t index = 0; index < RESOURCE_CASES_MAX; index++)
        if (!is_free(&cases->slots[index]))
            look(resource, &cases->slots[index], now_ns);
    return cases_count() > 0;
}

/* ---- warnings ---- */

static struct slot *find(const char *service, uint32_t resource, struct slot **spare) {
    *spare = NULL;
    for (uint32_t index = 0; index < RESOURCE_CASES_MAX; index++) {
        struct slot *slot = &cases->slots[index];
        if (is_free(slot))
            *spare = slot;
        else if (slot->limit.resource == resource && strcmp(slot->service.text, service) == 0)
            return slot;
    }
    return NULL;
}

static struct slot *open_case(struct resource *resource, const struct grove_resource_warned *warned,
                              struct slot *spare) {
    struct grove_container_record record;
    if (spare == NULL || resource_read(resource, warned->service.text, &record) < 0) {
        (void)fprintf(stderr, "resource: %s is not watched: %s\n", warned->service.text,
                      spare == NULL ? "there are too many cases" : grove_last_error());
        return NULL;
    }
    *spare = (struct slot){.limit = warned->limit,
                           .stage = GROVE_LIMIT_WATCHED,
                           .generation = record.generation,
                           .since_ns = grove_now_ns()};
    spare->service = warned->service; /* last: from here on the slot is in use */
    return spare;
}

void cases_warned(struct resource *resource, const struct grove_resource_warned *warned) {
    struct slot *spare, *slot = find(warned->service.text, warned->warning.resource, &spare);
    tell(warned->service.text, warned->warning.resource, warned->warning.used, warned->warning.limit, "told");
    if (slot == NULL && warned->limit.policy != GROVE_LIMIT_TELL)
        slot = open_case(resource, warned, spare);
    if (slot == NULL)
        return;
    slot->used = warned->warning.used;
    slot->most = warned->warning.limit;
    slot->calm = 0;
    if (slot->stage == GROVE_LIMIT_WATCHED && slot->limit.after_ns == 0)
        act(resource, slot, grove_now_ns());
    if (cases_count() > 0)
        resource_tick_soon(resource);
}
