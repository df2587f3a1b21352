/*
 * What the registry asks about: services that have ended and whose spec says how they are recovered. One request waits at
 * the registry at all times; its being there is what tells the registry that somebody decides.
 */
#include <stdio.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/registry/protocol.h"
#include "servers/reincarnation/reincarnation.h"

#define WAIT_TIMEOUT_NS (REGISTRY_WAIT_MS_MAX * GROVE_MILLISECOND + 10 * GROVE_SECOND)
#define AGAIN_NS (200 * GROVE_MILLISECOND)

int registry_connect(struct reincarnation *reincarnation) {
    struct grove_connect_options options = {.session = reincarnation->session, .arena_bytes = 256u << 10};
    return reincarnation->registry != NULL ? 0
                                           : grove_connect_with(REGISTRY_ENDPOINT, &options, &reincarnation->registry);
}

/* What the machine lacked was not the service's fault: it is started again as after a crash. */
static bool went_over_budget(const struct registry_failure *failure) {
    return failure->exit_cause == GROVE_EXIT_MEMORY && failure->exit_detail != GROVE_MEMORY_OF_MACHINE;
}

static void see_to(struct reincarnation *reincarnation, const struct registry_failure *failure) {
    struct matter matter = {.reincarnation = reincarnation,
                            .service = failure->service,
                            .generation = failure->generation,
                            .cause = went_over_budget(failure) ? GROVE_RECOVERY_BUDGET : GROVE_RECOVERY_CRASH};
    text_set(matter.reason, sizeof matter.reason, failure->reason);
    matter_begin(&matter);
}

static void take_page(struct reincarnation *reincarnation, const struct grove_answer *answer) {
    struct registry_failures page;
    if (answer->length_bytes < sizeof page)
        return;
    memcpy(&page, answer->data, sizeof page);
    size_t room = (answer->length_bytes - sizeof page) / sizeof(struct registry_failure);
    for (uint32_t index = 0; index < page.count && index < room; index++) {
        struct registry_failure failure;
        memcpy(&failure, (const char *)answer->data + sizeof page + index * sizeof failure, sizeof failure);
        if (!service_name_is_valid(&failure.service) || !text_is_terminated(failure.reason, sizeof failure.reason))
            continue;
        if (failure.number > reincarnation->known)
            reincarnation->known = failure.number;
        see_to(reincarnation, &failure);
    }
}

static void wait_again(struct grove_service *service, void *context) {
    (void)service;
    failures_wait(context);
}

static void on_failures(int status, const struct grove_answer *answer, void *context) {
    struct reincarnation *reincarnation = context;
    uint32_t timer;
    if (status == 0) {
        take_page(reincarnation, answer);
        failures_wait(reincarnation);
        return;
    }
    if (status == GROVE_CLOSED) {
        grove_channel_close(reincarnation->registry);
        reincarnation->registry = NULL;
    }
    (void)grove_service_after(reincarnation->service, AGAIN_NS, wait_again, reincarnation, &timer);
}

void failures_wait(struct reincarnation *reincarnation) {
    uint32_t timer;
    struct registry_failures_wait wait = {
        .version = REGISTRY_PROTOCOL_VERSION, .wait_ms = REGISTRY_WAIT_MS_MAX, .known = reincarnation->known};
    struct grove_call call = {
        .method = REGISTRY_FAILURES, .data = &wait, .length_bytes = sizeof wait, .timeout_ns = WAIT_TIMEOUT_NS};
    int status = registry_connect(reincarnation);
    if (status == 0)
        status = grove_call_start(reincarnation->registry, &call, on_failures, reincarnation);
    if (status < 0)
        (void)grove_service_after(reincarnation->service, AGAIN_NS, wait_again, reincarnation, &timer);
}
