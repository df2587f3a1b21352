/*
 * grove boot: when each phase and each service was ready, counted from the start of the kernel.
 *
 * init records when a phase was complete; what belongs to the last phase, the user services, the registry knows. A
 * service that was restarted since shows its latest instance, and is marked by its generation.
 */
#include <stdlib.h>
#include <string.h>

#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {{0}};

static const char *const phase_names[INIT_PHASES] = {
    "core", "configuration", "security", "core services", "system services", "monitoring", "gateways", "user services"};
#define USER_PHASE (INIT_PHASES - 1)

struct timeline {
    uint64_t begin_ns;
    uint64_t user_ready_ns; /* the last of the user services */
    json_t *phases, *services;
};

static json_t *since(const struct timeline *timeline, uint64_t time_ns) {
    return time_ns < timeline->begin_ns ? json_null() : json_integer((json_int_t)(time_ns - timeline->begin_ns));
}

static int add_service(const struct registry_record *record, void *context) {
    struct timeline *timeline = context;
    uint32_t phase = record->phase < INIT_PHASES ? record->phase : USER_PHASE;
    bool was_started = record->started_ns != 0;
    bool was_ready = was_started && record->ready_ns >= record->started_ns;
    if (!was_started)
        return 0;
    json_t *took = was_ready ? json_integer((json_int_t)(record->ready_ns - record->started_ns)) : json_null();
    if (was_ready && phase == USER_PHASE && record->generation == 1 && record->ready_ns > timeline->user_ready_ns)
        timeline->user_ready_ns = record->ready_ns;
    return json_array_append_new(
        timeline->services,
        json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}", "name", record->name.text, "phase", phase_names[phase],
                  "generation", (int)record->generation, "started_ns", since(timeline, record->started_ns), "ready_ns",
                  was_ready ? since(timeline, record->ready_ns) : json_null(), "took_ns", took));
}

static int add_phase(struct timeline *timeline, uint32_t phase, uint64_t ready_ns) {
    if (ready_ns == 0)
        return 0;
    return json_array_append_new(timeline->phases, json_pack("{s:s, s:i, s:o}", "phase", phase_names[phase], "number",
                                                             (int)phase, "ready_ns", since(timeline, ready_ns)));
}

static int collect(const struct invocation *invocation, struct timeline *timeline) {
    static struct init_record records[INIT_SERVICES_MAX + 1];
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
    struct init_page page;
    int status = system_init(invocation, INIT_STATUS, "", &page, records);
    if (status != 0)
        return status;
    timeline->begin_ns = page.started_ns;
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        struct registry_record record;
        system_record_of(&records[index], &record);
        status = add_service(&record, timeline);
    }
    if (status == 0)
        status = system_query(invocation, &query, add_service, timeline);
    page.phase_ns[USER_PHASE] = timeline->user_ready_ns;
    for (uint32_t phase = 0; status == 0 && phase < INIT_PHASES; phase++)
        status = add_phase(timeline, phase, page.phase_ns[phase]);
    return status;
}

static int by_start(const void *a, const void *b) {
    json_int_t one = json_integer_value(json_object_get(*(json_t *const *)a, "started_ns"));
    json_int_t other = json_integer_value(json_object_get(*(json_t *const *)b, "started_ns"));
    return one < other ? -1 : one > other;
}

/* In the order of their start; NULL without memory. */
static json_t *sorted(json_t *services) {
    size_t count = json_array_size(services);
    json_t **list = calloc(count + 1, sizeof(json_t *));
    json_t *result = list == NULL ? NULL : json_array();
    for (size_t index = 0; result != NULL && index < count; index++)
        list[index] = json_array_get(services, index);
    if (result != NULL)
        qsort(list, count, sizeof *list, by_start);
    for (size_t index = 0; result != NULL && index < count; index++)
        (void)json_array_append(result, list[index]);
    free(list);
    return result;
}

static void show(const struct invocation *invocation, const struct timeline *timeline, json_t *services) {
    static const struct output_column phases[] = {
        {"PHASE", "phase", OUTPUT_TEXT}, {"READY AFTER", "ready_ns", OUTPUT_DURATION}, {0}};
    static const struct output_column columns[] = {
        {"SERVICE", "name", OUTPUT_TEXT},
        {"PHASE", "phase", OUTPUT_TEXT},
        {"INSTANCE", "generation", OUTPUT_TEXT},
        {"STARTED AFTER", "started_ns", OUTPUT_DURATION},
        {"READY AFTER", "ready_ns", OUTPUT_DURATION},
        {"TOOK", "took_ns", OUTPUT_DURATION},
        {0},
    };
    output_table(invocation, json_incref(timeline->phases), phases, "no phase is complete yet");
    (void)putchar('\n');
    output_table(invocation, json_incref(services), columns, "no service has started yet");
}

static int run(struct invocation *invocation) {
    struct timeline timeline = {.phases = json_array(), .services = json_array()};
    struct grove_session *session;
    int status = command_connect(invocation, &session);
    if (status == 0)
        status = collect(invocation, &timeline);
    json_t *services = status == 0 ? sorted(timeline.services) : NULL;
    if (status == 0 && services == NULL)
        status = command_fail(invocation, "memory is exhausted");
    if (status == 0 && invocation->json)
        output_json(json_pack("{s:O, s:O}", "phases", timeline.phases, "services", services));
    else if (status == 0)
        show(invocation, &timeline, services);
    json_decref(services);
    json_decref(timeline.phases);
    json_decref(timeline.services);
    return status;
}

const struct command command_boot = {
    .name = "boot",
    .summary = "show how long each phase and service took to be ready",
    .usage = "",
    .description =
        "Shows when each phase of the start was complete and when each service was started and ready, counted "
        "from the start of the kernel, in the order of their starts. A service that was restarted since then "
        "shows its latest instance, with the number of that instance.",
    .examples = "  grove boot           the timeline\n"
                "  grove boot --json    the same in nanoseconds, for a program",
    .options = options,
    .run = run,
};
