/*
 * Checks that services register are extensions of the system, kind health: told to the service of hooks, so that they are found
 * like any other (`grove find --extension health`).
 *
 * Nothing here is waited for, and nothing depends on it: a check whose extension cannot be registered is tried all the same. At
 * most OFFERS_MAX at a time, as the places of extensions are there for all kinds. After a death of this process each is
 * told again; the same name takes the place of the old one.
 */
#include "servers/health/monitor.h"

#include <stdio.h>
#include <string.h>

#include "grove/hooks.h"
#include "servers/common/names.h"

#define OFFERS_MAX 64u
#define OFFER_TIMEOUT_NS (5 * GROVE_SECOND)

static struct grove_channel *hooks;
static unsigned offer_count;

/* "grid.historian.disk". False: it is longer than a name can be. */
static bool name_of(const struct check *check, struct grove_name *name) {
    char text[GROVE_NAME_MAX + GROVE_HEALTH_CHECK_NAME_BYTES + 2];
    int length = snprintf(text, sizeof text, "%s.%s", check->watched->name.text, check->plan.name);
    name_set(name, text);
    return (size_t)length <= GROVE_NAME_MAX;
}

static void answered(int status, const struct grove_answer *answer, void *context) {
    (void)answer;
    (void)context;
    if (status < 0 && status != GROVE_CANCELLED && status != GROVE_NOT_FOUND)
        (void)fprintf(stderr, "health: a check is not among the extensions: %s\n", grove_last_error());
}

static bool say(const struct check *check, uint32_t method, const struct grove_extension *extension) {
    struct grove_connect_options options = {.session = check->watched->monitor->session,
                                            .arena_bytes = GROVE_ARENA_NONE};
    struct grove_hooks_extension message = {.version = GROVE_HOOKS_VERSION, .extension = *extension};
    struct grove_call call = {
        .method = method, .data = &message, .length_bytes = sizeof message, .timeout_ns = OFFER_TIMEOUT_NS};
    for (unsigned attempt = 0; attempt < 2; attempt++) {
        if (hooks == NULL && grove_connect_with(GROVE_HOOKS_ENDPOINT, &options, &hooks) < 0)
            return false;
        if (grove_call_start(hooks, &call, answered, NULL) == 0)
            return true;
        grove_channel_close(hooks);
        hooks = NULL;
    }
    return false;
}

void offer_check(struct check *check) {
    struct grove_extension extension = {.kind = GROVE_EXTENSION_HEALTH,
                                        .version = grove_extension_interface(GROVE_EXTENSION_HEALTH)};
    const char *space = check->plan.kind == GROVE_CHECK_CALL ? strrchr(check->plan.argument, ' ') : NULL;
    if (check->is_offered || offer_count == OFFERS_MAX || !name_of(check, &extension.name))
        return;
    if (space != NULL)
        (void)snprintf(extension.endpoint.text, sizeof extension.endpoint.text, "%.*s",
                       (int)(space - check->plan.argument), check->plan.argument);
    else
        name_set(&extension.endpoint, GROVE_HEALTH_ENDPOINT); /* who is told, and does not ask */
    (void)snprintf(extension.detail, sizeof extension.detail, "service=%.63s check=%.31s kind=%s",
                   check->watched->name.text, check->plan.name, grove_health_kind_text(check->plan.kind));
    check->is_offered = say(check, GROVE_HOOKS_EXTEND, &extension);
    offer_count += check->is_offered;
}

void offer_withdraw(struct check *check) {
    struct grove_extension extension = {.kind = GROVE_EXTENSION_HEALTH};
    if (!check->is_offered || !name_of(check, &extension.name))
        return;
    check->is_offered = false;
    offer_count--;
    (void)say(check, GROVE_HOOKS_WITHDRAW, &extension);
}
