/* What hooks and those that ask them say to each other, read from bytes that anybody may have written. */
#ifndef LIB_HOOKS_WIRE_H
#define LIB_HOOKS_WIRE_H

#include "grove/hooks.h"

/*
 * The question in `data`: its head is copied to *run, with its texts ended; *call points into both. GROVE_INVALID: it is none;
 * GROVE_VERSION.
 */
int hook_call_read(const void *data, size_t bytes, struct grove_hooks_run *run, struct grove_hook_call *call);
/* What became of it: continue for all that is no other answer. *outcome points into `data` and `reason`. */
void hook_outcome_read(const void *data, size_t bytes, char reason[GROVE_HOOK_REASON_MAX + 1],
                       struct grove_hook_outcome *outcome);

#endif
