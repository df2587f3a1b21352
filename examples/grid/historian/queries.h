/* What the historian answers: counts, the latest reading of a feeder, a range of readings. */
#ifndef GRID_HISTORIAN_QUERIES_H
#define GRID_HISTORIAN_QUERIES_H

#include "examples/grid/historian/intake.h"

/* Handlers; the context is the intake. */
int query_counts(struct grove_request *request, void *context);
int query_latest(struct grove_request *request, void *context);
int query_range(struct grove_request *request, void *context);

#endif
