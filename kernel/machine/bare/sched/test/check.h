/* For tests: what must be so in a scheduler whenever nobody holds its lock. */
#ifndef GROVE_BARE_SCHED_CHECK_H
#define GROVE_BARE_SCHED_CHECK_H

#include "kernel/machine/bare/sched/sched.h"

/*
 * A sentence that names what is wrong with the queues, trees and accounts, or NULL. `threads` are all that there are,
 * ended ones too.
 */
const char *check_structure(struct scheduler *scheduler, struct sched_thread *const *threads, uint32_t count);
/*
 * The same for what runs, once every processor that was kicked or had something to decide has chosen: nothing waits that
 * should run instead of what runs.
 */
const char *check_choice(struct scheduler *scheduler, struct sched_thread *const *threads, uint32_t count);

#endif
