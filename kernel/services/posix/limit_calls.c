/* Limits of processes: prlimit64(2), getrlimit(2), setrlimit(2). */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/machine.h"
#include "kernel/services/posix/timers.h"
#include "kernel/services/posix/user_value.h"

#define DESCRIPTORS_MAX (UINT64_C(1) << 20) /* what Linux calls nr_open */

/* Locked. What others keep is told to them. */
static int64_t set_limit(struct process *process, enum limit limit, const struct limit_pair *pair) {
    struct limit_pair *now = &process->limits.of[limit];
    if (pair->soft > pair->hard)
        return -LINUX_EINVAL;
    if (limit == LIMIT_DESCRIPTORS && pair->hard > DESCRIPTORS_MAX)
        return -LINUX_EPERM;
    if (pair->hard > now->hard && !credentials_have(&process_current()->credentials, LINUX_CAP_SYS_RESOURCE))
        return -LINUX_EPERM;
    *now = *pair;
    if (limit == LIMIT_DESCRIPTORS)
        process->descriptors.limit = (uint32_t)pair->soft;
    if (limit == LIMIT_FILE_BYTES)
        limits_apply_to_files(&process->limits, &process->caller);
    if (limit == LIMIT_CPU && process->state < PROCESS_ENDS)
        timers_limit_changed(process);
    return 0;
}

/* Locked. One's own, or those of a process that is wholly one's own. */
static bool may_see(const struct process *process) {
    const struct credentials *mine = &process_current()->credentials, *theirs = &process->credentials;
    if (process == process_current() || credentials_have(mine, LINUX_CAP_SYS_RESOURCE))
        return true;
    return mine->user == theirs->user && mine->user == theirs->effective_user && mine->user == theirs->saved_user &&
           mine->group == theirs->group && mine->group == theirs->effective_group && mine->group == theirs->saved_group;
}

static int64_t change(int32_t number, uint32_t limit, const struct limit_pair *pair, struct limit_pair *before) {
    int64_t status = 0;
    if (limit >= LIMITS)
        return -LINUX_EINVAL;
    processes_lock();
    struct process *process = number == 0 ? process_current() : process_find_locked(number);
    if (process == NULL)
        status = -LINUX_ESRCH;
    else if (!may_see(process))
        status = -LINUX_EPERM;
    if (status == 0) {
        *before = process->limits.of[limit];
        if (pair != NULL)
            status = set_limit(process, (enum limit)limit, pair);
    }
    processes_unlock();
    if (status == 0 && pair != NULL && number == 0)
        machine_space_set_limits(process_current()->memory->space, &process_current()->limits);
    return status;
}

int64_t system_call_prlimit64(const uint64_t arguments[6]) {
    struct limit_pair pair, before;
    bool is_set = arguments[2] != 0;
    if (is_set && !process_read(&pair, arguments[2], sizeof(pair)))
        return -LINUX_EFAULT;
    int64_t status = change((int32_t)arguments[0], (uint32_t)arguments[1], is_set ? &pair : NULL, &before);
    return status < 0 ? status : user_write_wanted(arguments[3], &before, sizeof(before));
}

int64_t system_call_getrlimit(const uint64_t arguments[6]) {
    struct limit_pair before;
    int64_t status = change(0, (uint32_t)arguments[0], NULL, &before);
    return status < 0 ? status : user_write(arguments[1], &before, sizeof(before));
}

int64_t system_call_setrlimit(const uint64_t arguments[6]) {
    struct limit_pair pair, before;
    if (!process_read(&pair, arguments[1], sizeof(pair)))
        return -LINUX_EFAULT;
    return change(0, (uint32_t)arguments[0], &pair, &before);
}
