/*
 * grove boot: when each phase and each service was ready, counted from the start of the kernel.
 *
 * init records when a phase began and ended; when the user services were ready, the registry knows. A service that was
 * restarted since shows its latest instance, and is marked by its generation.
 */
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "userspace/grove/commands/boot_timeline.h"
#include "userspace/grove/commands/system_client.h"

#define BAR_COLUMNS 40u

static const struct command_option options[] = {
    {"svg", 'S', "FILE", "draw the timeline into this file instead; - is standard output"},
    {0},
};

static const char *const phase_names[INIT_PHASES] = {
    "core", "configuration", "security", "core services", "system services", "monitoring", "gateways", "user services"};
#define USER_PHASE (INIT_PHASES - 1)

/* ---- collecting ---- */

static json_t *since(const struct timeline *timeline, uint64_t time_ns) {
    return time_ns < timeline->begin_ns ? json_null() : json_integer((json_int_t)(time_ns - timeline->begin_ns));
}

static void stretch(struct timeline *timeline, uint64_t time_ns) {
    if (time_ns > timeline->begin_ns && time_ns - timeline->begin_ns > timeline->end_ns)
        timeline->end_ns = time_ns - timeline->begin_ns;
}

/* What it takes to find the last of the user services that came with this start. */
struct collection {
    struct timeline *timeline;
    uint64_t user_ready_ns;
    uint32_t users;
};

static int add_service(const struct registry_record *record, void *context) {
    struct collection *collection = context;
    struct timeline *timeline = collection->timeline;
    uint32_t phase = record->phase < INIT_PHASES ? record->phase : USER_PHASE;
    bool was_started = record->started_ns != 0;
    bool was_ready = was_started && record->ready_ns >= record->started_ns;
    if (!was_started)
        return 0;
    json_t *took = was_ready ? json_integer((json_int_t)(record->ready_ns - record->started_ns)) : json_null();
    if (record->generation == 1)
        stretch(timeline, was_ready ? record->ready_ns : record->started_ns);
    if (was_ready && phase == USER_PHASE && record->generation == 1 && record->ready_ns > collection->user_ready_ns)
        collection->user_ready_ns = record->ready_ns;
    collection->users += phase == USER_PHASE;
    return json_array_append_new(
        timeline->services, json_pack("{s:s, s:s, s:i, s:i, s:o, s:o, s:o}", "name", record->name.text, "phase",
                                      phase_names[phase], "number", (int)phase, "generation", (int)record->generation,
                                      "started_ns", since(timeline, record->started_ns), "ready_ns",
                                      was_ready ? since(timeline, record->ready_ns) : json_null(), "took_ns", took));
}

static int add_phase(struct timeline *timeline, uint32_t number, const struct init_phase *phase) {
    if (phase->services == 0 || phase->begin_ns == 0)
        return 0;
    stretch(timeline, phase->end_ns);
    return json_array_append_new(timeline->phases,
                                 json_pack("{s:s, s:i, s:o, s:o, s:i, s:i}", "phase", phase_names[number], "number",
                                           (int)number, "begin_ns", since(timeline, phase->begin_ns), "ready_ns",
                                           since(timeline, phase->end_ns), "services", (int)phase->services, "missing",
                                           (int)phase->missing));
}

