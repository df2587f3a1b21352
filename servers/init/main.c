/*
 * init: the first service. It starts the other system services, phase by phase, and starts them again when they fail.
 *
 * The kernel makes its container, gives it all authority there is, and restarts it when it ends. init in turn hands to each
 * system service exactly what its manifest asks for. It needs no state of its own to go on: the specs are in a folder, what
 * runs is in the kernel's table; only the times of the start lie in its state region.
 *
 * When the kernel shuts down it asks init to stop. init asks the registry to stop all user services in reverse order, then
 * stops the system services in reverse order; whatever does not end by then, the kernel kills.
 */
#include "servers/init/init.h"

#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"

#define REGISTRY_PATIENCE_NS (8 * GROVE_SECOND)
#define UNITS_PATIENCE_NS (3 * GROVE_SECOND)

/* ---- methods ---- */

static int read_request(struct grove_request *request, struct init_request *asked) {
    if (grove_request_bytes(request) < sizeof *asked)
        return grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                          grove_request_bytes(request), sizeof *asked);
    memcpy(asked, grove_request_data(request), sizeof *asked);
    if (asked->version != INIT_PROTOCOL_VERSION)
        return grove_fail(request, GROVE_VERSION, "init speaks version %u of its protocol, not %u",
                          INIT_PROTOCOL_VERSION, asked->version);
    return 0;
}

static void fill_self(const struct init *init, struct init_record *record) {
    const struct grove_notice_init *self = grove_session_identity(init->session);
    *record = (struct init_record){.name = self->name,
                                   .service_version = grove_library_version(),
                                   .state = init->is_stopping ? REGISTRY_STATE_STOPPING : REGISTRY_STATE_READY,
                                   .generation = self->generation,
                                   .restarts = self->generation - 1,
                                   .exit_cause = self->exit_cause,
                                   .exit_detail = self->exit_detail};
}

static void fill_unit(const struct unit *unit, struct init_record *record) {
    *record = (struct init_record){.service_version = unit->spec->service_version,
                                   .state = (uint32_t)unit->state,
                                   .phase = unit->spec->phase,
                                   .generation = unit->generation,
                                   .restarts = unit->generation > 0 ? unit->generation - 1 : 0,
                                   .exit_cause = unit->exit_cause,
                                   .exit_detail = unit->exit_detail,
                                   .started_ns = unit->started_ns,
                                   .ready_ns = unit->ready_ns,
                                   .restart_due_ns = unit->restart_due_ns};
    name_set(&record->name, unit->name);
    text_set(record->reason, sizeof record->reason, unit->reason);
}

static int answer_status(struct grove_request *request, struct init *init) {
    static struct {
        struct init_page head;
        struct init_record records[INIT_SERVICES_MAX + 1];
    } page;
    page.head =
        (struct init_page){.version = INIT_PROTOCOL_VERSION, .count = init->count + 1, .started_ns = init->booted_ns};
    for (uint32_t phase = 0; phase < INIT_USER_PHASE; phase++)
        if (init->progress->phase[phase].services > 0)
            page.head.phase_ns[phase] = init->progress->phase[phase].end_ns;
    fill_self(init, &page.records[0]);
    for (uint32_t index = 0; index < init->count; index++)
        fill_unit(&init->units[index], &page.records[index + 1]);
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.records[0]);
}

static int on_status(struct grove_request *request, void *context) {
    struct init_request asked;
    int status = read_request(request, &asked);
    return status < 0 ? status : answer_status(request, context);
}

static int on_boot(struct grove_request *request, void *context) {
    const struct init *init = context;
    const struct unit *holder = phases_holder(init);
    struct init_request asked;
    int status = read_request(request, &asked);
    if (status < 0)
        return status;
    struct init_boot boot = {.version = INIT_PROTOCOL_VERSION,
                             .phases = INIT_PHASES,
                             .started_ns = init->booted_ns,
                             .ready_ns = init->progress->ready_ns,
                             .missing = phases_missing(init)};
    if (holder != NULL)
        name_set(&boot.holder, holder->name);
    memcpy(boot.phase, init->progress->phase, sizeof boot.phase);
    return grove_reply(request, &boot, sizeof boot);
}

static int on_users(struct grove_request *request, void *context) {
    struct init_users users;
    if (strcmp(grove_request_client(request), "system.registry") != 0)
        return grove_fail(request, GROVE_DENIED, "only the registry says how the user services are");
    if (grove_request_bytes(request) < sizeof users)
        return grove_fail(request, GROVE_INVALID, "the message is too short");
    memcpy(&users, grove_request_data(request), sizeof users);
    phases_users_rest(context, &users);
    return 0;
}

static int on_restart(struct grove_request *request, void *context) {
    struct init *init = context;
    struct init_request asked;
    int status = read_request(request, &asked);
    if (status < 0)
        return status;
    if (grove_request_client_ring(request) == 2)
        return grove_fail(request, GROVE_DENIED, "only shells and system services restart system services");
    struct unit *unit = service_name_is_valid(&asked.service) ? boot_find(init, asked.service.text) : NULL;
    if (unit == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "init knows no system service of that name; `grove ps` lists them");
    unit_restart(unit);
    return answer_status(request, init);
}

/* ---- notices ---- */

