/* The way back to user mode: see deliver.c. */
#ifndef GROVE_POSIX_DELIVER_H
#define GROVE_POSIX_DELIVER_H

#include "kernel/services/posix/process.h"

#define LINUX_ERESTART_BLOCK 516 /* what process_restart_with answers; no program sees it */

/* What a call that was interrupted becomes: signal(7), "Interruption of system calls". */
enum restart_rule {
    RESTART_NEVER, /* EINTR stays */
    RESTART_UNLESS_HANDLED, /* made again if no handler ran */
    RESTART_IF_ASKED, /* made again also after a handler with SA_RESTART */
};

/* By the number of a call of this processor. */
enum restart_rule restart_rule_of(int64_t call, const uint64_t arguments[6]);

/* Sleep until the process goes on or ends. The lock of processes is held. */
void thread_stop_here(struct process_thread *part);

#endif
