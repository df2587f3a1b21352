/*
 * Programs beside a service: in a container of their own, with the service's rights, and one at a time. Checks of kind
 * command are run so, because it is this process that may grant those rights.
 *
 * A request is answered when its program has ended. After a death of this process the program's container is found as
 * one that nobody acknowledged, and removed (recover.c); the request is delivered again and starts it anew.
 */
#include "servers/registry/registry.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/common/spec_probe.h"

#define BESIDE_SUFFIX "-beside"
#define BESIDES_MAX 64u

struct beside {
    struct beside *next;
    struct registry *registry;
    struct grove_request *request;
    struct grove_name service;
    grove_handle container;
    uint32_t timer;
    bool is_late;
};

static void destroy(struct beside *beside) {
    struct registry *registry = beside->registry;
    struct beside **link = &registry->besides;
    while (*link != beside)
        link = &(*link)->next;
    *link = beside->next;
    if (beside->timer != 0)
        grove_service_cancel(registry->service, beside->timer);
    (void)grove_container_control(registry->session, beside->container, GROVE_ACTION_DESTROY, 0,
                                  REGISTRY_KERNEL_TIMEOUT_NS);
    grove_request_finish(beside->request);
    free(beside);
}

static void ran_out(struct grove_service *service, void *context) {
    struct beside *beside = context;
    (void)service;
    beside->timer = 0;
    beside->is_late = true;
    if (grove_container_control(beside->registry->session, beside->container, GROVE_ACTION_KILL, 0,
                                REGISTRY_KERNEL_TIMEOUT_NS) == 0)
        return; /* its end comes as a notice */
    (void)grove_fail(beside->request, GROVE_TIMED_OUT, "the program beside %s did not end in time",
                     beside->service.text);
    destroy(beside);
}

bool beside_notice(struct registry *registry, const struct grove_notice_container *notice) {
    struct beside *beside = registry->besides;
    while (beside != NULL && beside->container != notice->container)
        beside = beside->next;
    if (beside == NULL)
        return false;
    if (notice->state != GROVE_CONTAINER_STOPPED)
        return true;
    struct registry_beside_end end = {.version = REGISTRY_PROTOCOL_VERSION,
                                      .exit_cause = notice->exit_cause,
                                      .exit_detail = notice->exit_detail,
                                      .layer = notice->layer,
                                      .is_late = beside->is_late};
    (void)grove_reply(beside->request, &end, sizeof end);
    destroy(beside);
    return true;
}

void beside_end(struct registry *registry, const char *service) {
    for (struct beside *beside = registry->besides, *next; beside != NULL; beside = next) {
        next = beside->next;
        if (strcmp(beside->service.text, service) != 0)
            continue;
        (void)grove_fail(beside->request, GROVE_NOT_FOUND, "%s is no longer registered", service);
        destroy(beside);
    }
}

/* ---- BESIDE ---- */

static bool are_words(const struct registry_beside *asked) {
    size_t used = 0;
    for (uint32_t index = 0; index < asked->word_count; index++) {
        size_t left = sizeof asked->words - used;
        size_t length = strnlen(asked->words + used, left);
        if (length == left)
            return false;
        used += length + 1;
    }
    return asked->word_count > 0 && asked->words[0] == '/';
}

static int check(struct grove_request *request, const struct registry *registry, const struct registry_beside *asked) {
    unsigned count = 0;
    if (grove_request_client_ring(request) != 1)
        return grove_fail(request, GROVE_DENIED,
                          "%s may not run programs with the rights of others: system services may",
                          grove_request_client(request));
    if (!service_name_is_valid(&asked->service) || !are_words(asked))
        return grove_fail(request, GROVE_INVALID, "a program beside a service is an absolute path and its words");
    for (const struct beside *beside = registry->besides; beside != NULL; beside = beside->next, count++)
        if (strcmp(beside->service.text, asked->service.text) == 0)
            return grove_fail(request, GROVE_EXHAUSTED, "another program runs beside %s", asked->service.text);
    return count < BESIDES_MAX ? 0
                               : grove_fail(request, GROVE_EXHAUSTED,
                                            "%u programs run beside services, which is the limit", BESIDES_MAX);
}

static int start(struct registry *registry, const struct record *record, const struct registry_beside *asked,
                 struct grove_container_reply *made) {
    struct grove_spec *spec;
    struct grove_container_reply ignored;
    int status = spec_beside(record->node.spec, BESIDE_SUFFIX, asked->words, asked->word_count, &spec);
    if (status < 0)
        return status;
    status = grove_container_create(registry->session, spec, spec->total_bytes, made);
    free(spec);
    if (status < 0)
        return status;
    status = grove_container_start_at_once(registry->session, made->container, GROVE_START_FRESH, NULL, &ignored);
    if (status < 0)
        (void)grove_container_control(registry->session, made->container, GROVE_ACTION_DESTROY, 0,
                                      REGISTRY_KERNEL_TIMEOUT_NS);
    return status;
}

int beside_run(struct grove_request *request, void *context) {
    struct registry *registry = context;
    struct registry_beside asked;
    struct grove_container_reply made = {0};
    int status = method_read(request, &asked, sizeof asked);
    if (status == 0)
        status = check(request, registry, &asked);
    if (status < 0)
        return status;
    const struct record *record = record_find(registry, asked.service.text);
    if (record == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "no service named %s is registered", asked.service.text);
    struct beside *beside = calloc(1, sizeof *beside);
    status = beside == NULL ? GROVE_NO_MEMORY : start(registry, record, &asked, &made);
    if (status == 0)
        status = grove_request_defer(request);
    if (status < 0) {
        free(beside);
        return grove_fail(request, status, "%s beside %s cannot be started: %s", asked.words, record->name,
                          grove_status_text(status));
    }
    *beside = (struct beside){.next = registry->besides,
                              .registry = registry,
                              .request = request,
                              .service = asked.service,
                              .container = made.container};
    registry->besides = beside;
    return grove_service_after(registry->service, asked.timeout_ms * GROVE_MILLISECOND, ran_out, beside,
                               &beside->timer);
}
