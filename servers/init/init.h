/*
 * What the parts of init share.
 *
 *   main.c     set-up, methods, the end           units.c   the life of one system service
 *   boot.c     boot specs, recovery            phases.c   which phase is being started, and when all are
 *   admission.c  may a service start, says the resource service
 *   tell.c     what the registry and the bus are told
 *   metrics.c  how the start went, for who watches from outside
 */
#ifndef SERVERS_INIT_INIT_H
#define SERVERS_INIT_INIT_H

#include <stdbool.h>

#include "grove/grove.h"
#include "servers/common/backoff.h"
#include "servers/init/protocol.h"
#include "servers/registry/protocol.h"

#define INIT_KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)
#define INIT_USER_PHASE (INIT_PHASES - 1)

struct init;

enum unit_admission { UNIT_UNKNOWN, UNIT_ASKED, UNIT_ADMITTED };

/* One system service. */
struct unit {
    struct init *init;
    struct grove_spec *spec;
    const char *name; /* in the spec */
    grove_handle container;
    enum registry_state state;
    enum unit_admission admission;
    uint32_t generation, exit_cause, layer;
    int32_t exit_detail;
    uint64_t started_ns, ready_ns, restart_due_ns;
    uint32_t timer;
    bool is_start_due; /* start again when it has ended */
    bool has_failed; /* since the kernel started; the phase has not waited for it since */
    struct backoff backoff;
    char reason[192];
};

/* How far the start is. In the state region, so that it is of the start of the kernel and not of this instance. */
struct boot_progress {
    uint64_t magic;
    struct init_phase phase[INIT_PHASES];
    uint64_t ready_ns; /* kernel.ready was published */
};

struct init {
    struct grove_service *service;
    struct grove_session *session;
    struct grove_channel *log, *registry, *resource;
    const char *folder;
    struct unit units[INIT_SERVICES_MAX]; /* by phase, then by file name */
    uint32_t count;
    uint32_t phase; /* being started; INIT_USER_PHASE when all of init's own are over */
    struct boot_progress *progress;
    uint32_t phase_timer, users_timer; /* 0: none */
    bool is_phase_late; /* the current phase has waited long enough for what is not essential */
    bool is_tell_due;
    uint64_t booted_ns; /* when the kernel started */
    uint64_t boot_id;
    bool is_stopping;
};

/* units.c */
int unit_prepare(struct unit *unit);
void unit_start(struct unit *unit);
void unit_restart(struct unit *unit);
void unit_stop(struct unit *unit);
void unit_notice(struct unit *unit, const struct grove_notice_container *notice);
void unit_adopt(struct unit *unit, const struct grove_container_record *found);
bool unit_is_running(const struct unit *unit);
/* It was not admitted, for this reason: there is a next try. */
void unit_refuse(struct unit *unit, const char *why);

/* admission.c */
/* May it start now? False: it is being asked for, and is started when it may. */
bool admission_begin(struct unit *unit);
/* The resource service has come up: it is told of all that run. */
void admission_tell_all(struct init *init);

/* boot.c */
int boot_load(struct init *init);
int boot_recover(struct init *init);
struct unit *boot_find(struct init *init, const char *name);

/* phases.c */
void phases_open(struct init *init);
/* Something may have come to an end that the current phase waited for. */
void phases_continue(struct init *init);
/* The registry says that the user services have come to rest. */
void phases_users_rest(struct init *init, const struct init_users *users);
/* The service that the current phase waits for; NULL none. */
const struct unit *phases_holder(const struct init *init);
/* How many system services are not ready. */
uint32_t phases_missing(const struct init *init);

/* metrics.c */
void metrics_serve(struct init *init, struct grove_service *service);

/* tell.c */
/* The registry shall know soon what has changed; at once when it has just come up. */
void tell_registry_soon(struct init *init);
/* A limit of a system service is near or in the way: the resource service decides what follows. */
void tell_warned(struct init *init, const struct unit *unit, const struct grove_notice_budget *warning);
/* Publish kernel.ready. */
void tell_ready(struct init *init);

#endif
