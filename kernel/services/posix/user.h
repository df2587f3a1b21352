/* What all processes of one real user use together, for limits that are a user's. Guarded by the lock of processes. */
#ifndef GROVE_POSIX_USER_H
#define GROVE_POSIX_USER_H

#include "kernel/core/list.h"

#include <stdint.h>

struct user_account {
    uint32_t user;
    uint32_t references;
    uint32_t threads; /* of its processes: RLIMIT_NPROC counts them */
    uint32_t signals; /* that wait with what was told with them */
    struct list link;
};

/* That of a user, with a reference. -LINUX_ENOMEM. */
int user_account_find(uint32_t user, struct user_account **account);
void user_account_unref(struct user_account *account);

#endif
