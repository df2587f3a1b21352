/*
 * After a program ended: what was it refused, and what would have granted it (law 9)?
 */
#ifndef GROVE_RUN_REFUSALS_H
#define GROVE_RUN_REFUSALS_H

#include "userspace/grove/run/launch.h"

/*
 * Print each different refusal of the program since the audit record `from` once, with the flag that would grant it.
 * Returns how many.
 */
unsigned refusals_print(const struct launch *launch, uint64_t from);
/*
 * Files are refused by not being there, of which the kernel knows nothing. If the program failed, look at its arguments:
 * those that name files which exist but are not visible to it are the likely cause. Returns how many were found.
 */
unsigned refusals_print_hidden(const struct launch *launch, const char *folder);

#endif