static int ask_init(const struct invocation *invocation, struct init_boot *boot) {
    struct init_request request = {.version = INIT_PROTOCOL_VERSION};
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = system_connect(invocation, INIT_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, INIT_BOOT, &request, sizeof request, SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    bool is_whole = answer.length_bytes >= sizeof *boot;
    if (is_whole)
        memcpy(boot, answer.data, sizeof *boot);
    grove_answer_release(&answer);
    return is_whole ? 0
                    : command_fail(invocation, "init's answer is too short; grove and init are of different versions");
}

/* Those that are started later, by hand or on demand, belong to the phase as well: it was over when the last was ready. */
static void mend_user_phase(struct init_boot *boot, const struct collection *collection) {
    struct init_phase *users = &boot->phase[USER_PHASE];
    users->services = collection->users;
    if (collection->user_ready_ns != 0)
        users->end_ns = collection->user_ready_ns;
    if (users->begin_ns == 0 || (users->end_ns != 0 && users->begin_ns > users->end_ns))
        users->begin_ns = users->end_ns;
}

static int collect(const struct invocation *invocation, struct timeline *timeline) {
    static struct init_record records[INIT_SERVICES_MAX + 1];
    struct registry_query query = {.version = REGISTRY_PROTOCOL_VERSION};
    struct collection collection = {.timeline = timeline};
    struct init_page page;
    struct init_boot boot = {0};
    int status = system_init(invocation, INIT_STATUS, "", &page, records);
    if (status == 0)
        status = ask_init(invocation, &boot);
    if (status != 0)
        return status;
    timeline->begin_ns = page.started_ns;
    timeline->end_ns = 1;
    timeline->missing = boot.missing;
    timeline->ready_ns = since(timeline, boot.ready_ns);
    timeline->waits_for = boot.holder.text[0] == '\0' ? json_null() : json_string(boot.holder.text);
    for (uint32_t index = 0; status == 0 && index < page.count; index++) {
        struct registry_record record;
        system_record_of(&records[index], &record);
        status = add_service(&record, &collection);
    }
    if (status == 0)
        status = system_query(invocation, &query, add_service, &collection);
    mend_user_phase(&boot, &collection);
    stretch(timeline, boot.ready_ns);
    for (uint32_t phase = 0; status == 0 && phase < INIT_PHASES; phase++)
        status = add_phase(timeline, phase, &boot.phase[phase]);
    return status;
}

static int by_start(const void *a, const void *b) {
    json_int_t one = json_integer_value(json_object_get(*(json_t *const *)a, "started_ns"));
    json_int_t other = json_integer_value(json_object_get(*(json_t *const *)b, "started_ns"));
    return one < other ? -1 : one > other;
}

/* In the order of their start. */
static int sort(const struct invocation *invocation, struct timeline *timeline) {
    size_t count = json_array_size(timeline->services);
    json_t **list = calloc(count + 1, sizeof(json_t *));
    json_t *result = list == NULL ? NULL : json_array();
    for (size_t index = 0; result != NULL && index < count; index++)
        list[index] = json_array_get(timeline->services, index);
    if (result != NULL)
        qsort(list, count, sizeof *list, by_start);
    for (size_t index = 0; result != NULL && index < count; index++)
        (void)json_array_append(result, list[index]);
    free(list);
    if (result == NULL)
        return command_fail(invocation, "memory is exhausted");
    json_decref(timeline->services);
    timeline->services = result;
    return 0;
}

/* ---- showing ---- */

/* "   ====  " from its start until it was ready; "?" where it never was. */
static json_t *bar_of(const struct timeline *timeline, const json_t *row, const char *begin) {
    char bar[BAR_COLUMNS + 1];
    const json_t *ready = json_object_get(row, "ready_ns");
    uint64_t from_ns = (uint64_t)json_integer_value(json_object_get(row, begin));
    uint64_t to_ns = json_is_integer(ready) ? (uint64_t)json_integer_value(ready) : timeline->end_ns;
    /* What was started again since then lies beyond the right end. */
    uint64_t from = from_ns > timeline->end_ns ? BAR_COLUMNS : from_ns * (BAR_COLUMNS - 1) / timeline->end_ns;
    uint64_t to = to_ns > timeline->end_ns ? BAR_COLUMNS : to_ns * (BAR_COLUMNS - 1) / timeline->end_ns;
    for (unsigned column = 0; column < BAR_COLUMNS; column++)
        bar[column] = column < from || column > to ? '.' : json_is_integer(ready) ? '=' : '?';
    bar[BAR_COLUMNS] = '\0';
    return json_string(bar);
}

static void add_bars(const struct timeline *timeline, const json_t *rows, const char *begin) {
    size_t index;
    json_t *row;
    json_array_foreach(rows, index, row)(void) json_object_set_new(row, "bar", bar_of(timeline, row, begin));
}

static void show(const struct invocation *invocation, const struct timeline *timeline) {
    static const struct output_column phases[] = {{"PHASE", "phase", OUTPUT_TEXT},
                                                  {"SERVICES", "services", OUTPUT_TEXT},
                                                  {"MISSING", "missing", OUTPUT_TEXT},
                                                  {"BEGUN AFTER", "begin_ns", OUTPUT_DURATION},
                                                  {"READY AFTER", "ready_ns", OUTPUT_DURATION},
                                                  {"", "bar", OUTPUT_TEXT},
                                                  {0}};
    static const struct output_column columns[] = {
        {"SERVICE", "name", OUTPUT_TEXT},
        {"PHASE", "phase", OUTPUT_TEXT},
        {"INSTANCE", "generation", OUTPUT_TEXT},
        {"STARTED AFTER", "started_ns", OUTPUT_DURATION},
        {"READY AFTER", "ready_ns", OUTPUT_DURATION},
        {"TOOK", "took_ns", OUTPUT_DURATION},
        {"", "bar", OUTPUT_TEXT},
        {0},
    };
    char text[32];
    add_bars(timeline, timeline->phases, "begin_ns");
    add_bars(timeline, timeline->services, "started_ns");
    output_table(invocation, json_incref(timeline->phases), phases, "no phase has begun yet");
    (void)putchar('\n');
    output_table(invocation, json_incref(timeline->services), columns, "no service has started yet");
    if (json_is_string(timeline->waits_for))
        printf("\nthe start waits for %s\n", json_string_value(timeline->waits_for));
    else if (json_is_integer(timeline->ready_ns))
        printf("\nkernel.ready after %s\n",
               output_duration((uint64_t)json_integer_value(timeline->ready_ns), text, sizeof text));
    if (timeline->missing > 0)
        printf("degraded: %u system service%s not ready; \"grove ps\" shows which\n", timeline->missing,
               timeline->missing == 1 ? " is" : "s are");
}

static void print_json(const struct timeline *timeline) {
    output_json(json_pack("{s:O, s:O, s:O, s:O, s:i}", "phases", timeline->phases, "services", timeline->services,
                          "kernel_ready_ns", timeline->ready_ns, "waits_for", timeline->waits_for, "missing",
                          (int)timeline->missing));
}

static int run(struct invocation *invocation) {
    struct timeline timeline = {
        .phases = json_array(), .services = json_array(), .ready_ns = json_null(), .waits_for = json_null()};
    const char *svg = command_value(invocation, "svg");
    struct grove_session *session;
    int status = command_connect(invocation, &session);
    if (status == 0)
        status = collect(invocation, &timeline);
    if (status == 0)
        status = sort(invocation, &timeline);
    if (status == 0 && svg != NULL)
        status = boot_draw(invocation, &timeline, svg);
    else if (status == 0 && invocation->json)
        print_json(&timeline);
    else if (status == 0)
        show(invocation, &timeline);
    json_decref(timeline.phases);
    json_decref(timeline.services);
    json_decref(timeline.ready_ns);
    json_decref(timeline.waits_for);
    return status;
}

const struct command command_boot = {
    .name = "boot",
    .summary = "show how long each phase and service took to be ready",
    .usage = "",
    .description =
        "Shows when each phase of the start began and was over and when each service was started and ready, counted "
        "from the start of the kernel, in the order of their starts, and when kernel.ready was published. A phase ends "
        "with services missing when one that is not essential has failed or takes too long: the system is degraded "
        "then, and goes on trying. A service that was restarted since then shows its latest instance, with the number "
        "of "
        "that instance.",
    .examples = "  grove boot                    the timeline\n"
                "  grove boot --json             the same in nanoseconds, for a program\n"
                "  grove boot --svg start.svg    as a drawing",
    .options = options,
    .run = run,
};
