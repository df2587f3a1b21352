/*
 * Admission of system services: what their manifests limit them to is promised to them by the resource service, like what user
 * services have, so that nobody is promised what is theirs.
 *
 * One that starts once the resource service is up is asked for, and fails for want of room like any failed start, with a next
 * try. What the system is not up without, what runs already, and what starts before the resource service does is not refused
 * anything; the resource service is told of it. A question that is not answered within ADMIT_PATIENCE_NS keeps nothing from
 * starting. A promise stays when the service fails, as it is tried again.
 */
#include "servers/init/init.h"

#include <stdio.h>
#include <string.h>

#include "grove/resource.h"
#include "servers/common/names.h"

#define ADMIT_PATIENCE_NS (250 * GROVE_MILLISECOND)
#define TELL_PATIENCE_NS GROVE_MILLISECOND

static bool promises_anything(const struct unit *unit) {
    return unit->spec->budget.memory_bytes != 0 || unit->spec->budget.processor_ppm != 0;
}

static bool is_essential(const struct unit *unit) {
    return (unit->spec->flags & GROVE_SPEC_ESSENTIAL) != 0;
}

static bool can_ask(struct init *init) {
    const struct unit *resource = boot_find(init, GROVE_RESOURCE_ENDPOINT);
    if (resource == NULL || resource->state != REGISTRY_STATE_READY)
        return false;
    return init->resource != NULL || grove_connect(GROVE_RESOURCE_ENDPOINT, &init->resource) == 0;
}

static void lose(struct init *init, int status) {
    if (status != GROVE_CLOSED || init->resource == NULL)
        return;
    grove_channel_close(init->resource);
    init->resource = NULL;
}

static struct grove_resource_admit question_of(const struct unit *unit, uint32_t flags) {
    struct grove_resource_admit asked = {
        .version = GROVE_RESOURCE_VERSION, .flags = flags, .budget = unit->spec->budget};
    name_set(&asked.service, unit->name);
    return asked;
}

static void tell(struct unit *unit) {
    struct grove_resource_admit asked = question_of(unit, GROVE_ADMIT_ANYWAY);
    lose(unit->init, grove_send(unit->init->resource, &(struct grove_call){.method = GROVE_RESOURCE_ADMIT,
                                                                           .data = &asked,
                                                                           .length_bytes = sizeof asked,
                                                                           .timeout_ns = TELL_PATIENCE_NS}));
}

static void answered(int status, const struct grove_answer *answer, void *context) {
    struct unit *unit = context;
    bool is_refused = status == GROVE_EXHAUSTED;
    (void)answer;
    if (unit->admission != UNIT_ASKED)
        return;
    unit->admission = is_refused ? UNIT_UNKNOWN : UNIT_ADMITTED;
    if (is_refused)
        unit_refuse(unit, grove_last_error());
    else
        unit_start(unit);
    lose(unit->init, status);
}

static int ask(struct unit *unit) {
    struct grove_resource_admit asked = question_of(unit, 0);
    return grove_call_start(unit->init->resource,
                            &(struct grove_call){.method = GROVE_RESOURCE_ADMIT,
                                                 .data = &asked,
                                                 .length_bytes = sizeof asked,
                                                 .timeout_ns = ADMIT_PATIENCE_NS},
                            answered, unit);
}

bool admission_begin(struct unit *unit) {
    if (unit->admission != UNIT_UNKNOWN || !promises_anything(unit) || !can_ask(unit->init))
        return unit->admission != UNIT_ASKED;
    unit->admission = UNIT_ADMITTED;
    if (is_essential(unit)) {
        tell(unit);
        return true;
    }
    int status = ask(unit);
    if (status == 0)
        unit->admission = UNIT_ASKED;
    else
        lose(unit->init, status);
    return status < 0;
}

void admission_tell_all(struct init *init) {
    for (uint32_t index = 0; index < init->count; index++) {
        struct unit *unit = &init->units[index];
        if (!unit_is_running(unit) || !promises_anything(unit) || !can_ask(init))
            continue;
        unit->admission = UNIT_ADMITTED;
        tell(unit);
    }
}
