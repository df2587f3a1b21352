/*
 * Checks that concern several fields at once. Each is one small function over the decoded values.
 */
#include <string.h>

#include "grove/registry.h"
#include "grove/resource.h"
#include "lib/text/text.h"
#include "userspace/manifest/parts.h"
#include "userspace/manifest/signature.h"

struct checker {
    const struct manifest *manifest;
    struct manifest_errors *errors;
    bool has_failed;
};

#define FAIL(checker, node, field, ...) \
    ((checker)->has_failed = true, \
     errors_add((checker)->errors, (node)->file, (node)->line, (node)->column, (field), __VA_ARGS__))

/* The line of a field inside a group, or of the group, or of the file. */
static const struct node *place_of(const struct manifest *manifest, const struct node *group, const char *field) {
    const struct node *node = group ? node_find(group, field) : NULL;
    return node ? node : group ? group : manifest->root;
}

static void check_names(struct checker *checker) {
    const struct manifest *manifest = checker->manifest;
    if (strlen(manifest->name) > GROVE_NAME_MAX)
        FAIL(checker, place_of(manifest, manifest->root, "name"), "name",
             "with its project the name is \"%.128s\", longer than %u bytes", manifest->name, GROVE_NAME_MAX);
}

static void check_methods(struct checker *checker, unsigned index, const struct provided_item *provided) {
    const struct method_item *methods = provided->methods.items;
    struct arena *arena = checker->manifest->arena;
    for (unsigned i = 0; i < provided->methods.count; i++) {
        const char *field = arena_format(arena, "provides[%u].methods[%u]", index, i), *problem;
        for (unsigned j = 0; j < i && methods[i].name && methods[j].name; j++) {
            if (!strcmp(methods[i].name, methods[j].name))
                FAIL(checker, methods[i].node, field, "a method %s is in line %u already", methods[i].name,
                     methods[j].node->line);
            else if (methods[i].number == methods[j].number)
                FAIL(checker, methods[i].node, field, "number %lld is taken by method %s in line %u",
                     (long long)methods[i].number, methods[j].name, methods[j].node->line);
        }
        if ((problem = signature_check(methods[i].request)))
            FAIL(checker, place_of(checker->manifest, methods[i].node, "request"),
                 arena_format(arena, "%s.request", field), "\"%.80s\": %s", methods[i].request, problem);
        if ((problem = signature_check(methods[i].reply)))
            FAIL(checker, place_of(checker->manifest, methods[i].node, "reply"), arena_format(arena, "%s.reply", field),
                 "\"%.80s\": %s", methods[i].reply, problem);
    }
}

static void check_interfaces(struct checker *checker) {
    const struct manifest_values *values = &checker->manifest->values;
    const struct provided_item *provided = values->provides.items;
    const struct required_item *required = values->requires.items;
    struct arena *arena = checker->manifest->arena;
    for (unsigned i = 0; i < values->provides.count; i++) {
        for (unsigned j = 0; j < i && provided[i].name && provided[j].name; j++)
            if (!strcmp(provided[i].name, provided[j].name))
                FAIL(checker, provided[i].node, arena_format(arena, "provides[%u]", i),
                     "%s is provided in line %u already", provided[i].name, provided[j].node->line);
        check_methods(checker, i, &provided[i]);
    }
    for (unsigned i = 0; i < values->requires.count; i++)
        for (unsigned j = 0; j < i && required[i].name && required[j].name; j++)
            if (!strcmp(required[i].name, required[j].name))
                FAIL(checker, required[i].node, arena_format(arena, "requires[%u]", i),
                     "%s is required in line %u already", required[i].name, required[j].node->line);
}

static bool may_use_real_time(const struct manifest *manifest) {
    for (unsigned i = 0; i < manifest->capability_count; i++)
        if (manifest->capabilities[i].capability.kind == GROVE_CAP_SCHED_RT)
            return true;
    return false;
}

static void check_schedule(struct checker *checker) {
    const struct schedule *schedule = &checker->manifest->values.schedule;
    const struct node *class = place_of(checker->manifest, schedule->node, "class");
    const struct node *priority = place_of(checker->manifest, schedule->node, "priority");
    bool is_fixed = schedule->class == GROVE_SCHEDULE_FIXED || schedule->class == GROVE_SCHEDULE_ROUND_ROBIN;
    bool is_deadline = schedule->class == GROVE_SCHEDULE_DEADLINE;
    uint64_t deadline = schedule->deadline ? schedule->deadline : schedule->period;
    if (is_fixed && schedule->priority < 1)
        FAIL(checker, priority, "schedule.priority",
             "this class has priorities from 1 (low) to 99; write for example priority: 50");
    if (schedule->class == GROVE_SCHEDULE_FAIR && schedule->priority > 19)
        FAIL(checker, priority, "schedule.priority",
             "class fair has priorities from -20 (first) to 19; for %lld write "
             "class: fixed too",
             (long long)schedule->priority);
    if (is_deadline && !(schedule->runtime && schedule->runtime <= deadline && deadline <= schedule->period &&
                         schedule->period <= GROVE_SCHEDULE_PERIOD_NS_MAX))
        FAIL(checker, class, "schedule",
             "class deadline needs runtime, deadline and period with 0 < runtime <= deadline <= period <= 1h");
    if (is_deadline && !checker->manifest->values.native)
        FAIL(checker, class, "schedule.class",
             "Linux lets no program of this class start another, and a container starts what is not native from its "
             "init; add native: true if the program uses libgrove, or write class: fixed");
    if ((is_fixed || is_deadline) && !may_use_real_time(checker->manifest))
        FAIL(checker, class, "schedule.class",
             "this class is real-time and needs a capability; add \"- SCHED_RT:20%%\" to capabilities, or write class: "
             "fair");
}

