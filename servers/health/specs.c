/*
 * Specs: of system services from the folder of boot specs, once, for they change with the kernel only; of others from the
 * registry, when it says that one has checks that are not known here.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/boot_specs.h"
#include "servers/common/health_plan.h"
#include "servers/common/names.h"
#include "servers/registry/protocol.h"

#define SPEC_TIMEOUT_NS (5 * GROVE_SECOND)

static bool is_planned(const struct grove_health_plan *plans, unsigned count, const struct grove_health_plan *plan) {
    for (unsigned index = 0; index < count; index++)
        if (memcmp(&plans[index], plan, sizeof *plan) == 0)
            return true;
    return false;
}

/* Checks that stay as they are keep what was seen of them. */
static void take_plans(struct watched *watched, const struct grove_spec *spec) {
    struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
    bool is_broken = false;
    unsigned count = health_plans(spec, plans, &is_broken);
    if (is_broken)
        (void)fprintf(stderr, "health: the checks of %s cannot be read, it is not checked\n", watched->name.text);
    for (struct check *check = watched->checks, *next; check != NULL; check = next) {
        next = check->next;
        if (!check->is_extension && !is_planned(plans, count, &check->plan))
            check_remove(check);
    }
    for (unsigned index = count; index > 0; index--) {
        struct check *made =
            check_find(watched, plans[index - 1].name) == NULL ? check_add(watched, &plans[index - 1]) : NULL;
        if (made != NULL)
            made->kept->extension_generation = 0;
    }
}

/* ---- the registry's ---- */

struct fetch {
    struct monitor *monitor;
    struct grove_name name;
};

static void take_spec(struct monitor *monitor, const struct grove_name *name, const void *from, size_t bytes) {
    struct watched *watched = services_find(monitor, name->text);
    struct grove_spec *spec = watched == NULL || bytes > GROVE_SPEC_BYTES_MAX ? NULL : malloc(bytes + 1);
    if (spec == NULL)
        return;
    memcpy(spec, from, bytes);
    if (grove_spec_check(spec, bytes, NULL) == 0) {
        take_plans(watched, spec);
        judge(watched);
    }
    free(spec);
}

static void on_spec(int status, const struct grove_answer *answer, void *context) {
    struct fetch *fetch = context;
    struct watched *watched = services_find(fetch->monitor, fetch->name.text);
    if (watched != NULL)
        watched->is_spec_due = false;
    if (status == 0)
        take_spec(fetch->monitor, &fetch->name, answer->slice != NULL ? answer->slice : answer->data,
                  answer->slice != NULL ? answer->slice_bytes : answer->length_bytes);
    checks_schedule(fetch->monitor);
    free(fetch);
}

void specs_fetch(struct watched *watched) {
    struct monitor *monitor = watched->monitor;
    struct registry_target target = {.version = REGISTRY_PROTOCOL_VERSION, .service = watched->name};
    struct grove_call call = {
        .method = REGISTRY_SPEC, .data = &target, .length_bytes = sizeof target, .timeout_ns = SPEC_TIMEOUT_NS};
    struct fetch *fetch = watched->is_spec_due || monitor->registry == NULL ? NULL : calloc(1, sizeof *fetch);
    if (fetch == NULL)
        return;
    *fetch = (struct fetch){.monitor = monitor, .name = watched->name};
    watched->is_spec_due = grove_call_start(monitor->registry, &call, on_spec, fetch) == 0;
    if (!watched->is_spec_due)
        free(fetch);
}

/* ---- boot specs ---- */

static bool take_boot_spec(const char *file, struct grove_spec *spec, const char *problem, void *context) {
    struct monitor *monitor = context;
    struct grove_health_plan plans[GROVE_HEALTH_CHECKS_MAX];
    bool is_broken;
    (void)file;
    (void)problem;
    if (spec == NULL)
        return true; /* init has said so */
    const char *name = grove_spec_text(spec, spec->name);
    bool is_self = strcmp(name, grove_session_identity(monitor->session)->name.text) == 0;
    /* Its own run loop cannot ask itself; reincarnation watches this service. */
    if (!is_self && health_plans(spec, plans, &is_broken) > 0) {
        struct watched *watched = services_add(monitor, name);
        if (watched != NULL && services_look(watched))
            take_plans(watched, spec);
    }
    free(spec);
    return true;
}

void specs_load_boot(struct monitor *monitor) {
    if (boot_specs_each(monitor->boot_folder, take_boot_spec, monitor) < 0)
        (void)fprintf(stderr, "health: cannot read the boot specs in %s; system services are not checked\n",
                      monitor->boot_folder);
}
