/*
 * Extensions: which service speaks a protocol, provides storage, checks health or has metrics for others to find.
 *
 * A record of who, where and in which version of the interface, in the state region like hooks (table.c). Whoever uses one
 * needs the right to speak with its endpoint like anybody; being found gives none.
 */
#include <string.h>

#include "servers/common/names.h"
#include "servers/hooks/answer.h"
#include "servers/hooks/hooks.h"

#define OWNED_MAX 16u

static struct extension_slot *find(struct hooks *hooks, uint32_t kind, const char *name) {
    for (unsigned index = 0; index < hooks->state->extension_count; index++) {
        struct extension_slot *slot = &hooks->state->extensions[index];
        if (slot->order != 0 && slot->extension.kind == kind && strcmp(slot->extension.name.text, name) == 0)
            return slot;
    }
    return NULL;
}

static int read_extension(struct grove_request *request, struct grove_hooks_extension *wanted) {
    int status = request_read(request, wanted, sizeof *wanted);
    if (status < 0)
        return status;
    if (wanted->extension.kind == 0 || wanted->extension.kind >= GROVE_EXTENSION_KINDS ||
        !service_name_is_valid(&wanted->extension.name))
        return grove_fail(request, GROVE_INVALID,
                          "an extension has one of the kinds protocol, storage, health, metrics, and a name");
    return 0;
}

/* One's own may be replaced and taken back; shells and system services may do that with any. */
static int check_owner(struct grove_request *request, const struct extension_slot *slot) {
    if (slot == NULL || grove_request_client_ring(request) != 2 ||
        strcmp(slot->extension.owner.text, grove_request_client(request)) == 0)
        return 0;
    return grove_fail(request, GROVE_EXISTS, "%s is registered by %s", slot->extension.name.text,
                      slot->extension.owner.text);
}

/* How many a user service has; others may have as many as there are places. */
static unsigned count_of(const struct hooks *hooks, const struct grove_request *request) {
    unsigned count = 0;
    for (unsigned index = 0; index < hooks->state->extension_count; index++) {
        const struct extension_slot *slot = &hooks->state->extensions[index];
        count += slot->order != 0 && strcmp(slot->extension.owner.text, grove_request_client(request)) == 0;
    }
    return grove_request_client_ring(request) == 2 ? count : 0;
}

/* What nobody would speak with is refused when it is registered, and not when it is missed. */
static int check_version(struct grove_request *request, const struct grove_extension *wanted) {
    struct grove_version spoken = grove_extension_interface(wanted->kind);
    if (wanted->version.major == 0)
        return grove_fail(request, GROVE_INVALID,
                          "an extension implements version 1.0.0 or a later one of its interface");
    if (spoken.major != 0 && wanted->version.major != spoken.major)
        return grove_fail(request, GROVE_VERSION,
                          "%s implements version %u.%u of the interface of %s extensions, and this system speaks %u.%u",
                          wanted->name.text, wanted->version.major, wanted->version.minor,
                          grove_extension_kind_text(wanted->kind), spoken.major, spoken.minor);
    return 0;
}

int extension_add(struct grove_request *request, void *context) {
    struct hooks *hooks = context;
    struct grove_hooks_extension wanted = {0};
    int status = read_extension(request, &wanted);
    if (status < 0)
        return status;
    if (!service_name_is_valid(&wanted.extension.endpoint) ||
        !text_is_terminated(wanted.extension.detail, sizeof wanted.extension.detail))
        return grove_fail(request, GROVE_INVALID, "an extension has the full name of an endpoint, and a detail");
    status = check_version(request, &wanted.extension);
    if (status < 0)
        return status;
    answer_clean(wanted.extension.detail);
    struct extension_slot *old = find(hooks, wanted.extension.kind, wanted.extension.name.text), *slot = NULL;
    status = request_owns(request, &wanted.extension.endpoint);
    if (status == 0)
        status = check_owner(request, old);
    if (status < 0)
        return status;
    if (old == NULL && count_of(hooks, request) >= OWNED_MAX)
        return grove_fail(request, GROVE_EXHAUSTED, "%s has registered %u extensions, which is the most for a service",
                          grove_request_client(request), OWNED_MAX);
    uint32_t count = hooks->state->extension_count;
    for (unsigned index = 0; index < count && slot == NULL; index++)
        if (hooks->state->extensions[index].order == 0)
            slot = &hooks->state->extensions[index];
    if (slot == NULL && count < GROVE_EXTENSIONS_MAX) {
        slot = &hooks->state->extensions[count];
        __atomic_store_n(&hooks->state->extension_count, count + 1, __ATOMIC_RELEASE);
    }
    if (slot == NULL)
        return grove_fail(request, GROVE_EXHAUSTED, "%u extensions are registered already", GROVE_EXTENSIONS_MAX);
    slot->extension = wanted.extension;
    name_set(&slot->extension.owner, grove_request_client(request));
    __atomic_store_n(&slot->order, table_next_order(hooks), __ATOMIC_RELEASE);
    if (old != NULL)
        __atomic_store_n(&old->order, 0, __ATOMIC_RELEASE);
    return 0;
}

int extension_remove(struct grove_request *request, void *context) {
    struct grove_hooks_extension wanted = {0};
    int status = read_extension(request, &wanted);
    if (status < 0)
        return status;
    struct extension_slot *slot = find(context, wanted.extension.kind, wanted.extension.name.text);
    if (slot == NULL)
        return grove_fail(request, GROVE_NOT_FOUND, "there is no extension %s of this kind",
                          wanted.extension.name.text);
    status = check_owner(request, slot);
    if (status == 0)
        __atomic_store_n(&slot->order, 0, __ATOMIC_RELEASE);
    return status;
}

static bool fits(const struct grove_version *version, const struct grove_version *least) {
    return least->major == 0 || (version->major == least->major && version->minor >= least->minor);
}

int extension_list(struct grove_request *request, void *context) {
    const struct hooks *hooks = context;
    struct grove_hooks_list wanted = {0};
    int status = request_read(request, &wanted, sizeof wanted);
    if (status < 0)
        return status;
    for (uint32_t index = wanted.cursor; index < hooks->state->extension_count; index++) {
        const struct extension_slot *slot = &hooks->state->extensions[index];
        if (slot->order == 0 || (wanted.kind != 0 && wanted.kind != slot->extension.kind) ||
            !fits(&slot->extension.version, &wanted.least))
            continue;
        struct grove_hooks_extension reply = {
            .version = GROVE_HOOKS_VERSION, .cursor = index + 1, .extension = slot->extension};
        return grove_reply(request, &reply, sizeof reply);
    }
    return grove_fail(request, GROVE_NOT_FOUND, "there are no more extensions");
}
