/*
 * What the parts of the resource service share.
 *
 *   main.c        methods, set-up              cases.c     limits that were reached, and the policies
 *   admission.c   what was promised to whom    samples.c   the last minute, while somebody looks
 *   metrics.c     what each container uses, for who watches from outside
 *
 * One thread. Nothing runs while nobody asks and no limit is near: the one timer (main.c) ticks once a period (a second, if nothing
 * else is configured) while there is a case or somebody looks at samples, and not at all otherwise.
 */
#ifndef SERVERS_RESOURCE_RESOURCE_H
#define SERVERS_RESOURCE_RESOURCE_H

#include <stdbool.h>

#include "grove/resource.h"

#define RESOURCE_KERNEL_TIMEOUT_NS (2 * GROVE_SECOND)
#define RESOURCE_CASES_MAX 64u

struct resource {
    struct grove_service *service;
    struct grove_session *session;
    struct grove_channel *registry, *reincarnation; /* NULL: not open yet */
    int folder; /* descriptor of the state folder */
    uint64_t period_ns; /* between two looks; this and what follows is configured */
    double overcommit_memory, overcommit_processor;
    uint32_t timer; /* 0: nothing is to be looked at */
};

/* What the kernel says of a container by name; GROVE_NOT_FOUND. */
int resource_read(const struct resource *resource, const char *name, struct grove_container_record *record);
/* There is something to look at in every period. */
void resource_tick_soon(struct resource *resource);

/* ---- admission.c ---- */

/* Take up what is promised already to those that run, and the factors from the state folder. */
int admission_open(struct resource *resource);
/* 0, or GROVE_EXHAUSTED with a sentence. */
int admission_ask(struct resource *resource, const char *service, const struct grove_budget *budget, char *problem,
                  size_t problem_bytes);
/* Promise it whatever there is. GROVE_NO_MEMORY. */
int admission_keep(const char *service, const struct grove_budget *budget);
void admission_release(const char *service);
void admission_machine(struct grove_machine *machine);
/* Other factors may be configured now. */
void admission_configured(struct resource *resource);
/* An order: durable, until other factors are configured. GROVE_INVALID, or what the disk says. */
int admission_factor(struct resource *resource, uint32_t resource_number, uint64_t factor_ppm);

/* ---- cases.c ---- */

/* Their place outlives this process; actions in force are ended in time by the next one. */
void cases_open(struct resource *resource);
void cases_warned(struct resource *resource, const struct grove_resource_warned *warned);
/* A period has passed. True while there is a case. */
bool cases_tick(struct resource *resource);
uint32_t cases_count(void);
uint32_t cases_list(struct grove_limit_case *list, uint32_t most);

/* ---- metrics.c ---- */

void metrics_serve(struct resource *resource, struct grove_service *service);

/* ---- samples.c ---- */

/* The samples of one service, oldest first; from now on some are taken. Returns how many there are. */
uint32_t samples_read(struct resource *resource, const char *service, struct grove_resource_sample *samples);
/* A period has passed. True while somebody looks. */
bool samples_tick(struct resource *resource);

#endif
