/*
 * Finding services: by name, interface and version, tag, capability, state, project and owner.
 *
 *     static int show(const struct grove_found *found, void *context) {
 *         printf("%s is %s\n", found->name.text, grove_service_state_text(found->state));
 *         return 0;
 *     }
 *     struct grove_find find = {.tags = {"meter"}, .states = GROVE_STATES_SERVING};
 *     grove_registry_find(NULL, &find, show, NULL);
 *
 * Needs IPC_SEND:system.registry. How long it takes depends on how many are found, and not on how many are registered: the
 * registry looks through the smallest of the sets that the criteria name, and answers in pages of bounded work. Services
 * that are registered or removed between two pages may be found or not; one that is there all the time is found once.
 *
 * Changes are told on the bus as capability.registered, .started, .ready, .degraded, .stopped, .failed, .given-up,
 * .restarted and .unregistered, each followed by the service's name; `capability.resync` says that some were lost, and
 * that whoever follows them should look again (docs/registry.md).
 */
#ifndef GROVE_REGISTRY_H
#define GROVE_REGISTRY_H

#include "grove/grove.h"

#ifdef __cplusplus
extern "C" {
#endif

#define GROVE_REGISTRY_ENDPOINT "system.registry"

/* X(name, number, text): what a service is. New states are appended; one that is not known is to be shown as a number. */
#define GROVE_SERVICE_STATE_TABLE(X) \
    X(REGISTERED, 0, "registered") /* known; never asked to run, or waiting to be connected to */ \
    X(WAITING, 1, "waiting") /* for what it requires to be ready */ \
    X(STARTING, 2, "starting") /* runs, is not ready yet */ \
    X(READY, 3, "ready") \
    X(STOPPING, 4, "stopping") \
    X(STOPPED, 5, "stopped") /* on request, or it ended and its policy wants no restart */ \
    X(FAILED, 6, "failed") /* it is tried again when restart_due_ns says so; 0: not by itself */ \
    X(GIVEN_UP, 7, "given-up") /* failed too often; `grove start` tries again */ \
    X(DEGRADED, 8, "degraded") /* runs and serves, but not as it should; the reason says why */ \
    X(QUIESCING, 9, "quiescing") /* runs and takes no new work, until it is resumed or replaced */

enum grove_service_state {
#define GROVE_SERVICE_STATE_ENUM(name, number, text) GROVE_SERVICE_##name = (number),
    GROVE_SERVICE_STATE_TABLE(GROVE_SERVICE_STATE_ENUM)
#undef GROVE_SERVICE_STATE_ENUM
        GROVE_SERVICE_STATE_COUNT,
};
/* Those that answer when they are called. */
#define GROVE_STATES_SERVING (1u << GROVE_SERVICE_READY | 1u << GROVE_SERVICE_DEGRADED)

/* "given-up"; "unknown" for a number that is no state. Constant. */
GROVE_PUBLIC const char *grove_service_state_text(uint32_t state);

/* A tag is 1 to GROVE_TAG_MAX of [A-Za-z0-9_.-]; a service has at most GROVE_TAGS_MAX. */
#define GROVE_TAG_MAX 47u
#define GROVE_TAGS_MAX 16u
#define GROVE_FIND_TAGS_MAX 4u
/* Section GROVE_SECTION_TAGS of a spec: `count` texts, each followed by a zero byte. */
#define GROVE_TAGS_VERSION 1u
struct grove_tags {
    uint32_t version, count;
    char texts[];
};

/*
 * What is looked for: all that is given must hold, and what is empty or 0 lets everything through. This is also what goes
 * over the wire (method REGISTRY_FIND of docs/registry.md); `version`, `limit` and `cursor` are set by the library.
 */
struct grove_find {
    uint32_t version, limit;
    uint64_t cursor;
    struct grove_name name; /* shell pattern over full names: "grid.*" */
    struct grove_name project; /* and those below it */
    struct grove_name provides; /* an endpoint */
    struct grove_name owner; /* who registered it: a service, or "shell" for a person */
    struct grove_version from,
        below; /* of the interface if `provides` is given, else of the service; below 0.0.0: open */
    char tags[GROVE_FIND_TAGS_MAX][GROVE_TAG_MAX + 1]; /* it has all of these */
    struct grove_capability may; /* kind not 0: its manifest lets it do this (grove_capability_parse) */
    uint32_t states; /* bit n: enum grove_service_state n */
    uint32_t reserved;
};

struct grove_found {
    struct grove_name name, project, owner;
    struct grove_version service_version;
    uint32_t state; /* enum grove_service_state */
    uint32_t generation; /* instances so far */
    uint32_t restarts;
    uint32_t ring;
    uint64_t since_ns; /* monotonic: when it came into this state */
    uint64_t sequence; /* of its latest change */
    char tags[GROVE_TAGS_MAX * (GROVE_TAG_MAX + 1)]; /* with blanks between */
    char reason[192]; /* why it is in this state, for a person; may be empty */
};

/* Return 0 to go on; any other value ends the search and is returned. `found` is valid until the handler returns. */
typedef int grove_found_handler(const struct grove_found *found, void *context);
/*
 * Call `handler` for each service found, in the order of registration. `session` NULL: the default one. Waits at most 5 s
 * for each page. GROVE_INVALID (a criterion is malformed), GROVE_DENIED, GROVE_TIMED_OUT, GROVE_CORRUPT (the answer is
 * shorter than it says), or what the handler returned.
 */
GROVE_PUBLIC int grove_registry_find(struct grove_session *session, const struct grove_find *find,
                                     grove_found_handler *handler, void *context);

/* ---- on the wire ---------------------------------------------------------------------------------------------------- */

#define GROVE_REGISTRY_VERSION 1u
#define GROVE_REGISTRY_FIND 13u /* struct grove_find -> struct grove_found_page, struct grove_found... */
struct grove_found_page {
    uint32_t version, count; /* records that follow */
    uint64_t cursor; /* where to go on; 0 at the end */
    uint64_t sequence; /* of the newest change that this page shows */
    uint32_t total; /* services registered */
    uint32_t examined; /* how many were looked at for this page */
};
#define GROVE_FOUND_PAGE_RECORDS 24u

#ifdef __cplusplus
}
#endif

#endif
