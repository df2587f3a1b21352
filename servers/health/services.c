/*
 * Which services there are, and how the kernel and the registry see them.
 *
 * The registry is watched by long poll; its records say which services have checks (REGISTRY_CHECKED) and which are down.
 * A service without checks that is well is not kept here at all, so ten thousand of them cost nothing. System services
 * are known by their boot specs. Before a try the kernel is asked about the container: instance, usage, limits.
 *
 * An earlier instance of this process had the same channel; what it had asked is answered to nobody, and the watch begins
 * at the beginning.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/registry/protocol.h"

#define WATCH_WAIT_MS REGISTRY_WAIT_MS_MAX
#define WATCH_TIMEOUT_NS (WATCH_WAIT_MS * GROVE_MILLISECOND + 10 * GROVE_SECOND)
#define AGAIN_NS GROVE_SECOND

static void watch_registry(struct monitor *monitor);

/* ---- the table ---- */

struct watched *services_find(struct monitor *monitor, const char *name) {
    return name_table_find(&monitor->by_name, name);
}

struct watched *services_add(struct monitor *monitor, const char *name) {
    struct watched *watched = services_find(monitor, name);
    if (watched != NULL)
        return watched;
    watched = calloc(1, sizeof *watched);
    if (watched == NULL)
        return NULL;
    name_set(&watched->name, name);
    watched->monitor = monitor;
    watched->since_ns = grove_now_ns();
    watched->is_system = strncmp(name, "system.", 7) == 0;
    if (name_table_add(&monitor->by_name, watched->name.text, watched) < 0) {
        free(watched);
        return NULL;
    }
    watched->next = monitor->first;
    monitor->first = watched;
    return watched;
}

void services_remove(struct watched *watched) {
    struct monitor *monitor = watched->monitor;
    struct watched **link = &monitor->first;
    while (watched->checks != NULL)
        check_remove(watched->checks);
    alerts_end_all(monitor, watched->name.text);
    if (watched->status > GROVE_HEALTH_OK) {
        watched->down = GROVE_HEALTH_UNKNOWN;
        judge(watched); /* so that who was told that it fails hears that it does no longer */
    }
    (void)name_table_remove(&monitor->by_name, watched->name.text);
    while (*link != watched)
        link = &(*link)->next;
    *link = watched->next;
    free(watched);
    query_probed(monitor);
}

/* ---- the kernel's view ---- */

static void new_instance(struct watched *watched, uint32_t generation) {
    if (watched->generation == generation)
        return;
    bool was_known = watched->generation != 0;
    watched->generation = generation;
    watched->mark = was_known ? WATCHED_UNMARKED : WATCHED_MARK_UNKNOWN; /* the registry forgets it with the instance */
    if (!was_known && watched->checks == NULL)
        return;
    checks_new_instance(watched);
    judge(watched);
}

/* What the kernel answered about it. False: it is gone, and `watched` with it. */
static bool take_answer(struct watched *watched, int status, const struct grove_container_record *record) {
    if (status == GROVE_NOT_FOUND && !watched->is_system) {
        services_remove(watched);
        return false;
    }
    if (status == GROVE_NOT_FOUND)
        watched->is_ready = watched->is_frozen = false; /* init has not come so far */
    if (status < 0)
        return true; /* as it was */
    if (watched->container != record->id) {
        if (watched->container != 0 && !watched->is_system)
            specs_fetch(watched);
        watched->container = record->id;
        watched->generation = 0;
    }
    watched->is_ready = record->state == GROVE_CONTAINER_READY || record->state == GROVE_CONTAINER_QUIESCED;
    watched->is_frozen = record->state == GROVE_CONTAINER_FROZEN;
    watched->memory_bytes = record->usage.memory_bytes;
    watched->processor_ns = record->usage.processor_ns;
    watched->memory_limit_bytes = record->budget.memory_bytes;
    watched->processor_limit_ppm = record->budget.processor_ppm;
    new_instance(watched, record->generation);
    return true;
}

bool services_look(struct watched *watched) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ};
    message.body.container_read.name = watched->name;
    int status =
        grove_kernel_request(watched->monitor->session, &message, NULL, 0, NULL, NULL, HEALTH_KERNEL_TIMEOUT_NS);
    return take_answer(watched, status, &message.body.container_record);
}

/* ---- many at once ---- */

struct look {
    struct monitor *monitor;
    struct grove_name name; /* who was looked at may be gone when the answer comes */
};

static void on_looked(int status, const struct grove_message *reply, void *context) {
    struct look look = *(const struct look *)context;
    struct watched *watched = services_find(look.monitor, look.name.text);
    free(context);
    if (watched != NULL)
        (void)take_answer(watched, status, &reply->body.container_record);
    if (--look.monitor->looks == 0)
        checks_try(look.monitor);
}

/* False: it is looked at already, or it is gone. */
static bool start_look(struct watched *watched) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ};
    struct look *look = malloc(sizeof *look);
    if (look != NULL) {
        *look = (struct look){.monitor = watched->monitor, .name = watched->name};
        message.body.container_read.name = watched->name;
        if (grove_kernel_request_start(watched->monitor->session, &message, on_looked, look) == 0)
            return true;
        free(look);
    }
    (void)services_look(watched);
    return false;
}

