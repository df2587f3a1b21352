/*
 * The kernel that a command uses to run a program: the running one, or one of its own for the time of the command.
 */
#ifndef GROVE_RUN_KERNEL_H
#define GROVE_RUN_KERNEL_H

#include <sys/types.h>

#include "userspace/grove/command.h"

struct run_kernel {
    struct grove_session *session;
    pid_t process; /* of the embedded kernel; 0 if it is the running one */
};

enum run_kernel_choice {
    RUN_KERNEL_ANY, /* the one that runs in the run folder, or, when none does, an embedded one */
    RUN_KERNEL_OWN, /* an embedded one */
    RUN_KERNEL_OPEN, /* an embedded one whose open containers keep what root may do (grove learn) */
};

/*
 * Open a session with a kernel. Returns 0, or COMMAND_FAILED after saying why. Call it before any thread or signal mask is made: the embedded
 * kernel inherits them.
 */
int run_kernel_open(const struct invocation *invocation, enum run_kernel_choice choice, struct run_kernel *kernel);
/* Hang up: all that was started through the session ends. Waits for the embedded kernel to have cleaned up. */
void run_kernel_close(struct run_kernel *kernel);
/* Sequence number of the next audit record; 0 if it cannot be read. */
uint64_t run_kernel_audit_position(const struct run_kernel *kernel);

#endif
