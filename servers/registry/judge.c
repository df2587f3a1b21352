/*
 * Ready or degraded: does what runs serve as it should?
 *
 * Degraded is what runs while something that it requires is not there and will not come by itself (given up, failed for good,
 * stopped by hand, unregistered), what the kernel keeps frozen, and what somebody who may control it has marked, as health
 * does. It is mended when none of that holds any more. Something required that is on its way is no reason: its channels
 * wait for it.
 *
 * Nothing of this is kept but the mark, which lies in the state region; after a death of this process all is judged again.
 */
#include "servers/registry/registry.h"

#include <string.h>

#include "servers/common/names.h"

/* Stopped by hand, and not for a restart; one that starts on demand is as good as there. */
static bool rests_for_good(const struct record *provider) {
    return provider->state == REGISTRY_STATE_STOPPED && !provider->is_start_due &&
           (provider->node.spec->flags & GROVE_SPEC_ON_DEMAND) == 0;
}

static bool lacks(struct record *record, uint32_t index) {
    const struct grove_spec_interface *requirement = grove_spec_required(record->node.spec, index);
    const char *endpoint = grove_spec_text(record->node.spec, requirement->name);
    struct record *provider = NULL;
    if ((requirement->flags & GROVE_INTERFACE_OPTIONAL) != 0)
        return false;
    enum order_need need = order_need(record, index, &provider);
    bool is_stopped = provider != NULL && provider != record && rests_for_good(provider);
    if (need != ORDER_LACKING && !is_stopped)
        return false;
    if (provider == NULL)
        record_say(record, "requires %s, which nobody provides any more in a fitting version", endpoint);
    else
        record_say(record, "requires %s, and %s %s", endpoint, provider->name,
                   provider->reason == NULL ? "has failed" : provider->reason);
    return true;
}

static bool is_impaired(struct record *record) {
    if (record->is_frozen) {
        record_say(record, "%s", "is frozen");
        return true;
    }
    if (history_mark(record)[0] != '\0') {
        record_say(record, "%s", history_mark(record));
        return true;
    }
    for (uint32_t index = 0; index < record->node.spec->requires.count; index++)
        if (lacks(record, index))
            return true;
    return false;
}

void judge(struct record *record) {
    bool is_degraded = record->state == REGISTRY_STATE_DEGRADED;
    if ((record->state != REGISTRY_STATE_READY && !is_degraded) || record->is_done ||
        record->registry->is_shutting_down)
        return;
    if (is_impaired(record) != is_degraded)
        life_event(record, is_degraded ? LIFE_MENDED : LIFE_IMPAIRED);
}

void judge_requirers(struct registry *registry, const struct grove_spec *spec) {
    for (uint32_t index = 0; index < spec->provides.count; index++) {
        const char *endpoint = grove_spec_text(spec, grove_spec_provided(spec, index)->name);
        const struct record_set *requirers = index_find(&registry->index.requirers, endpoint);
        for (uint32_t at = 0; requirers != NULL && at < requirers->count; at++)
            judge(requirers->records[at]);
    }
}

/* ---- marks ---- */

int judge_mark(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_mark mark;
    int status = method_read(request, &mark, sizeof mark);
    if (status < 0)
        return status;
    struct registry_target target = {.version = mark.version, .service = mark.service};
    if (!service_name_is_valid(&mark.service) || !text_is_terminated(mark.reason, sizeof mark.reason) ||
        (mark.is_degraded != 0 && mark.reason[0] == '\0'))
        return grove_fail(request, GROVE_INVALID,
                          "a mark names a service and says in a few words what is wrong with it");
    status = method_check_right(request, registry, &target);
    if (status < 0)
        return status;
    struct record *record = record_find(registry, mark.service.text);
    if (record == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "no service named %s is registered", mark.service.text);
    if (!record_serves(record))
        return grove_fail(request, GROVE_WRONG_STATE, "%s does not run, and a mark is about an instance that does",
                          record->name);
    text_set(history_mark(record), REGISTRY_MARK_BYTES, mark.is_degraded != 0 ? mark.reason : "");
    judge(record);
    return commit_answer(registry, request, 1);
}
