/* Who one is and to which group and session one belongs: getpid(2), setpgid(2), setsid(2) and their like. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/user_value.h"

int64_t system_call_getpid(const uint64_t arguments[6]) {
    (void)arguments;
    return process_current()->id;
}

int64_t system_call_getppid(const uint64_t arguments[6]) {
    (void)arguments;
    processes_lock();
    const struct process *parent = process_current()->parent;
    int32_t number = parent != NULL ? parent->id : 0;
    processes_unlock();
    return number;
}

/* Locked. 0 is oneself. NULL: there is none. */
static struct process *find(uint64_t number) {
    return (int32_t)number == 0 ? process_current() : process_find_locked((int32_t)number);
}

int64_t system_call_getpgid(const uint64_t arguments[6]) {
    processes_lock();
    const struct process *process = find(arguments[0]);
    int32_t group = process != NULL ? process_group_of(process) : -LINUX_ESRCH;
    processes_unlock();
    return group;
}

int64_t system_call_getpgrp(const uint64_t arguments[6]) {
    (void)arguments;
    return process_group_of(process_current());
}

int64_t system_call_getsid(const uint64_t arguments[6]) {
    processes_lock();
    const struct process *process = find(arguments[0]);
    int32_t session = process != NULL ? process_session_of(process) : -LINUX_ESRCH;
    processes_unlock();
    return session;
}

int64_t system_call_setsid(const uint64_t arguments[6]) {
    struct process *process = process_current();
    int64_t status = process->id;
    (void)arguments;
    processes_lock();
    if (process_leads_session(process) || !list_is_empty(&process->number->group)) {
        status = -LINUX_EPERM;
    } else {
        struct number *group = number_ref(process->group);
        bool was_orphaned = group_is_orphaned_without(group, NULL);
        session_join(process, process->number);
        group_join(process, process->number);
        process->number->terminal = NULL;
        if (!was_orphaned)
            family_check_group(group, NULL);
        number_unref(group);
    }
    processes_unlock();
    return status;
}

/* Locked. POSIX's rules: oneself or a child that has not executed, within one's session, and nobody who leads it. */
static int64_t check_move(const struct process *process, const struct process *self) {
    if (process == NULL || (process != self && process->parent != self))
        return -LINUX_ESRCH;
    if (process != self && process->session != self->session)
        return -LINUX_EPERM;
    if (process != self && process->has_executed)
        return -LINUX_EACCES;
    return process_leads_session(process) ? -LINUX_EPERM : 0;
}

/* Locked. A group is there if anybody is in it. */
static bool is_group_of_session(const struct number *group, const struct number *session) {
    const struct process *member = group != NULL ? list_first_item(&group->group, struct process, in_group) : NULL;
    return member != NULL && member->session == session;
}

int64_t system_call_setpgid(const uint64_t arguments[6]) {
    struct process *self = process_current();
    if ((int32_t)arguments[1] < 0)
        return -LINUX_EINVAL;
    processes_lock();
    struct process *process = find(arguments[0]);
    int64_t status = check_move(process, self);
    if (status == 0) {
        struct number *group = process->number;
        if ((int32_t)arguments[1] != 0 && (int32_t)arguments[1] != process->id)
            group = number_see((int32_t)arguments[1]);
        if (group != process->number && !is_group_of_session(group, self->session)) {
            status = -LINUX_EPERM;
        } else if (group != process->group) {
            struct number *before = number_ref(process->group);
            bool was_orphaned = group_is_orphaned_without(before, NULL);
            group_join(process, group);
            if (!was_orphaned)
                family_check_group(before, NULL);
            number_unref(before);
        }
    }
    processes_unlock();
    return status;
}
