/*
 * The processes of a container that has no control group: its first process and everything below it. With a process
 * namespace of its own these are all there are, because orphans come back to the first process.
 */
#ifndef GROVE_LINUX_TREE_H
#define GROVE_LINUX_TREE_H

#include "grove/abi/port.h"

#include <stdbool.h>
#include <sys/types.h>

#define TREE_PROCESSES_MAX 1024u

/* At most `room` of them, the first one included; it is bounded work, however many there are. */
unsigned tree_processes(pid_t first, pid_t *processes, unsigned room);
/*
 * What those of them use that are there now, up to TREE_COUNTED_MAX: processor time, with that of children that were waited for
 * (these in hundredths of a second), memory that is resident (shared pages once for each process) and their number.
 */
void tree_usage(pid_t first, struct grove_usage *usage);
#define TREE_COUNTED_MAX 256u
/*
 * Tell all to stop. True once they have, and so none can have escaped by forking meanwhile; until then it is to be called
 * again. Never true for more than TREE_PROCESSES_MAX.
 */
bool tree_stop(pid_t first);
/* Let all go on, those as well that had stopped themselves. */
void tree_continue(pid_t first);

#endif
