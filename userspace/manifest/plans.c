/*
 * Health checks and recovery: from the decoded fields to the sections HEALTH and RECOVERY of the spec (grove/health.h), and
 * the checks that the format table cannot say.
 */
#include <string.h>

#include "grove/health.h"
#include "lib/text/text.h"
#include "userspace/manifest/builder.h"
#include "userspace/manifest/parts.h"

#define HTTP_SCHEME "http://"
#define INTERVAL_MIN_NS UINT64_C(10000000)

struct planner {
    const struct manifest *manifest;
    struct manifest_errors *errors;
    bool has_failed;
};

static void fail(struct planner *planner, const struct node *group, const char *part, const char *field,
                 const char *sentence) {
    const struct node *node = group->kind == NODE_MAP ? node_find(group, part) : NULL;
    node = node ? node : group;
    planner->has_failed = true;
    errors_add(planner->errors, node->file, node->line, node->column, field, "%s", sentence);
}

static const char *name_of(const struct health_item *item) {
    return item->name ? item->name : grove_health_kind_text(item->kind);
}

/* ---- arguments ---- */

static const struct method_item *find_method(const struct manifest *manifest, const char *endpoint, const char *name) {
    const struct provided_item *provided = manifest->values.provides.items;
    for (unsigned i = 0; i < manifest->values.provides.count; i++) {
        const struct method_item *methods = provided[i].methods.items;
        if (strcmp(name_qualify(manifest->arena, manifest->project, provided[i].name), endpoint) != 0)
            continue;
        for (unsigned j = 0; j < provided[i].methods.count; j++)
            if (!strcmp(methods[j].name, name))
                return &methods[j];
    }
    return NULL;
}

/* "METHOD" or "ENDPOINT METHOD" to "full.endpoint NUMBER"; NULL if it is neither. */
static const char *call_argument(const struct manifest *manifest, const char *argument) {
    const struct provided_item *provided = manifest->values.provides.items;
    const char *space = strchr(argument, ' '), *method = space ? space + 1 : argument, *endpoint;
    uint64_t number;
    if (space)
        endpoint = arena_copy(manifest->arena, argument, (size_t)(space - argument));
    else if (manifest->values.provides.count > 0)
        endpoint = provided[0].name;
    else
        return NULL;
    if (!*method || strchr(method, ' ') || !*endpoint)
        return NULL;
    endpoint = name_qualify(manifest->arena, manifest->project, endpoint);
    if (text_number_parse(method, &number) == 0)
        return number < UINT32_MAX ? arena_format(manifest->arena, "%s %u", endpoint, (unsigned)number) : NULL;
    const struct method_item *found = find_method(manifest, endpoint, method);
    return found ? arena_format(manifest->arena, "%s %u", endpoint, (unsigned)found->number) : NULL;
}

static bool is_socket_address(struct arena *arena, const char *text) {
    struct grove_address address;
    char ignored[256];
    if (!strncmp(text, "localhost:", 10))
        text = arena_format(arena, "127.0.0.1:%s", text + 10);
    return strpbrk(text, "*/") == NULL && text_address_parse(text, &address, ignored, sizeof(ignored)) == 0;
}

static bool is_web_address(struct arena *arena, const char *text) {
    if (strncmp(text, HTTP_SCHEME, strlen(HTTP_SCHEME)) != 0)
        return false;
    const char *begin = text + strlen(HTTP_SCHEME);
    char *host = arena_copy(arena, begin, strcspn(begin, "/"));
    const char *bracket = strrchr(host, ']');
    bool has_port = strchr(bracket ? bracket : host, ':') != NULL;
    return is_socket_address(arena, has_port ? host : arena_format(arena, "%s:80", host));
}

static const char *argument_fault(const struct manifest *manifest, const struct health_item *item) {
    switch (item->kind) {
    case GROVE_CHECK_HTTP:
        return is_web_address(manifest->arena, item->argument)
                   ? NULL
                   : "kind http needs an address like http://127.0.0.1:8080/health: a number or localhost, and no "
                     "https";
    case GROVE_CHECK_TCP:
        return is_socket_address(manifest->arena, item->argument)
                   ? NULL
                   : "kind tcp needs an address like 127.0.0.1:8080: a number or localhost, and a port";
    case GROVE_CHECK_COMMAND:
        return item->argument[0] == '/' ? NULL
                                        : "kind command needs the command, with its absolute path, for example "
                                          "argument: /usr/bin/pg_isready";
    case GROVE_CHECK_CALL:
        return call_argument(manifest, item->argument)
                   ? NULL
                   : "kind call needs METHOD, or ENDPOINT METHOD: the method's number, or its name in provides";
    default:
        return NULL;
    }
}

