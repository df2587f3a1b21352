/*
 * A thread that waits for the disk, so that the loop need not. It is given one job at a time, and its descriptor is
 * readable when the job is done. It starts with its first job: a bus without disk traffic has one thread.
 *
 * The job touches nothing that the loop uses meanwhile. A crash in the middle leaves what the job's own argument says.
 */
#ifndef SERVERS_BUS_WORKER_H
#define SERVERS_BUS_WORKER_H

#include <stdbool.h>

struct worker;
typedef void worker_job(void *context);

/* NULL: no memory or no descriptor. */
struct worker *worker_create(void);
/* Waits for the job under way. */
void worker_destroy(struct worker *worker);
int worker_descriptor(const struct worker *worker);
/* False: there is no thread to be had; do the job yourself. There must be no job under way. */
bool worker_begin(struct worker *worker, worker_job *job, void *context);
bool worker_is_busy(const struct worker *worker);
/* Is the job done? Says so once; then the worker is free. */
bool worker_is_done(struct worker *worker);

#endif