void services_look_at(struct monitor *monitor, bool (*is_wanted)(const struct watched *watched)) {
    monitor->looks = 1; /* until all are asked */
    for (struct watched *watched = monitor->first, *next; watched != NULL; watched = next) {
        next = watched->next;
        if (is_wanted(watched) && start_look(watched))
            monitor->looks++;
    }
    checks_gather(monitor->looks);
    if (--monitor->looks == 0)
        checks_try(monitor);
}

/* ---- the registry's view ---- */

static bool is_still_down(const struct monitor *monitor, const struct watched *watched) {
    struct grove_message message = {.operation = GROVE_REQUEST_CONTAINER_READ};
    message.body.container_read.name = watched->name;
    return grove_kernel_request(monitor->session, &message, NULL, 0, NULL, NULL, HEALTH_KERNEL_TIMEOUT_NS) !=
           GROVE_NOT_FOUND;
}

void services_sweep(struct monitor *monitor) {
    for (struct watched *watched = monitor->first, *next; watched != NULL; watched = next) {
        next = watched->next;
        if (watched->checks == NULL && !watched->is_spec_due &&
            (watched->down == GROVE_HEALTH_UNKNOWN || !is_still_down(monitor, watched)))
            services_remove(watched);
    }
}

static uint32_t down_status(const struct registry_record *record) {
    if (record->state == REGISTRY_STATE_GIVEN_UP)
        return GROVE_HEALTH_FAILING;
    if (record->state != REGISTRY_STATE_FAILED)
        return GROVE_HEALTH_UNKNOWN;
    return record->restart_due_ns == 0 ? GROVE_HEALTH_FAILING : GROVE_HEALTH_DEGRADED;
}

static void take_record(struct monitor *monitor, const struct registry_record *record) {
    uint32_t down = down_status(record);
    bool has_checks = (record->flags & REGISTRY_CHECKED) != 0;
    struct watched *watched = services_find(monitor, record->name.text);
    if (watched == NULL && (has_checks || down != GROVE_HEALTH_UNKNOWN))
        watched = services_add(monitor, record->name.text);
    if (watched == NULL)
        return;
    watched->down = down;
    (void)snprintf(watched->down_reason, sizeof watched->down_reason, "%s%.150s",
                   record->state == REGISTRY_STATE_GIVEN_UP ? "" : "failed: ", record->reason);
    if (down == GROVE_HEALTH_FAILING)
        alert_raise(monitor, watched->name.text, "state", GROVE_SEVERITY_CRITICAL, GROVE_CAUSE_DOWN, "%s",
                    watched->down_reason);
    else
        alert_end(monitor, watched->name.text, "state");
    if (has_checks && watched->checks == NULL)
        specs_fetch(watched);
    if (services_look(watched))
        judge(watched);
}

static void take_page(struct monitor *monitor, const struct grove_answer *answer) {
    struct registry_page page;
    if (answer->length_bytes < sizeof page)
        return;
    memcpy(&page, answer->data, sizeof page);
    size_t room = (answer->length_bytes - sizeof page) / sizeof(struct registry_record);
    for (uint32_t index = 0; index < page.count && index < room; index++) {
        struct registry_record record;
        memcpy(&record, (const char *)answer->data + sizeof page + index * sizeof record, sizeof record);
        if (service_name_is_valid(&record.name) && text_is_terminated(record.reason, sizeof record.reason))
            take_record(monitor, &record);
    }
    monitor->registry_sequence = page.sequence;
}

static void watch_again(struct grove_service *service, void *context) {
    (void)service;
    watch_registry(context);
}

static void on_page(int status, const struct grove_answer *answer, void *context) {
    struct monitor *monitor = context;
    uint32_t timer;
    if (status == 0) {
        take_page(monitor, answer);
        services_sweep(monitor);
        checks_schedule(monitor);
        watch_registry(monitor);
        return;
    }
    if (status == GROVE_CLOSED) {
        grove_channel_close(monitor->registry);
        monitor->registry = NULL;
    }
    (void)grove_service_after(monitor->service, AGAIN_NS, watch_again, monitor, &timer);
}

static int connect_registry(struct monitor *monitor) {
    struct grove_connect_options options = {.session = monitor->session, .arena_bytes = 256u << 10};
    return monitor->registry != NULL ? 0 : grove_connect_with(REGISTRY_ENDPOINT, &options, &monitor->registry);
}

static void watch_registry(struct monitor *monitor) {
    uint32_t timer;
    struct registry_watch watch = {
        .version = REGISTRY_PROTOCOL_VERSION, .wait_ms = WATCH_WAIT_MS, .sequence = monitor->registry_sequence};
    struct grove_call call = {
        .method = REGISTRY_WATCH, .data = &watch, .length_bytes = sizeof watch, .timeout_ns = WATCH_TIMEOUT_NS};
    int status = connect_registry(monitor);
    if (status == 0)
        status = grove_call_start(monitor->registry, &call, on_page, monitor);
    if (status < 0)
        (void)grove_service_after(monitor->service, AGAIN_NS, watch_again, monitor, &timer);
}

int services_begin(struct monitor *monitor) {
    specs_load_boot(monitor);
    extensions_recall(monitor);
    watch_registry(monitor);
    checks_schedule(monitor);
    return 0;
}
