/*
 * The stage on which a law is tried: containers of the service under test, started, killed and watched, and TAP output.
 */
#ifndef GROVE_CONFORMANCE_STAGE_H
#define GROVE_CONFORMANCE_STAGE_H

#include "tests/conformance/service.h"

#define STAGE_WAIT_NS (10 * GROVE_SECOND)

#define STAGE_ACTORS 8u

struct actor {
    grove_handle container, endpoint; /* container 0: not in use */
    uint32_t state; /* enum grove_container_state, as last told */
    uint32_t generation;
};

struct stage {
    struct grove_session *session;
    const char *executable;
    struct actor actors[STAGE_ACTORS]; /* what a law leaves behind is destroyed at its end */
    struct grove_notice_container_budget warned; /* the last CONTAINER_BUDGET notice */
    unsigned wanted; /* ENDPOINT_WANTED notices seen */
    struct actor *wanted_actor;
    bool starts_wanted; /* start the actor whose endpoint is wanted */
    const char *law; /* being tried */
    unsigned number, failed;
    bool has_failed; /* the law being tried */
};

int stage_open(struct stage *stage, const char *executable);
void stage_close(struct stage *stage);

/* A container "conformance.NAME" in a role, and its endpoint of the same name. */
int actor_create(struct stage *stage, const char *name, const char *role, struct actor **actor);
int actor_start(struct stage *stage, struct actor *actor);
/* Kill -9, wait until it is known, start the next instance. */
int actor_kill(struct stage *stage, struct actor *actor);
int actor_restart(struct stage *stage, struct actor *actor);
void actor_destroy(struct stage *stage, struct actor *actor);
int actor_connect(struct stage *stage, const char *endpoint, uint64_t tag, struct grove_channel **channel);
/* Wait for a state to be told. GROVE_TIMED_OUT. */
int actor_await(struct stage *stage, struct actor *actor, uint32_t state);

/* Call with a payload; the answer is copied, and must have exactly this size. */
int ask(struct grove_channel *channel, uint32_t method, const void *data, size_t bytes, void *answer,
        size_t answer_bytes);
int tell(struct grove_channel *channel, uint32_t method, const void *data, size_t bytes);

/* Inside a law: note a failure with its place and go on to the law's end. */
#define CHECK(stage, condition) \
    do { \
        if (!(condition)) { \
            stage_fail((stage), #condition, __FILE__, __LINE__); \
            return; \
        } \
    } while (0)
void stage_fail(struct stage *stage, const char *condition, const char *file, int line);
void stage_try(struct stage *stage, const char *law, void (*try_it)(struct stage *stage));

#endif
