/*
 * What the parts of init share.
 *
 *   main.c     set-up, methods, the end           units.c   the life of one system service
 *   boot.c     boot specs, recovery, phases
 */
#ifndef SERVERS_INIT_INIT_H
#define SERVERS_INIT_INIT_H

#include <stdbool.h>

#include "grove/grove.h"
#include "servers/common/backoff.h"
#include "servers/init/protocol.h"
#include "servers/registry/protocol.h"

#define INIT_KERNEL_TIMEOUT_NS (5 * GROVE_SECOND)

struct init;

/* One system service. */
struct unit {
    struct init *init;
    struct grove_spec *spec;
    const char *name; /* in the spec */
    grove_handle container;
    enum registry_state state;
    uint32_t generation, exit_cause, layer;
    int32_t exit_detail;
    uint64_t started_ns, ready_ns, restart_due_ns;
    uint32_t timer;
    bool is_start_due; /* start again when it has ended */
    struct backoff backoff;
    char reason[192];
};

struct init {
    struct grove_service *service;
    struct grove_session *session;
    struct grove_channel *log;
    const char *folder;
    struct unit units[INIT_SERVICES_MAX]; /* by phase, then by file name */
    uint32_t count;
    uint32_t phase; /* being started; INIT_PHASES when all are up */
    uint64_t phase_ns[INIT_PHASES];
    uint64_t booted_ns; /* when the kernel started */
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

/* boot.c */
int boot_load(struct init *init);
int boot_recover(struct init *init);
void boot_continue(struct init *init);
struct unit *boot_find(struct init *init, const char *name);

#endif