/* ---- checks ---- */

static void check_item(struct planner *planner, const struct health_item *items, unsigned index) {
    const struct health_item *item = &items[index];
    const struct manifest *manifest = planner->manifest;
    bool is_alone = manifest->values.health.count == 1;
    const char *at = is_alone ? "health" : arena_format(manifest->arena, "health[%u]", index);
    const char *problem = argument_fault(manifest, item);
    if (problem)
        fail(planner, item->node, "argument", arena_format(manifest->arena, "%s.argument", at), problem);
    if (item->kind == GROVE_CHECK_HEARTBEAT && !manifest->values.native)
        fail(planner, item->node, "kind", arena_format(manifest->arena, "%s.kind", at),
             "only a native service answers pings; add native: true, or write kind: tcp, http or command");
    if (item->interval < INTERVAL_MIN_NS)
        fail(planner, item->node, "interval", arena_format(manifest->arena, "%s.interval", at),
             "the shortest interval is 10ms");
    if (strlen(item->argument) >= GROVE_HEALTH_ARGUMENT_BYTES)
        fail(planner, item->node, "argument", arena_format(manifest->arena, "%s.argument", at),
             "an argument has at most 255 bytes");
    if (strlen(name_of(item)) >= GROVE_HEALTH_CHECK_NAME_BYTES || strchr(name_of(item), '.'))
        fail(planner, item->node, "name", arena_format(manifest->arena, "%s.name", at),
             "the name of a check has at most 31 bytes, and no dot");
    for (unsigned other = 0; other < index; other++)
        if (!strcmp(name_of(item), name_of(&items[other])))
            fail(planner, item->node, "name", arena_format(manifest->arena, "%s.name", at),
                 arena_format(manifest->arena, "a check %s is in line %u already; give each a name of its own",
                              name_of(item), items[other].node->line));
}

static bool step_of(const char *text, uint32_t *step) {
    for (*step = 0; *step < GROVE_RECOVERY_STEPS; ++*step)
        if (!strcmp(text, grove_recovery_step_text(*step)))
            return true;
    return false;
}

static void check_policy(struct planner *planner, const char *cause, const struct recovery_policy *policy) {
    uint32_t step;
    struct arena *arena = planner->manifest->arena;
    const char *field = arena_format(arena, "recovery.%s.then", cause);
    if (policy->then.count > GROVE_RECOVERY_STEPS_MAX)
        fail(planner, policy->node, "then", field, "there are at most 4 steps");
    for (unsigned i = 0; i < policy->then.count; i++)
        if (!step_of(policy->then.nodes[i]->text, &step))
            fail(planner, policy->then.nodes[i], "", field,
                 arena_format(arena, "\"%.40s\" is no step; write itself, dependents, tree or give-up",
                              policy->then.nodes[i]->text));
}

int plans_check(const struct manifest *manifest, struct manifest_errors *errors) {
    struct planner planner = {.manifest = manifest, .errors = errors};
    const struct group_list *health = &manifest->values.health;
    const struct recovery *recovery = &manifest->values.recovery;
    if (health->count > GROVE_HEALTH_CHECKS_MAX)
        fail(&planner, ((const struct health_item *)health->items)[GROVE_HEALTH_CHECKS_MAX].node, "", "health",
             "a service has at most 16 checks");
    for (unsigned i = 0; i < health->count; i++)
        check_item(&planner, health->items, i);
    if (recovery->node) {
        check_policy(&planner, "crash", &recovery->crash);
        check_policy(&planner, "hang", &recovery->hang);
        check_policy(&planner, "check", &recovery->check);
        check_policy(&planner, "budget", &recovery->budget);
    }
    return planner.has_failed ? GROVE_INVALID : 0;
}

/* ---- sections ---- */

