/*
 * The client's side of init, registry and log.
 */
#include "userspace/grove/commands/system_client.h"

#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"

/* ---- calls ---- */

static struct {
    const char *endpoint;
    struct grove_channel *channel;
} open[4];

int system_connect(const struct invocation *invocation, const char *endpoint, struct grove_channel **channel) {
    struct grove_connect_options options = {0};
    unsigned index = 0;
    for (; index < 4 && open[index].endpoint != NULL; index++) {
        if (strcmp(open[index].endpoint, endpoint) == 0) {
            *channel = open[index].channel;
            return 0;
        }
    }
    int status = command_connect(invocation, &options.session);
    if (status != 0)
        return status;
    status = grove_connect_with(endpoint, &options, channel);
    if (status == GROVE_NOT_FOUND)
        return command_fail(invocation,
                            "the kernel in %s runs without %s; \"grove down --all\" and \"grove up\" start "
                            "it with its system services",
                            invocation->run_folder, endpoint);
    if (status < 0)
        return command_fail_library(invocation, "%s cannot be reached", endpoint);
    if (index < 4) {
        open[index].endpoint = endpoint;
        open[index].channel = *channel;
    }
    return 0;
}

/* A system service that hangs is replaced by init; the messages that wait for it are not lost. */
static int fail_silent(const struct invocation *invocation, const struct grove_channel *channel) {
    for (unsigned index = 0; index < 4 && open[index].endpoint != NULL; index++)
        if (open[index].channel == channel)
            return command_fail(invocation, "%s; \"grove restart %s\" replaces it if it hangs", grove_last_error(),
                                open[index].endpoint);
    return command_fail(invocation, "%s", grove_last_error());
}

int system_call(const struct invocation *invocation, struct grove_channel *channel, uint32_t method, const void *data,
                size_t bytes, uint64_t timeout_ns, struct grove_answer *answer) {
    int status = grove_call(
        channel, &(struct grove_call){.method = method, .data = data, .length_bytes = bytes, .timeout_ns = timeout_ns},
        answer);
    if (status == GROVE_TIMED_OUT)
        return fail_silent(invocation, channel);
    return status < 0 ? command_fail_kernel(invocation) : 0;
}

static int short_answer(const struct invocation *invocation, struct grove_answer *answer) {
    grove_answer_release(answer);
    return command_fail(invocation, "the answer is shorter than it says; grove and the system services are of "
                                    "different versions: \"grove down --all\" and \"grove up\" put that right");
}

/* ---- registry ---- */

int system_query(const struct invocation *invocation, const struct registry_query *query,
                 system_record_handler *handler, void *context) {
    struct registry_query next = *query;
    struct grove_channel *channel;
    int status = system_connect(invocation, REGISTRY_ENDPOINT, &channel);
    next.version = REGISTRY_PROTOCOL_VERSION;
    do {
        struct grove_answer answer;
        struct registry_page page;
        struct registry_record record;
        if (status == 0)
            status = system_call(invocation, channel, REGISTRY_QUERY, &next, sizeof next, SYSTEM_TIMEOUT_NS, &answer);
        if (status != 0)
            return status;
        if (answer.length_bytes < sizeof page)
            return short_answer(invocation, &answer);
        memcpy(&page, answer.data, sizeof page);
        if ((answer.length_bytes - sizeof page) / sizeof record < page.count)
            return short_answer(invocation, &answer);
        for (uint32_t index = 0; status == 0 && index < page.count; index++) {
            memcpy(&record, (const char *)answer.data + sizeof page + index * sizeof record, sizeof record);
            status = handler(&record, context);
        }
        grove_answer_release(&answer);
        next.cursor = page.cursor;
    } while (next.cursor != 0 && status == 0);
    return status;
}

static struct registry_target target_of(const struct grove_name *service, const struct grove_name *project) {
    struct registry_target target = {.version = REGISTRY_PROTOCOL_VERSION};
    if (service != NULL)
        target.service = *service;
    if (project != NULL)
        target.project = *project;
    return target;
}

