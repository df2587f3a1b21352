/*
 * Work that goes on in bounded steps.
 *
 * A piece of work is embedded in the object it is about and stands in one queue. core_work takes the first piece, does
 * one step of it (at most WORK_STEP units) and puts it behind the others if more is left, so that many pieces share the
 * kernel fairly and no request ever waits for one of them.
 */
#ifndef GROVE_CORE_WORK_H
#define GROVE_CORE_WORK_H

#include "kernel/core/list.h"

#include <stdint.h>

#define WORK_STEP 128u

enum work_kind { WORK_REVOKE, WORK_CONDEMNED, WORK_CONTAINER, WORK_PORT, WORK_ENDPOINT, WORK_SCAN, WORK_KINDS };

struct work {
    struct list link;
    uint32_t kind; /* enum work_kind */
};

struct core;

/* Queue a piece of work; nothing happens if it is queued already. Removing the link cancels it. */
void work_queue(struct core *core, struct work *work, enum work_kind kind);
/* One step of the first piece. */
void work_step(struct core *core);

#endif
