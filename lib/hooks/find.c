/* Finding extensions, and what the system itself speaks with them. */
#include "grove/hooks.h"

#include <string.h>

#include "lib/session/session.h"

static const char *const kinds[GROVE_EXTENSION_KINDS] = {[0] = "unknown",
                                                         [GROVE_EXTENSION_PROTOCOL] = "protocol",
                                                         [GROVE_EXTENSION_STORAGE] = "storage",
                                                         [GROVE_EXTENSION_HEALTH] = "health",
                                                         [GROVE_EXTENSION_METRICS] = "metrics"};

const char *grove_extension_kind_text(uint32_t kind) {
    return kinds[kind < GROVE_EXTENSION_KINDS ? kind : 0];
}

/* The store's protocol with providers, the checks of system.health, the pages of grove/metrics.h. */
struct grove_version grove_extension_interface(uint32_t kind) {
    bool is_spoken =
        kind == GROVE_EXTENSION_STORAGE || kind == GROVE_EXTENSION_HEALTH || kind == GROVE_EXTENSION_METRICS;
    return (struct grove_version){.major = is_spoken ? 1 : 0};
}

int grove_extension_find(struct grove_session *session, uint32_t kind, const char *name, struct grove_version needed,
                         struct grove_extension *extension) {
    struct grove_extension found;
    uint32_t cursor = 0;
    int status;
    do
        status = grove_extension_next(session, kind, (struct grove_version){0}, &cursor, &found);
    while (status == 0 && (found.kind != kind || strcmp(found.name.text, name) != 0));
    if (status == GROVE_NOT_FOUND)
        return error_set(status, "no service has registered a %s extension %s", grove_extension_kind_text(kind), name);
    if (status < 0)
        return status;
    const struct grove_version *has = &found.version;
    if (needed.major != 0 && (has->major != needed.major || has->minor < needed.minor))
        return error_set(GROVE_VERSION,
                         "the %s extension %s of %s implements version %u.%u of its interface, and %u.%u is needed",
                         grove_extension_kind_text(kind), name, found.owner.text, has->major, has->minor, needed.major,
                         needed.minor);
    *extension = found;
    return 0;
}