static void on_notice(const struct grove_message *notice, const int *objects, unsigned object_count, void *context) {
    struct init *init = context;
    (void)objects;
    (void)object_count;
    if (notice->operation == GROVE_NOTICE_CONTAINER_STATE) {
        struct unit *unit = boot_find(init, notice->body.container_state.name.text);
        if (unit != NULL && unit->container == notice->body.container_state.container)
            unit_notice(unit, &notice->body.container_state);
    } else if (notice->operation == GROVE_NOTICE_CONTAINER_BUDGET) {
        const struct unit *unit = boot_find(init, notice->body.container_budget.name.text);
        if (unit != NULL)
            tell_warned(init, unit, &notice->body.container_budget.warning);
    } else if (notice->operation == GROVE_NOTICE_ENDPOINT_WANTED) {
        for (uint32_t index = 0; index < init->count; index++) {
            struct unit *unit = &init->units[index];
            if (unit->container == notice->body.endpoint_wanted.container && unit->state == REGISTRY_STATE_REGISTERED &&
                unit->spec->phase <= init->phase)
                unit_start(unit);
        }
    }
}

/* ---- set-up and end ---- */

/*
 * All endpoints first: who starts early may connect to who starts late. The registry's comes after all others, as
 * `grove up` takes it for the sign that there is a system to speak with.
 */
static void prepare(struct init *init, bool is_registry) {
    for (uint32_t index = 0; index < init->count; index++) {
        struct unit *unit = &init->units[index];
        if ((strcmp(unit->name, REGISTRY_ENDPOINT) == 0) == is_registry && unit_prepare(unit) < 0)
            (void)fprintf(stderr, "init: %s: %s\n", unit->name, grove_last_error());
    }
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct init *init = context;
    struct grove_message kernel = {.operation = GROVE_REQUEST_KERNEL_READ};
    grove_handle endpoint;
    (void)reason;
    init->service = service;
    init->session = grove_service_session(service);
    grove_session_on_notice(init->session, on_notice, init);
    int status = grove_endpoint_create(init->session, INIT_ENDPOINT, (struct grove_version){.major = 1},
                                       GROVE_HANDLE_NONE, &endpoint);
    if (status < 0 && status != GROVE_EXISTS)
        return status;
    if (grove_kernel_request(init->session, &kernel, NULL, 0, NULL, NULL, INIT_KERNEL_TIMEOUT_NS) == 0) {
        init->booted_ns = kernel.body.kernel.boot_ns;
        init->boot_id = kernel.body.kernel.boot_id;
    }
    phases_open(init);
    status = boot_load(init);
    if (status == 0)
        status = boot_recover(init);
    if (status < 0)
        return status;
    prepare(init, false);
    prepare(init, true);
    phases_continue(init);
    tell_registry_soon(init);
    return 0;
}

static void stop_user_services(struct init *init) {
    struct registry_target everything = {.version = REGISTRY_PROTOCOL_VERSION};
    struct grove_channel *registry;
    struct grove_answer answer;
    const struct unit *unit = boot_find(init, "system.registry");
    if (unit == NULL || unit->state != REGISTRY_STATE_READY || grove_connect(REGISTRY_ENDPOINT, &registry) < 0)
        return;
    if (grove_call(registry,
                   &(struct grove_call){.method = REGISTRY_SHUT_DOWN,
                                        .data = &everything,
                                        .length_bytes = sizeof everything,
                                        .timeout_ns = REGISTRY_PATIENCE_NS},
                   &answer) == 0)
        grove_answer_release(&answer);
    else
        (void)fprintf(stderr, "init: not all services stopped in time: %s\n", grove_last_error());
}

static bool wait_until_stopped(struct init *init, const struct unit *unit) {
    uint64_t deadline_ns = grove_now_ns() + UNITS_PATIENCE_NS;
    while (unit_is_running(unit)) {
        uint64_t now_ns = grove_now_ns();
        if (now_ns >= deadline_ns)
            return false;
        int status = grove_session_dispatch(init->session, deadline_ns - now_ns);
        if (status < 0 && status != GROVE_TIMED_OUT)
            return false;
    }
    return true;
}

static void shut_down(struct init *init) {
    init->is_stopping = true;
    stop_user_services(init);
    for (uint32_t index = init->count; index > 0; index--) {
        struct unit *unit = &init->units[index - 1];
        unit_stop(unit);
        if (!wait_until_stopped(init, unit))
            (void)fprintf(stderr, "init: %s did not stop in time\n", unit->name);
    }
}

int main(int argument_count, char **arguments) {
    static struct init init;
    struct grove_service *service;
    if (argument_count != 2) {
        (void)fprintf(stderr, "usage: init BOOT-FOLDER (started by the kernel; see servers/init/manifest.yaml)\n");
        return 2;
    }
    init.folder = arguments[1];
    struct grove_service_options options = {.on_init = on_init, .context = &init};
    if (grove_service_create(&options, &service) < 0 ||
        grove_service_on(service, INIT_ENDPOINT, INIT_STATUS, on_status, &init) < 0 ||
        grove_service_on(service, INIT_ENDPOINT, INIT_RESTART, on_restart, &init) < 0 ||
        grove_service_on(service, INIT_ENDPOINT, INIT_BOOT, on_boot, &init) < 0 ||
        grove_service_on(service, INIT_ENDPOINT, INIT_USERS, on_users, &init) < 0)
        return grove_report("init");
    metrics_serve(&init, service);
    if (grove_service_run(service) < 0)
        return grove_report("init");
    shut_down(&init);
    grove_service_destroy(service);
    return 0;
}
