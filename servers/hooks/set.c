/*
 * SET, CLEAR, LIST: who may set a hook, and what is known of each.
 *
 * A hook sees and changes what others do, so whoever sets one must hold what covers its pattern (grove/hooks.h). System
 * services and shells may set any, as they may do anything that a hook could see.
 */
#include <string.h>

#include "servers/common/names.h"
#include "servers/hooks/answer.h"
#include "servers/hooks/hooks.h"

/* ---- checks ---- */

static int may(struct grove_request *request, uint16_t kind, const char *pattern) {
    int status = grove_request_client_may(request, kind, strcmp(pattern, ">") == 0 ? NULL : pattern);
    return status < 0 ? grove_fail(request, status, "a hook sees what it is about: %s", grove_last_error()) : 0;
}

static int may_see(struct grove_request *request, const struct grove_hooks_set *set) {
    static const uint16_t kinds[][2] = {
        {GROVE_CAP_PROC_CONTROL, GROVE_CAP_PROC_CONTROL}, /* load, start */
        {GROVE_CAP_BUS_SUB, GROVE_CAP_BUS_PUB}, /* publish, deliver */
        {GROVE_CAP_STORE_READ, GROVE_CAP_STORE_WRITE}, /* write, read */
    };
    if (grove_request_client_ring(request) != 2)
        return 0;
    int status = may(request, kinds[set->point / 4][0], set->pattern);
    return status < 0 ? status : may(request, kinds[set->point / 4][1], set->pattern);
}

static int read_set(struct grove_request *request, struct grove_hooks_set *set) {
    int status = request_read(request, set, sizeof *set);
    if (status < 0)
        return status;
    if (set->point >= GROVE_HOOK_POINTS)
        return grove_fail(request, GROVE_INVALID, "there is no point %u; there are %u", set->point,
                          (unsigned)GROVE_HOOK_POINTS);
    if (!service_name_is_valid(&set->endpoint) || !text_is_terminated(set->pattern, sizeof set->pattern))
        return grove_fail(request, GROVE_INVALID, "a hook needs the full name of its endpoint, and a pattern");
    return request_owns(request, &set->endpoint);
}

static int endpoint_exists(struct grove_request *request, const struct hooks *hooks,
                           const struct grove_name *endpoint) {
    struct grove_message message = {.operation = GROVE_REQUEST_ENDPOINT_READ};
    message.body.endpoint_read.name = *endpoint;
    int status = grove_kernel_request(hooks->session, &message, NULL, 0, NULL, NULL, 5 * GROVE_SECOND);
    return status < 0 ? grove_fail(request, status == GROVE_NOT_FOUND ? GROVE_NOT_FOUND : status,
                                   "no registered service provides the endpoint %s", endpoint->text)
                      : 0;
}

/* ---- set, clear ---- */

static struct hook_slot *find_same(struct hooks *hooks, const struct grove_hooks_set *set, const char *pattern) {
    for (unsigned index = 0; index < hooks->state->hook_count; index++) {
        struct hook_slot *slot = &hooks->state->hooks[index];
        if (slot->order != 0 && slot->hook.point == set->point &&
            strcmp(slot->hook.endpoint.text, set->endpoint.text) == 0 &&
            (pattern == NULL || strcmp(slot->hook.pattern, pattern) == 0))
            return slot;
    }
    return NULL;
}

int set_hook(struct grove_request *request, void *context) {
    struct hooks *hooks = context;
    struct grove_hooks_set set = {0};
    int status = read_set(request, &set);
    if (status < 0)
        return status;
    if (!pattern_is_valid(set.pattern))
        return grove_fail(request, GROVE_INVALID,
                          "\"%s\" is no pattern: tokens between dots, * for any one, a last > for one or more",
                          set.pattern);
    if (set.timeout_ns > GROVE_HOOK_TIMEOUT_MAX_NS)
        return grove_fail(request, GROVE_INVALID, "a hook has at most 5 s to answer");
    status = may_see(request, &set);
    if (status == 0)
        status = endpoint_exists(request, hooks, &set.endpoint);
    if (status < 0)
        return status;
    if (set.timeout_ns == 0)
        set.timeout_ns = GROVE_HOOK_TIMEOUT_NS;
    struct hook_slot *old = find_same(hooks, &set, set.pattern), *slot = table_free_hook(hooks);
    if (slot == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "%u hooks are set already; `grove hooks` lists them",
                          GROVE_HOOKS_MAX);
    slot->hook = set;
    name_set(&slot->owner, grove_request_client(request));
    __atomic_store_n(&slot->order, table_next_order(hooks), __ATOMIC_RELEASE);
    (void)table_facts(hooks, slot); /* begins anew */
    if (old != NULL)
        table_forget(hooks, old);
    table_changed(hooks);
    return owners_then_answer(hooks, request);
}

int clear_hook(struct grove_request *request, void *context) {
    struct hooks *hooks = context;
    struct grove_hooks_set set = {0};
    struct hook_slot *slot;
    unsigned count = 0;
    int status = read_set(request, &set);
    if (status < 0)
        return status;
    while ((slot = find_same(hooks, &set, set.pattern[0] == '\0' ? NULL : set.pattern)) != NULL) {
        table_forget(hooks, slot);
        count++;
    }
    if (count == 0)
        return grove_fail(request, GROVE_NOT_FOUND, "%s is no hook at %s", set.endpoint.text,
                          grove_hook_point_text(set.point));
    table_changed(hooks);
    return owners_then_answer(hooks, request);
}

/* ---- list ---- */

int list_hooks(struct grove_request *request, void *context) {
    struct hooks *hooks = context;
    static struct {
        struct grove_hooks_page head;
        struct grove_hooks_record records[GROVE_HOOKS_PAGE_RECORDS];
    } page;
    struct grove_hooks_list wanted = {0};
    int status = request_read(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    page.head = (struct grove_hooks_page){.version = GROVE_HOOKS_VERSION};
    for (uint32_t index = wanted.cursor; index < hooks->state->hook_count; index++) {
        const struct hook_slot *slot = &hooks->state->hooks[index];
        if (slot->order == 0)
            continue;
        if (page.head.count == GROVE_HOOKS_PAGE_RECORDS) {
            page.head.cursor = index;
            break;
        }
        const struct hook_facts *facts = table_facts(hooks, slot);
        struct grove_hooks_record *record = &page.records[page.head.count++];
        *record = (struct grove_hooks_record){.hook = slot->hook,
                                              .owner = slot->owner,
                                              .runs = facts->runs,
                                              .changes = facts->changes,
                                              .vetoes = facts->vetoes,
                                              .failures = facts->failures,
                                              .longest_ns = facts->longest_ns,
                                              .paused_until_ns = facts->paused_until_ns};
        text_set(record->last_failure, sizeof record->last_failure, facts->last_failure);
        text_set(record->last_veto, sizeof record->last_veto, facts->last_veto);
    }
    return grove_reply(request, &page, sizeof page.head + page.head.count * sizeof page.records[0]);
}