int system_status(const struct invocation *invocation, const struct grove_name *name, struct registry_record *record) {
    struct registry_target target = target_of(name, NULL);
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = system_connect(invocation, REGISTRY_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, REGISTRY_STATUS, &target, sizeof target, SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    if (answer.length_bytes < sizeof *record)
        return short_answer(invocation, &answer);
    memcpy(record, answer.data, sizeof *record);
    grove_answer_release(&answer);
    return 0;
}

int system_spec(const struct invocation *invocation, const struct grove_name *name, struct grove_spec **spec) {
    struct registry_target target = target_of(name, NULL);
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = system_connect(invocation, REGISTRY_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, REGISTRY_SPEC, &target, sizeof target, SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    const void *from = answer.slice != NULL ? answer.slice : answer.data;
    size_t bytes = answer.slice != NULL ? answer.slice_bytes : answer.length_bytes;
    struct grove_spec *copy = malloc(bytes + 1);
    if (copy != NULL)
        memcpy(copy, from, bytes);
    grove_answer_release(&answer);
    if (copy == NULL || grove_spec_check(copy, bytes, NULL) < 0) {
        free(copy);
        return command_fail(invocation, "the registry's spec of %s cannot be read", name->text);
    }
    *spec = copy;
    return 0;
}

int system_change(const struct invocation *invocation, uint32_t method, const struct grove_name *service,
                  const struct grove_name *project, uint32_t *count, uint64_t *sequence) {
    const struct registry_target target = target_of(service, project);
    return system_change_target(invocation, method, &target, count, sequence);
}

int system_change_target(const struct invocation *invocation, uint32_t method, const struct registry_target *target,
                         uint32_t *count, uint64_t *sequence) {
    struct registry_count reply;
    struct grove_channel *channel;
    struct grove_answer answer;
    int status = system_connect(invocation, REGISTRY_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, method, target, sizeof *target, 6 * SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    if (answer.length_bytes < sizeof reply)
        return short_answer(invocation, &answer);
    memcpy(&reply, answer.data, sizeof reply);
    grove_answer_release(&answer);
    if (count != NULL)
        *count = reply.count;
    if (sequence != NULL)
        *sequence = reply.sequence;
    return 0;
}

/* ---- init ---- */

int system_init(const struct invocation *invocation, uint32_t method, const char *service, struct init_page *page,
                struct init_record *records) {
    struct init_request request = {.version = INIT_PROTOCOL_VERSION};
    struct grove_channel *channel;
    struct grove_answer answer;
    name_set(&request.service, service);
    int status = system_connect(invocation, INIT_ENDPOINT, &channel);
    if (status == 0)
        status = system_call(invocation, channel, method, &request, sizeof request, SYSTEM_TIMEOUT_NS, &answer);
    if (status != 0)
        return status;
    if (answer.length_bytes < sizeof *page)
        return short_answer(invocation, &answer);
    memcpy(page, answer.data, sizeof *page);
    if (page->count > INIT_SERVICES_MAX + 1 || answer.length_bytes < sizeof *page + page->count * sizeof *records)
        return short_answer(invocation, &answer);
    memcpy(records, (const char *)answer.data + sizeof *page, page->count * sizeof *records);
    grove_answer_release(&answer);
    return 0;
}

void system_record_of(const struct init_record *record, struct registry_record *out) {
    *out = (struct registry_record){.name = record->name,
                                    .service_version = record->service_version,
                                    .state = record->state,
                                    .flags = REGISTRY_WANTED,
                                    .generation = record->generation,
                                    .restarts = record->restarts,
                                    .exit_cause = record->exit_cause,
                                    .exit_detail = record->exit_detail,
                                    .phase = record->phase,
                                    .started_ns = record->started_ns,
                                    .ready_ns = record->ready_ns,
                                    .restart_due_ns = record->restart_due_ns};
    name_set(&out->project, "system");
    text_set(out->reason, sizeof out->reason, record->reason);
}

/* ---- names ---- */

bool system_is_own(const struct grove_name *name) {
    return strncmp(name->text, "system.", 7) == 0;
}

/* ---- what people see ---- */

const char *system_state_text(uint32_t state) {
    return grove_service_state_text(state);
}

bool system_container(struct grove_session *session, const struct grove_name *name,
                      struct grove_container_record *container) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ};
    message.body.container_read.name = *name;
    if (grove_kernel_request(session, &message, NULL, 0, NULL, NULL, SYSTEM_TIMEOUT_NS) < 0)
        return false;
    *container = message.body.container_record;
    return true;
}

static void set_number(json_t *object, const char *member, uint64_t number) {
    (void)json_object_set_new(object, member, json_integer((json_int_t)number));
}

static bool is_up(uint32_t state) {
    return state == REGISTRY_STATE_READY || state == REGISTRY_STATE_STARTING || state == REGISTRY_STATE_STOPPING;
}

json_t *system_record_json(const struct registry_record *record, const struct grove_container_record *container) {
    uint64_t now_ns = grove_now_ns();
    char version[32];
    (void)snprintf(version, sizeof version, "%u.%u.%u", record->service_version.major, record->service_version.minor,
                   record->service_version.patch);
    bool is_done = (record->flags & REGISTRY_DONE) != 0;
    const char *state = is_done                                     ? "done"
                        : (record->flags & REGISTRY_DEGRADED) != 0  ? "degraded"
                        : (record->flags & REGISTRY_QUIESCING) != 0 ? "quiescing"
                                                                    : system_state_text(record->state);
    json_t *object = json_pack("{s:s, s:s, s:s, s:s}", "name", record->name.text, "project", record->project.text,
                               "version", version, "state", state);
    set_number(object, "generation", record->generation);
    set_number(object, "restarts", record->restarts);
    (void)json_object_set_new(object, "wanted", json_boolean((record->flags & REGISTRY_WANTED) != 0));
    (void)json_object_set_new(object, "on_demand", json_boolean((record->flags & REGISTRY_ON_DEMAND) != 0));
    if (is_up(record->state) && !is_done && record->started_ns != 0 && now_ns > record->started_ns)
        set_number(object, "uptime_ns", now_ns - record->started_ns);
    if (record->ready_ns != 0 && record->started_ns != 0 && record->ready_ns > record->started_ns)
        set_number(object, "time_to_ready_ns", record->ready_ns - record->started_ns);
    if (record->restart_due_ns > now_ns)
        set_number(object, "restart_in_ns", record->restart_due_ns - now_ns);
    if (record->reason[0] != '\0')
        (void)json_object_set_new(object, "reason", json_string(record->reason));
    if (container == NULL)
        return object;
    if (container->process != 0 && is_up(record->state))
        set_number(object, "process", (uint64_t)container->process);
    set_number(object, "ring", container->ring);
    set_number(object, "memory_bytes", container->usage.memory_bytes);
    set_number(object, "processor_ns", container->usage.processor_ns);
    set_number(object, "processes", container->usage.processes);
    if (container->budget.disk_bytes != 0) {
        set_number(object, "disk_bytes", container->disk_bytes);
        set_number(object, "disk_limit_bytes", container->budget.disk_bytes);
    }
    if (container->budget.network_rate != 0 || container->budget.network_total != 0) {
        set_number(object, "network_bytes", container->network_bytes);
        set_number(object, "network_limit_rate", container->budget.network_rate);
        set_number(object, "network_limit_bytes", container->budget.network_total);
    }
    set_number(object, "capabilities", container->capabilities);
    set_number(object, "channels", container->channels);
    set_number(object, "refusals", container->refusals);
    return object;
}
