/*
 * The timeline of a start, as data: what `grove boot` prints, and what it draws.
 */
#ifndef GROVE_BOOT_TIMELINE_H
#define GROVE_BOOT_TIMELINE_H

#include "userspace/grove/command.h"

struct timeline {
    uint64_t begin_ns; /* when the kernel started; all other times are counted from it */
    uint64_t end_ns; /* when the last phase or service was ready; at least 1 */
    json_t *phases; /* array of phase, number, begin_ns, ready_ns, services, missing */
    json_t
        *services; /* array of name, phase, number, generation, started_ns, ready_ns, took_ns, in the order of starts */
    json_t *ready_ns; /* when kernel.ready was published, or null */
    json_t *waits_for; /* the service that the start waits for, or null */
    uint32_t missing; /* system services that are not ready now */
};

/* Draw it into a file as SVG; "-" is standard output. Returns 0, or COMMAND_FAILED after saying why not. */
int boot_draw(const struct invocation *invocation, const struct timeline *timeline, const char *path);

#endif