/* Kinds of readiness that say nothing without an argument. */
static void check_readiness(struct checker *checker) {
    const struct manifest_values *values = &checker->manifest->values;
    const struct probe *readiness = &values->readiness;
    struct grove_address address;
    char sentence[256];
    bool is_port = readiness->node && readiness->kind == GROVE_READY_PORT;
    bool is_command = readiness->node && readiness->kind == GROVE_READY_COMMAND;
    if (is_port && text_address_parse(readiness->argument, &address, sentence, sizeof(sentence)) < 0)
        FAIL(checker, place_of(checker->manifest, readiness->node, "argument"), "readiness.argument",
             "kind port needs an address like 127.0.0.1:8080: %s", sentence);
    if (is_command && !*readiness->argument)
        FAIL(checker, readiness->node, "readiness.argument",
             "kind command needs the command, for example argument: "
             "/usr/bin/pg_isready");
    if (readiness->node && readiness->kind == GROVE_READY_GROVE && !values->native &&
        node_find(readiness->node, "kind"))
        FAIL(checker, place_of(checker->manifest, readiness->node, "kind"), "readiness.kind",
             "only a native service can say so itself; add native: true, or write kind: started, notify or port");
}

static void check_environment(struct checker *checker) {
    const struct variable_list *environment = &checker->manifest->values.environment;
    for (unsigned i = 0; i < environment->count; i++)
        if (strchr(environment->nodes[i]->key, '-'))
            FAIL(checker, environment->nodes[i], "environment",
                 "\"%.80s\" is no name of an environment variable; use "
                 "letters, digits and _",
                 environment->nodes[i]->key);
}

#define TAG_BYTES "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_.-"

static void check_tags(struct checker *checker) {
    const struct text_list *tags = &checker->manifest->values.tags;
    if (tags->count > GROVE_TAGS_MAX)
        FAIL(checker, tags->nodes[GROVE_TAGS_MAX], "tags", "a service has at most %u tags", GROVE_TAGS_MAX);
    for (unsigned i = 0; i < tags->count; i++) {
        const char *tag = tags->nodes[i]->text;
        if (!*tag || strlen(tag) > GROVE_TAG_MAX || tag[strspn(tag, TAG_BYTES)])
            FAIL(checker, tags->nodes[i], "tags", "\"%.80s\" is no tag; use 1 to %u letters, digits and _ . -", tag,
                 GROVE_TAG_MAX);
    }
}

static void check_limit(struct checker *checker, const char *name, const struct limit *limit) {
    const uint64_t least = 1000000, most = UINT64_C(3600000000000);
    const char *field = arena_format(checker->manifest->arena, "limits.%s", name);
    const struct node *node = limit->node ? limit->node : checker->manifest->root;
    if (limit->after > most)
        FAIL(checker, place_of(checker->manifest, node, "after"), field, "after is at most 1h");
    if (limit->lasting < least || limit->lasting > most)
        FAIL(checker, place_of(checker->manifest, node, "for"), field, "for is from 1ms to 1h");
    if (limit->policy == GROVE_LIMIT_THROTTLE && limit->to == 0)
        FAIL(checker, place_of(checker->manifest, node, "to"), field,
             "a service with no processor time at all does not run; write policy: suspend, or a share like 5%%");
}

static void check_limits(struct checker *checker) {
    const struct limits *limits = &checker->manifest->values.limits;
    check_limit(checker, "memory", &limits->memory);
    check_limit(checker, "processor", &limits->processor);
    check_limit(checker, "processes", &limits->processes);
    check_limit(checker, "shared", &limits->shared);
    check_limit(checker, "channels", &limits->channels);
}

static void check_native(struct checker *checker) {
    const struct manifest_values *values = &checker->manifest->values;
    if (!values->native && values->provides.count)
        FAIL(checker, place_of(checker->manifest, checker->manifest->root, "provides"), "provides",
             "only a native service can serve an endpoint; add native: true if the program uses libgrove");
}

int checks_run(const struct manifest *manifest, struct manifest_errors *errors) {
    struct checker checker = {.manifest = manifest, .errors = errors};
    check_names(&checker);
    check_interfaces(&checker);
    check_schedule(&checker);
    check_readiness(&checker);
    check_environment(&checker);
    check_native(&checker);
    check_tags(&checker);
    check_limits(&checker);
    checker.has_failed |= plans_check(manifest, errors) < 0;
    const void *schema;
    uint32_t schema_bytes;
    checker.has_failed |= schema_build(manifest, &schema, &schema_bytes, errors) < 0;
    return checker.has_failed ? GROVE_INVALID : 0;
}
