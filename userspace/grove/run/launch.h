/*
 * One program in a container of its own, from its start to its end, with its streams, signals and exit status passed
 * through. `grove run` and `grove learn` share it.
 */
#ifndef GROVE_RUN_LAUNCH_H
#define GROVE_RUN_LAUNCH_H

#include "userspace/grove/run/kernel.h"
#include "userspace/grove/run/terminal.h"

/* Exit statuses of our own, as env(1) and timeout(1) have them. */
#define LAUNCH_TIMED_OUT 124
#define LAUNCH_FAILED 125
#define LAUNCH_CANNOT_EXECUTE 126
#define LAUNCH_NOT_FOUND 127
#define LAUNCH_SIGNALLED 128 /* and the signal's number */

struct launch {
    const struct invocation *invocation;
    struct run_kernel *kernel;
    const void *spec;
    size_t spec_bytes;
    uint64_t timeout_ns; /* 0: none */
    /* Notices about the program's needs (GROVE_SPEC_LEARN); may be NULL. */
    void (*learned)(const struct grove_capability *capability, void *context);
    void *context;
    /* An INT or TERM from outside asks the program to stop and is no failure (grove learn). */
    bool interrupt_stops;

    /* Results. */
    struct grove_container_reply container;
    uint32_t exit_cause; /* enum grove_exit_cause */
    int32_t exit_detail;
    bool was_interrupted;
    bool has_timed_out;

    /* Its own. */
    bool has_ended;
    int signals; /* descriptor */
    struct terminal *terminal; /* the program's own; NULL: it has grove's streams */
};

/* Run to the end. Returns the exit status for grove: the program's, or one of the above after an error was printed. */
int launch_run(struct launch *launch);

#endif
