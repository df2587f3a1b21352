/*
 * registry: knows every service, starts it when it is wanted, and starts it again when it fails.
 *
 *     requests -> methods.c, register.c, queries.c       notices of the kernel -> here
 *                      |                                          |
 *                      +--------> order.c <--------> life.c <-----+----> the kernel (start, stop, mark ready)
 *                                                       |
 *                                                  readiness.c
 *
 * One thread in libgrove's run loop; everything is an event and nothing waits, the disk excepted. Killing this process
 * at any point harms nobody who runs: recover.c.
 */
#include "servers/registry/registry.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "servers/common/budget_text.h"
#include "servers/common/exit_text.h"
#include "servers/common/own_config.h"
#include "servers/log/protocol.h"

#define LOG_PATIENCE_NS GROVE_MILLISECOND

/* ---- the log service ---- */

/* One way and best effort: the log service looks for streams itself when it starts. */
void log_attach(struct registry *registry, const char *name) {
    struct log_attach attach = {.version = LOG_PROTOCOL_VERSION};
    (void)snprintf(attach.name.text, sizeof attach.name.text, "%s", name);
    if (registry->log == NULL && grove_connect(LOG_ENDPOINT, &registry->log) < 0)
        return;
    int status = grove_send(registry->log, &(struct grove_call){.method = LOG_ATTACH,
                                                                .priority = GROVE_PRIORITY_MEDIUM,
                                                                .data = &attach,
                                                                .length_bytes = sizeof attach,
                                                                .timeout_ns = LOG_PATIENCE_NS});
    if (status != GROVE_CLOSED)
        return;
    grove_channel_close(registry->log);
    registry->log = NULL;
}

/* ---- notices ---- */

/* What somebody with control over it does to it while it runs. */
static void container_is(struct record *record, uint32_t state) {
    if (state == GROVE_CONTAINER_QUIESCED)
        life_event(record, LIFE_QUIESCED);
    else if (state == GROVE_CONTAINER_READY)
        life_event(record, LIFE_RESUMED);
    if (state != GROVE_CONTAINER_STOPPED)
        record->is_frozen = state == GROVE_CONTAINER_FROZEN;
    judge(record);
}

static void container_changed(struct registry *registry, const struct grove_notice_container *notice) {
    struct record *record = record_find(registry, notice->name.text);
    if (record == NULL || record->container != notice->container) {
        if (!beside_notice(registry, notice))
            readiness_notice(registry, notice);
        return;
    }
    if (notice->generation < record->generation)
        return; /* of an instance before this one */
    record->generation = notice->generation;
    if (notice->state == GROVE_CONTAINER_READY && record->is_probed)
        life_event(record, LIFE_READY);
    container_is(record, notice->state);
    if (notice->state != GROVE_CONTAINER_STOPPED)
        return;
    record->exit_cause = notice->exit_cause;
    record->exit_detail = notice->exit_detail;
    record->layer = notice->layer;
    if (notice->exit_cause == GROVE_EXIT_START_FAILED && notice->layer == GROVE_LAYER_SCHEDULE &&
        notice->fail_detail == EPERM)
        record_say(record, "could not be started: the layer schedule refused its class, which takes root or a limit "
                           "RLIMIT_RTPRIO (docs/grid.md); else write class: fair");
    else if (notice->exit_cause == GROVE_EXIT_START_FAILED && notice->layer != GROVE_LAYER_NONE)
        record_say(record,
                   "could not be started: the start failed at the layer %s: %s (%s); `grove doctor` says how to get it",
                   layer_text(notice->layer), grove_status_text(notice->exit_detail), strerror(notice->fail_detail));
    life_event(record, LIFE_ENDED);
}

static void endpoint_wanted(struct registry *registry, const struct grove_notice_endpoint *notice) {
    struct record *record = name_table_find(&registry->by_endpoint, notice->name.text);
    if (record != NULL)
        order_activate(record, notice->client.text);
}

/* It is in the log and in `grove why`; what to do about it is the resource service's to decide. */
static void container_warned(struct registry *registry, const struct grove_notice_container_budget *notice) {
    const struct record *record = record_find(registry, notice->name.text);
    char text[128];
    (void)fprintf(
        stderr, "registry: %s %s\n", notice->name.text,
        budget_text(notice->warning.resource, notice->warning.used, notice->warning.limit, false, text, sizeof text));
    if (record != NULL)
        admission_warned(record, &notice->warning);
}

static void on_notice(const struct grove_message *notice, const int *objects, unsigned object_count, void *context) {
    (void)objects;
    (void)object_count;
    if (notice->operation == GROVE_NOTICE_CONTAINER_STATE)
        container_changed(context, &notice->body.container_state);
    else if (notice->operation == GROVE_NOTICE_ENDPOINT_WANTED)
        endpoint_wanted(context, &notice->body.endpoint_wanted);
    else if (notice->operation == GROVE_NOTICE_CONTAINER_BUDGET)
        container_warned(context, &notice->body.container_budget);
}

/* ---- set-up ---- */

/* The same as in manifest.yaml: none of the bounds holds. A restart that is waited for already comes when it was to come. */
static void settings_begin(struct registry *registry, const char *folder) {
    static struct own_key keys[3];
    struct backoff_bounds *bounds = &registry->bounds;
    keys[0] = (struct own_key){"restart.delay-least", GROVE_CONFIG_DURATION, {.amount = &bounds->least_ns}};
    keys[1] = (struct own_key){"restart.delay-most", GROVE_CONFIG_DURATION, {.amount = &bounds->most_ns}};
    keys[2] = (struct own_key){"restart.never-give-up", GROVE_CONFIG_BOOL, {.is_set = &bounds->goes_on}};
    own_config_begin(folder, keys, sizeof keys / sizeof keys[0]);
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct registry *registry = context;
    (void)reason;
    registry->service = service;
    registry->session = grove_service_session(service);
    grove_session_on_notice(registry->session, on_notice, registry);
    /* Numbers of this instance are above those of all before it, so who watches from an old one is told everything. */
    registry->sequence = registry->next_failure = (uint64_t)grove_session_identity(registry->session)->generation << 32;
    registry->begun_ns = grove_now_ns();
    history_open(registry);
    points_open(registry);
    own_config_follow(registry->session, NULL, NULL);
    return recover(registry);
}

int main(int argument_count, char **arguments) {
    static struct registry registry;
    struct grove_service *service;
    if (argument_count != 2) {
        (void)fprintf(stderr, "usage: registry STATE-FOLDER (started by init; see servers/registry/manifest.yaml)\n");
        return 2;
    }
    settings_begin(&registry, arguments[1]);
    if (store_open(&registry, arguments[1]) < 0)
        return 1;
    struct grove_service_options options = {.on_init = on_init, .context = &registry};
    if (grove_service_create(&options, &service) < 0)
        return grove_report("registry");
    for (unsigned index = 0; index < registry_method_count; index++)
        if (grove_service_on(service, REGISTRY_ENDPOINT, registry_methods[index].number,
                             registry_methods[index].handler, &registry) < 0)
            return grove_report("registry");
    metrics_serve(&registry, service);
    return grove_service_run(service) < 0 ? grove_report("registry") : 0;
}
