/*
 * What the parts of reincarnation share.
 *
 *   main.c       set-up, methods                 failures.c   what the registry asks about
 *   matters.c    one failure, from its spec      illness.c    what health finds; system services
 *                to what was done                memory.c     ladders, in the state region
 *   policy.c     the ladder; pure                watchdog.c   is health itself alive?
 */
#ifndef SERVERS_REINCARNATION_H
#define SERVERS_REINCARNATION_H

#include "grove/grove.h"
#include "grove/health.h"
#include "servers/reincarnation/policy.h"

#define KERNEL_TIMEOUT_NS (2 * GROVE_SECOND)

/* What is remembered of one service. */
struct remembered {
    struct grove_name service; /* empty: free */
    struct ladder ladders[GROVE_RECOVERY_CAUSES];
    uint32_t last_cause, last_step, last_generation, reserved;
    uint64_t last_ns;
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
};

struct reincarnation {
    struct grove_service *service;
    struct grove_session *session;
    struct grove_channel *registry;
    struct grove_health_subscription *subscription;
    uint64_t known; /* number of the newest failure that the registry told */
};

/* One failure. */
struct matter {
    struct reincarnation *reincarnation;
    struct grove_name service;
    uint32_t generation, cause; /* enum grove_recovery_cause */
    unsigned attempts;
    bool is_of_running; /* its instance runs, and is to be ended */
    char reason[GROVE_HEALTH_SENTENCE_BYTES];
    uint32_t step; /* what was decided, and after how long */
    uint64_t delay_ns;
    struct remedy remedy;
    bool has_policy; /* its spec has one */
};

/* ---- memory.c ---- */

int memory_open(struct grove_session *session);
/* NULL if nothing is remembered. */
struct remembered *memory_find(const char *service);
/* Find or make; the one that is quiet for longest gives way. */
struct remembered *memory_take(const char *service);
/* In turn: start with 0; NULL at the end. */
const struct remembered *memory_next(uint32_t *cursor);

/* ---- matters.c ---- */

/* See to a failure; copies what it is given. */
void matter_begin(const struct matter *matter);

/* ---- failures.c ---- */

int registry_connect(struct reincarnation *reincarnation);
/* Ask the registry for failures, again and again. */
void failures_wait(struct reincarnation *reincarnation);

/* ---- illness.c ---- */

void illness_begin(struct reincarnation *reincarnation);
/* As matter_begin, for system services too: these are ended from here, and init starts them again. */
void matter_begin_any(const struct matter *matter);
/* End the instance of a system service, if it is still this one; init starts the next. */
int illness_end_system(struct reincarnation *reincarnation, const char *service, uint32_t generation,
                       const char *reason);

/* ---- metrics.c ---- */

void metrics_serve(struct grove_service *service);
void metrics_count(const struct matter *matter);

/* ---- watchdog.c ---- */

void watchdog_begin(struct reincarnation *reincarnation);

/* ---- events.c ---- */

/* "reincarnation.restart.SERVICE", "reincarnation.escalated.SERVICE" */
void events_recovered(const struct matter *matter);

#endif
