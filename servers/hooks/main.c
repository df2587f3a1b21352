/*
 * hooks: who is asked before something is done, and told after.
 *
 * Services that have points (the registry, the bus, the store) keep a mask of those at which a hook is set, and ask here only
 * when one is (owners.c, run.c). Services and shells set hooks (set.c). One thread in libgrove's run loop; nothing waits:
 * a hook that is asked is a call with a deadline.
 *
 * What a death of this process leaves: hooks and extensions lie in its state region (table.c). A question that was being
 * asked is delivered again to the next instance and asked from the start, so a hook may be asked twice about one thing; who
 * has points bounds the whole by a deadline of its own. Counts begin anew.
 */
#include <string.h>

#include "servers/hooks/hooks.h"

int request_read(struct grove_request *request, void *head, size_t bytes) {
    uint32_t version;
    if (grove_request_bytes(request) < bytes)
        return grove_fail(request, GROVE_INVALID, "the request has %zu bytes, and %zu are needed",
                          grove_request_bytes(request), bytes);
    memcpy(head, grove_request_data(request), bytes);
    memcpy(&version, head, sizeof version);
    if (version != GROVE_HOOKS_VERSION)
        return grove_fail(request, GROVE_VERSION, "the service of hooks speaks version %u of its protocol, not %u",
                          GROVE_HOOKS_VERSION, version);
    return 0;
}

int request_owns(struct grove_request *request, const struct grove_name *endpoint) {
    if (grove_request_client_ring(request) != 2)
        return 0;
    int status = grove_request_client_may(request, GROVE_CAP_IPC_RECV, endpoint->text);
    return status < 0
               ? grove_fail(request, status, "only who provides %s may do this: %s", endpoint->text, grove_last_error())
               : 0;
}

static int on_init(struct grove_service *service, enum grove_start_reason reason, void *context) {
    struct hooks *hooks = context;
    (void)reason;
    hooks->service = service;
    hooks->session = grove_service_session(service);
    return table_open(hooks);
}

int main(void) {
    static struct hooks hooks;
    static const struct {
        uint32_t number;
        grove_handler *handler;
    } methods[] = {
        {GROVE_HOOKS_SET, set_hook},
        {GROVE_HOOKS_CLEAR, clear_hook},
        {GROVE_HOOKS_LIST, list_hooks},
        {GROVE_HOOKS_RUN, run_hooks},
        {GROVE_HOOKS_TABLE, table_wait},
        {GROVE_HOOKS_EXTEND, extension_add},
        {GROVE_HOOKS_WITHDRAW, extension_remove},
        {GROVE_HOOKS_EXTENSIONS, extension_list},
    };
    struct grove_service *service;
    struct grove_service_options options = {.on_init = on_init, .context = &hooks};
    if (grove_service_create(&options, &service) < 0)
        return grove_report("hooks");
    for (size_t index = 0; index < sizeof methods / sizeof methods[0]; index++)
        if (grove_service_on(service, GROVE_HOOKS_ENDPOINT, methods[index].number, methods[index].handler, &hooks) < 0)
            return grove_report("hooks");
    metrics_serve(&hooks, service);
    return grove_service_run(service) < 0 ? grove_report("hooks") : 0;
}