/* The kinds of the spec's one probe; a call is none of them. */
static uint32_t probe_kind(uint32_t kind) {
    static const uint32_t kinds[] = {
        [GROVE_CHECK_HEARTBEAT] = GROVE_HEALTH_PING,
        [GROVE_CHECK_HTTP] = GROVE_HEALTH_HTTP,
        [GROVE_CHECK_TCP] = GROVE_HEALTH_TCP,
        [GROVE_CHECK_COMMAND] = GROVE_HEALTH_COMMAND,
    };
    return kind < sizeof(kinds) / sizeof(kinds[0]) ? kinds[kind] : GROVE_HEALTH_NONE;
}

static void write_one_probe(const struct group_list *health, struct builder *builder) {
    const struct health_item *first = health->items;
    struct grove_probe *probe = &builder_header(builder)->health;
    *probe = (struct grove_probe){.argument = builder_text(builder, "")};
    if (health->count == 0 || probe_kind(first->kind) == GROVE_HEALTH_NONE)
        return;
    *probe = (struct grove_probe){.kind = probe_kind(first->kind),
                                  .failures = (uint32_t)first->failures,
                                  .argument = builder_text(builder, first->argument),
                                  .timeout_ns = first->timeout,
                                  .interval_ns = first->interval};
}

static void write_health(const struct manifest *manifest, struct builder *builder) {
    struct {
        struct grove_health_section head;
        struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
    } section = {.head = {.version = GROVE_HEALTH_VERSION}};
    const struct health_item *items = manifest->values.health.items;
    for (unsigned i = 0; i < manifest->values.health.count; i++) {
        if (items[i].kind == GROVE_CHECK_NONE || section.head.count == GROVE_HEALTH_CHECKS_MAX)
            continue;
        struct grove_health_plan *plan = &section.plans[section.head.count++];
        const char *argument =
            items[i].kind == GROVE_CHECK_CALL ? call_argument(manifest, items[i].argument) : items[i].argument;
        *plan = (struct grove_health_plan){.kind = items[i].kind,
                                           .severity = items[i].severity,
                                           .failures = (uint32_t)items[i].failures,
                                           .timeout_ns = items[i].timeout,
                                           .interval_ns = items[i].interval};
        strncpy(plan->name, name_of(&items[i]), sizeof(plan->name) - 1);
        strncpy(plan->argument, argument ? argument : "", sizeof(plan->argument) - 1);
    }
    if (section.head.count > 0)
        builder_section(builder, GROVE_SECTION_HEALTH, &section,
                        (uint32_t)(sizeof(section.head) + section.head.count * sizeof(section.plans[0])));
}

static struct grove_recovery_policy policy_of(const struct recovery_policy *from) {
    static const uint32_t usual[] = {GROVE_STEP_DEPENDENTS, GROVE_STEP_TREE, GROVE_STEP_GIVE_UP};
    struct grove_recovery_policy policy = {.first_delay_ns = from->first_delay,
                                           .delay_ns = from->delay,
                                           .delay_cap_ns = from->delay_cap,
                                           .heal_ns = from->heal,
                                           .factor_percent = (uint32_t)from->factor,
                                           .restarts = (uint32_t)from->restarts};
    for (unsigned i = 0; i < from->then.count && i < GROVE_RECOVERY_STEPS_MAX; i++)
        if (step_of(from->then.nodes[i]->text, &policy.steps[policy.step_count]))
            policy.step_count++;
    if (from->then.count == 0) {
        memcpy(policy.steps, usual, sizeof(usual));
        policy.step_count = sizeof(usual) / sizeof(usual[0]);
    }
    return policy;
}

static void write_recovery(const struct recovery *recovery, struct builder *builder) {
    struct grove_recovery_section section = {.version = GROVE_HEALTH_VERSION};
    if (!recovery->node)
        return;
    section.causes[GROVE_RECOVERY_CRASH] = policy_of(&recovery->crash);
    section.causes[GROVE_RECOVERY_HANG] = policy_of(&recovery->hang);
    section.causes[GROVE_RECOVERY_CHECK] = policy_of(&recovery->check);
    section.causes[GROVE_RECOVERY_BUDGET] = policy_of(&recovery->budget);
    builder_section(builder, GROVE_SECTION_RECOVERY, &section, sizeof(section));
}

void plans_write(const struct manifest *manifest, struct builder *builder) {
    write_one_probe(&manifest->values.health, builder);
    write_health(manifest, builder);
    write_recovery(&manifest->values.recovery, builder);
}
