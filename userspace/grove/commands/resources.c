/*
 * grove resources: what the machine has, what was promised, and the limits that were reached.
 */
#include <string.h>

#include "grove/resource.h"
#include "lib/text/text.h"
#include "userspace/grove/commands/system_client.h"

static const struct command_option options[] = {
    {"overcommit", 'o', "WHAT=SHARE",
     "let memory or processor be promised up to this share of what the machine has, like memory=150%"},
    {0},
};

static const char *resource_text(uint32_t resource) {
    switch (resource) {
    case GROVE_RESOURCE_MEMORY:
        return "memory";
    case GROVE_RESOURCE_PROCESSOR:
        return "processor";
    case GROVE_RESOURCE_PROCESSES:
        return "processes";
    case GROVE_RESOURCE_SHARED:
        return "shared";
    case GROVE_RESOURCE_CHANNELS:
        return "channels";
    case GROVE_RESOURCE_DISK:
        return "disk";
    case GROVE_RESOURCE_NETWORK:
        return "network";
    case GROVE_RESOURCE_NETWORK_TOTAL:
        return "network-total";
    default:
        return "other";
    }
}

static int add_case(const struct grove_limit_case *one, void *context) {
    static const char *const policies[] = {"tell", "throttle", "suspend", "terminate"};
    uint64_t now_ns = grove_now_ns();
    bool has_acted = one->stage == GROVE_LIMIT_ACTED;
    const char *state = !has_acted ? "watched" : one->policy == GROVE_LIMIT_THROTTLE ? "throttled" : "suspended";
    json_t *row =
        json_pack("{s:s, s:s, s:s, s:s, s:i, s:I, s:I}", "name", one->service.text, "resource",
                  resource_text(one->resource), "policy", one->policy < 4 ? policies[one->policy] : "other", "state",
                  state, "actions", (int)one->actions, "used", (json_int_t)one->used, "limit", (json_int_t)one->limit);
    if (now_ns > one->since_ns)
        (void)json_object_set_new(row, "since_ns", json_integer((json_int_t)(now_ns - one->since_ns)));
    if (has_acted && one->until_ns > now_ns)
        (void)json_object_set_new(row, "left_ns", json_integer((json_int_t)(one->until_ns - now_ns)));
    return json_array_append_new(context, row);
}

static int set_factor(const struct invocation *invocation, struct grove_session *session, const char *text) {
    uint64_t factor_ppm;
    const char *share = strchr(text, '=');
    bool is_memory = strncmp(text, "memory=", 7) == 0, is_processor = strncmp(text, "processor=", 10) == 0;
    if (share == NULL || (!is_memory && !is_processor) || text_share_parse(share + 1, &factor_ppm) < 0)
        return command_misused(invocation, "\"%s\" is no factor; write memory=150%% or processor=200%%", text);
    int status =
        grove_resource_overcommit(session, is_memory ? GROVE_RESOURCE_MEMORY : GROVE_RESOURCE_PROCESSOR, factor_ppm);
    return status < 0 ? command_fail_kernel(invocation) : 0;
}

static json_t *describe(const struct grove_machine *machine) {
    uint64_t memory = (uint64_t)((double)machine->memory_bytes * ((double)machine->memory_factor_ppm / 1e6));
    uint64_t processor = (uint64_t)((double)machine->processors * (double)machine->processor_factor_ppm);
    return json_pack("{s:i, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:i, s:I}", "processors", (int)machine->processors,
                     "memory_bytes", (json_int_t)machine->memory_bytes, "memory_factor_ppm",
                     (json_int_t)machine->memory_factor_ppm, "processor_factor_ppm",
                     (json_int_t)machine->processor_factor_ppm, "memory_promisable_bytes", (json_int_t)memory,
                     "memory_promised_bytes", (json_int_t)machine->memory_promised, "processor_promisable_ppm",
                     (json_int_t)processor, "processor_promised_ppm", (json_int_t)machine->processor_promised,
                     "services", (int)machine->services, "refusals", (json_int_t)machine->refusals);
}

static void show(const struct invocation *invocation, json_t *machine, json_t *cases) {
    static const struct output_column facts[] = {
        {"processors", "processors", OUTPUT_TEXT},
        {"memory", "memory_bytes", OUTPUT_BYTES},
        {"memory that may be promised", "memory_promisable_bytes", OUTPUT_BYTES},
        {"memory promised", "memory_promised_bytes", OUTPUT_BYTES},
        {"processor time that may be promised", "processor_promisable_ppm", OUTPUT_PERCENT},
        {"processor time promised", "processor_promised_ppm", OUTPUT_PERCENT},
        {"services with a promise", "services", OUTPUT_TEXT},
        {"starts refused", "refusals", OUTPUT_TEXT},
        {0},
    };
    static const struct output_column columns[] = {
        {"SERVICE", "name", OUTPUT_TEXT},     {"LIMIT", "resource", OUTPUT_TEXT},
        {"POLICY", "policy", OUTPUT_TEXT},    {"STATE", "state", OUTPUT_STATE},
        {"ACTIONS", "actions", OUTPUT_TEXT},  {"SINCE", "since_ns", OUTPUT_DURATION},
        {"LEFT", "left_ns", OUTPUT_DURATION}, {0},
    };
    output_record(invocation, machine, facts);
    (void)putchar('\n');
    output_table(invocation, cases, columns, "no limit is being watched");
}

static int run(struct invocation *invocation) {
    const char *factor = command_value(invocation, "overcommit");
    struct grove_session *session;
    struct grove_machine machine;
    json_t *cases = json_array();
    int status = command_connect(invocation, &session);
    if (status == 0 && factor != NULL)
        status = set_factor(invocation, session, factor);
    if (status == 0 && grove_resource_machine(session, &machine) < 0)
        status = command_fail_library(invocation, "the resource service does not answer");
    if (status == 0 && grove_resource_cases(session, add_case, cases) < 0)
        status = command_fail_library(invocation, "the resource service does not answer");
    if (status != 0) {
        json_decref(cases);
        return status;
    }
    if (invocation->json)
        output_json(json_pack("{s:o, s:o}", "machine", describe(&machine), "cases", cases));
    else
        show(invocation, describe(&machine), cases);
    return COMMAND_OK;
}

const struct command command_resources = {
    .name = "resources",
    .summary = "show what the machine can give, what was promised, and limits that were reached",
    .usage = "",
    .description = "Shows what this machine has of memory and processor time, how much of it was promised to services "
                   "that run (the "
                   "limits in their manifests), and the limits that are being watched or acted upon by a policy. A "
                   "start that asks "
                   "for more than is left is refused; --overcommit allows more, and is kept.",
    .examples = "  grove resources                              what there is\n"
                "  grove resources --overcommit memory=150%     promise half as much again",
    .options = options,
    .run = run,
};
