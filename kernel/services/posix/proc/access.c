/* Who may look at a process's memory, files and folders: see proc.h, and "Ptrace access mode checking" in ptrace(2). */
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/proc/proc.h"
#include "kernel/services/vfs/errors.h"

static bool are_all(uint32_t user, uint32_t real, uint32_t effective, uint32_t saved) {
    return user == real && user == effective && user == saved;
}

static bool may_as(const struct process *process, uint32_t user, uint32_t group) {
    const struct process *self = process_current();
    const struct credentials *who = &self->credentials, *whose = &process->credentials;
    if (self == process || credentials_have(who, LINUX_CAP_SYS_PTRACE))
        return true;
    return process->is_dumpable && are_all(user, whose->user, whose->effective_user, whose->saved_user) &&
           are_all(group, whose->group, whose->effective_group, whose->saved_group) &&
           (whose->permitted & ~who->permitted) == 0;
}

bool proc_may_look(const struct process *process) {
    const struct credentials *who = &process_current()->credentials;
    return may_as(process, who->file_user, who->file_group);
}

bool process_may_reach(const struct process *process) {
    const struct process *self = process_current();
    const struct credentials *who = &self->credentials;
    bool is_outside = self->program != NULL && process->program != self->program;
    return !is_outside && may_as(process, who->user, who->group);
}

int proc_hold_memory(int32_t id, bool is_checked, struct process_memory **memory) {
    int status = 0;
    *memory = NULL;
    processes_lock();
    const struct process *process = process_find_locked(id);
    if (process == NULL)
        status = -LINUX_ESRCH;
    else if (is_checked && !proc_may_look(process))
        status = -LINUX_EACCES;
    else
        *memory = process->memory;
    if (*memory != NULL)
        __atomic_fetch_add(&(*memory)->references, 1, __ATOMIC_RELAXED);
    processes_unlock();
    return status;
}

int proc_hold_files(int32_t id, struct process **held) {
    int status = 0;
    processes_lock();
    struct process *process = process_find_locked(id);
    if (process == NULL || process->state != PROCESS_LIVES)
        status = -LINUX_ENOENT;
    else if (!proc_may_look(process))
        status = -LINUX_EACCES;
    else
        process_ref(process);
    processes_unlock();
    if (status == 0)
        *held = process;
    return status;
}
