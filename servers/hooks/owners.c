/*
 * Who has points, and what they know.
 *
 * Each has one request here that waits (TABLE). When the mask changes it is answered, and the next request says with its
 * sequence that the answer has been read. So a change is known to everybody when each owner waits again with the sequence
 * of now: then those who asked for the change are answered. One that is dead or stopped does not hold them for more than a second.
 */
#include <stdlib.h>

#include "servers/hooks/hooks.h"

#define KNOWN_WITHIN_NS GROVE_SECOND

struct owner {
    struct owner *next;
    grove_object_id client;
    struct grove_request *request; /* that waits; NULL: it has been answered and did not come back yet */
    uint64_t sequence; /* what it knows */
};

/* A change whose answer waits until everybody knows of it. */
struct setting {
    struct setting *next;
    struct hooks *hooks;
    struct grove_request *request;
    uint64_t sequence;
    uint32_t timer;
};

/* ---- settings ---- */

static bool everybody_knows(const struct hooks *hooks, uint64_t sequence) {
    for (const struct owner *owner = hooks->owners; owner != NULL; owner = owner->next)
        if (owner->sequence < sequence)
            return false;
    return true;
}

static void setting_done(struct setting *setting) {
    struct setting **link = &setting->hooks->settings;
    while (*link != setting)
        link = &(*link)->next;
    *link = setting->next;
    if (setting->timer != 0)
        grove_service_cancel(setting->hooks->service, setting->timer);
    grove_request_finish(setting->request); /* answers with nothing */
    free(setting);
}

/* Whoever has not come back by now may be gone: it is asked for again when it does. */
static void waited_enough(struct grove_service *service, void *context) {
    struct setting *setting = context;
    struct owner **link = &setting->hooks->owners;
    (void)service;
    while (*link != NULL) {
        struct owner *owner = *link;
        if (owner->request == NULL && owner->sequence < setting->sequence) {
            *link = owner->next;
            free(owner);
        } else {
            link = &owner->next;
        }
    }
    setting->timer = 0;
    setting_done(setting);
}

int owners_then_answer(struct hooks *hooks, struct grove_request *request) {
    if (everybody_knows(hooks, hooks->sequence))
        return 0;
    struct setting *setting = calloc(1, sizeof *setting);
    if (setting == NULL || grove_request_defer(request) < 0) {
        free(setting);
        return 0; /* it is set; that it is known a little later is no failure */
    }
    *setting =
        (struct setting){.next = hooks->settings, .hooks = hooks, .request = request, .sequence = hooks->sequence};
    hooks->settings = setting;
    return grove_service_after(hooks->service, KNOWN_WITHIN_NS, waited_enough, setting, &setting->timer);
}

static void look_for_settings(struct hooks *hooks) {
    for (struct setting *setting = hooks->settings, *next; setting != NULL; setting = next) {
        next = setting->next;
        if (everybody_knows(hooks, setting->sequence))
            setting_done(setting);
    }
}

/* ---- owners ---- */

static int answer(const struct hooks *hooks, struct grove_request *request) {
    struct grove_hooks_table table = {.version = GROVE_HOOKS_VERSION, .mask = hooks->mask, .sequence = hooks->sequence};
    return grove_reply(request, &table, sizeof table);
}

void owners_tell(struct hooks *hooks) {
    for (struct owner *owner = hooks->owners; owner != NULL; owner = owner->next) {
        struct grove_request *request = owner->request;
        if (request == NULL)
            continue;
        owner->request = NULL;
        (void)answer(hooks, request);
        grove_request_finish(request);
    }
}

static struct owner *find_or_add(struct hooks *hooks, grove_object_id client) {
    struct owner *owner = hooks->owners;
    while (owner != NULL && owner->client != client)
        owner = owner->next;
    if (owner != NULL || (owner = calloc(1, sizeof *owner)) == NULL)
        return owner;
    *owner = (struct owner){.next = hooks->owners, .client = client};
    hooks->owners = owner;
    return owner;
}

/* A second request of one owner takes the place of the first: it is a new instance, or gave the first one up. */
int table_wait(struct grove_request *request, void *context) {
    struct hooks *hooks = context;
    struct grove_hooks_table known;
    int status = request_read(request, &known, sizeof known);
    if (status < 0)
        return status;
    if (grove_request_client_ring(request) != 1)
        return grove_fail(request, GROVE_DENIED, "only system services have points at which hooks are asked");
    struct owner *owner = find_or_add(hooks, grove_request_client_id(request));
    if (owner == NULL)
        return grove_fail(request, GROVE_NO_MEMORY, "the service of hooks has no memory for another service");
    if (owner->request != NULL) {
        struct grove_request *old = owner->request;
        owner->request = NULL;
        (void)answer(hooks, old);
        grove_request_finish(old);
    }
    owner->sequence = known.sequence;
    if (known.sequence != hooks->sequence)
        return answer(hooks, request);
    look_for_settings(hooks);
    owner->request = request;
    return grove_request_defer(request);
}
