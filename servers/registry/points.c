/*
 * The points of the registry: hooks may look before and after a service is registered and started.
 *
 * What waits for an answer waits as it does for anything: a start on the waiting list, a registration as a request that is
 * deferred. So after a death of this process both are asked about again. Hooks that cannot be asked stop nothing.
 */
#include "servers/registry/registry.h"

#include <stdlib.h>
#include <string.h>

#include "grove/hooks.h"

static struct grove_hooks *hooks; /* NULL: there is no service of hooks (yet) */

void points_open(struct registry *registry) {
    if (hooks == NULL && grove_hooks_open(registry->session, &hooks) < 0)
        hooks = NULL; /* init will say when it is there */
}

static void tell(enum grove_hook_point point, const char *name) {
    if (grove_hooks_are_set(hooks, point))
        (void)grove_hooks_run(hooks, &(struct grove_hook_question){.point = point, .subject = name}, NULL, NULL);
}

void points_started(const struct record *record) {
    tell(GROVE_HOOK_AFTER_START, record->name);
}

void points_loaded(const char *name) {
    tell(GROVE_HOOK_AFTER_LOAD, name);
}

/* ---- before a start ---- */

/* The record may be gone, or registered anew, when the answer comes. */
struct asked {
    struct registry *registry;
    char name[GROVE_NAME_MAX + 1];
    uint64_t number;
};

static void start_answered(const struct grove_hook_outcome *outcome, void *context) {
    struct asked *asked = context;
    struct record *record = record_find(asked->registry, asked->name);
    bool is_the_same = record != NULL && record->number == asked->number;
    free(asked);
    if (!is_the_same)
        return;
    record->hook_state = HOOKS_NOT_ASKED;
    if (!record->is_waiting)
        return; /* not wanted any more */
    if (outcome->result == GROVE_HOOK_VETO) {
        record_say(record, "was not started: %s", outcome->reason);
        life_event(record, LIFE_REFUSED);
        return;
    }
    record->hook_state = HOOKS_AGREE;
    order_check(record);
}

bool points_hold_start(struct record *record) {
    if (record->hook_state == HOOKS_AGREE || !grove_hooks_are_set(hooks, GROVE_HOOK_BEFORE_START)) {
        record->hook_state = HOOKS_NOT_ASKED;
        return false;
    }
    if (record->hook_state == HOOKS_ASKED)
        return true;
    struct asked *asked = calloc(1, sizeof *asked);
    if (asked == NULL)
        return false;
    *asked = (struct asked){.registry = record->registry, .number = record->number};
    (void)strncpy(asked->name, record->name, GROVE_NAME_MAX);
    const struct grove_hook_question question = {.point = GROVE_HOOK_BEFORE_START, .subject = record->name};
    record->hook_state = HOOKS_ASKED;
    if (grove_hooks_run(hooks, &question, start_answered, asked) < 0) {
        free(asked);
        record->hook_state = HOOKS_NOT_ASKED;
        return false;
    }
    record_say(record, "%s", "waits for the hooks that look at its start");
    record_changed(record);
    return true;
}

/* ---- before a registration ---- */

struct load {
    struct registry *registry;
    struct grove_request *request;
    struct grove_spec *spec;
    struct grove_name owner;
};

/* A start that was asked for after registrations which are held: what it means may be among them. */
struct change {
    struct change *next;
    struct grove_request *request;
    grove_handler *handler;
};
static struct change *changes, **changes_tail = &changes;
static unsigned loads; /* registrations that are held */

bool points_hold_change(struct grove_request *request, grove_handler *handler) {
    struct change *change = loads > 0 ? calloc(1, sizeof *change) : NULL;
    if (change == NULL || grove_request_defer(request) < 0) {
        free(change);
        return false;
    }
    *change = (struct change){.request = request, .handler = handler};
    *changes_tail = change;
    changes_tail = &change->next;
    return true;
}

static void load_is_over(struct registry *registry) {
    if (--loads > 0)
        return;
    while (changes != NULL && loads == 0) {
        struct change *change = changes;
        changes = change->next;
        if (changes == NULL)
            changes_tail = &changes;
        if (change->handler(change->request, registry) < 0) /* else it is answered when it is durable */
            grove_request_finish(change->request);
        free(change);
    }
}

static void load_answered(const struct grove_hook_outcome *outcome, void *context) {
    struct load *load = context;
    int status;
    if (outcome->result == GROVE_HOOK_VETO) {
        status = grove_fail(load->request, GROVE_DENIED, "%s was not registered: %s",
                            grove_spec_text(load->spec, load->spec->name), outcome->reason);
        free(load->spec);
    } else {
        status = register_checked(load->registry, load->request, load->spec, &load->owner);
    }
    if (status < 0) /* else it is answered when it is durable */
        grove_request_finish(load->request);
    load_is_over(load->registry);
    free(load);
}

bool points_hold_load(struct registry *registry, struct grove_request *request, struct grove_spec *spec,
                      const struct grove_name *owner) {
    if (!grove_hooks_are_set(hooks, GROVE_HOOK_BEFORE_LOAD))
        return false;
    struct load *load = calloc(1, sizeof *load);
    if (load == NULL)
        return false;
    *load = (struct load){.registry = registry, .request = request, .spec = spec, .owner = *owner};
    const struct grove_hook_question question = {.point = GROVE_HOOK_BEFORE_LOAD,
                                                 .subject = grove_spec_text(spec, spec->name),
                                                 .who = grove_request_client(request),
                                                 .data = spec,
                                                 .length_bytes = spec->total_bytes};
    if (grove_request_defer(request) < 0 || grove_hooks_run(hooks, &question, load_answered, load) < 0) {
        free(load);
        return false;
    }
    loads++;
    return true;
}
