/* System calls that send signals: kill(2), tgkill(2), rt_sigqueueinfo(2), and who may send what to whom. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/program.h"
#include "kernel/services/posix/user_value.h"

/* Locked. */
static bool may_send(const struct process *to, int signal) {
    const struct process *from = process_current();
    const struct credentials *mine = &from->credentials, *theirs = &to->credentials;
    if (from == to || credentials_have(mine, LINUX_CAP_KILL))
        return true;
    if (mine->effective_user == theirs->user || mine->effective_user == theirs->saved_user ||
        mine->user == theirs->user || mine->user == theirs->saved_user)
        return true;
    return signal == LINUX_SIGCONT && from->session == to->session;
}

/* Locked. Zombies have nothing to say to it. */
static int send_to(struct process *process, struct process_thread *part, int signal, const struct signal_info *info) {
    if (!may_send(process, signal))
        return -LINUX_EPERM;
    if (signal == 0 || process->state >= PROCESS_ZOMBIE)
        return 0;
    return signal_send_locked(process, part, signal, info);
}

int signal_send_checked(struct process *process, int signal, const struct signal_info *info) {
    return send_to(process, NULL, signal, info);
}

/* Locked. Success if any got it. */
static int send_to_group(const struct number *group, int signal, const struct signal_info *info) {
    int status = -LINUX_ESRCH;
    if (group == NULL)
        return status;
    for (struct list *link = group->group.next; link != &group->group; link = link->next) {
        int answer = send_to(list_item(link, struct process, in_group), NULL, signal, info);
        status = status == 0 ? 0 : answer;
    }
    return status;
}

/* Locked. All of its own program, or of those in none, but the caller and the first of them. */
static int send_to_all(int signal, const struct signal_info *info) {
    int status = -LINUX_ESRCH;
    for (struct list *link = processes.all.next; link != &processes.all; link = link->next) {
        struct process *process = list_item(link, struct process, in_all);
        if (process->program != process_current()->program || process == program_heir(process) ||
            process == process_current())
            continue;
        int answer = send_to(process, NULL, signal, info);
        if (answer != -LINUX_EPERM)
            status = answer;
    }
    return status;
}

static bool is_signal_or_none(uint64_t signal) {
    return (uint32_t)signal <= SIGNALS;
}

int64_t system_call_kill(const uint64_t arguments[6]) {
    int32_t target = (int32_t)arguments[0];
    int status, signal = (int)arguments[1];
    if (!is_signal_or_none(arguments[1]))
        return -LINUX_EINVAL;
    if (target == INT32_MIN)
        return -LINUX_ESRCH;
    struct signal_info info = signal_info_of_caller(signal, LINUX_SI_USER);
    processes_lock();
    if (target > 0) {
        struct process *process = process_find_locked(target);
        status = process != NULL ? send_to(process, NULL, signal, &info) : -LINUX_ESRCH;
    } else if (target == -1) {
        status = send_to_all(signal, &info);
    } else {
        status = send_to_group(target == 0 ? process_current()->group : number_see(-target), signal, &info);
    }
    processes_unlock();
    return status;
}

/* `group`: the process that the thread must belong to, or -1. */
static int64_t send_to_thread(int32_t group, int32_t number, uint64_t signal, const struct signal_info *info) {
    int status = -LINUX_ESRCH;
    if (number <= 0 || group == 0 || group < -1 || !is_signal_or_none(signal))
        return -LINUX_EINVAL;
    processes_lock();
    const struct number *found = number_see(number);
    struct process_thread *part = found != NULL ? found->thread : NULL;
    if (part != NULL && (group == -1 || part->process->id == group))
        status = send_to(part->process, part, (int)signal, info);
    processes_unlock();
    return status;
}

int64_t system_call_tkill(const uint64_t arguments[6]) {
    struct signal_info info = signal_info_of_caller((int)arguments[1], LINUX_SI_TKILL);
    return send_to_thread(-1, (int32_t)arguments[0], arguments[1], &info);
}

int64_t system_call_tgkill(const uint64_t arguments[6]) {
    struct signal_info info = signal_info_of_caller((int)arguments[2], LINUX_SI_TKILL);
    int32_t group = (int32_t)arguments[0];
    return send_to_thread(group == -1 ? 0 : group, (int32_t)arguments[1], arguments[2], &info);
}

/* What only the kernel says a program may say to itself alone. */
static int64_t read_info(uint64_t at, uint64_t signal, int32_t target, struct signal_info *info) {
    if (!process_read(info, at, sizeof(*info)))
        return -LINUX_EFAULT;
    info->signal = (int32_t)signal;
    if ((info->code >= 0 || info->code == LINUX_SI_TKILL) && target != process_current()->id)
        return -LINUX_EPERM;
    return 0;
}

int64_t system_call_rt_sigqueueinfo(const uint64_t arguments[6]) {
    struct signal_info info;
    int32_t target = (int32_t)arguments[0];
    int64_t status = read_info(arguments[2], arguments[1], target, &info);
    if (status < 0)
        return status;
    if (!is_signal_or_none(arguments[1]))
        return -LINUX_EINVAL;
    processes_lock();
    struct process *process = process_find_locked(target);
    status = process != NULL ? send_to(process, NULL, (int)arguments[1], &info) : -LINUX_ESRCH;
    processes_unlock();
    return status;
}

int64_t system_call_rt_tgsigqueueinfo(const uint64_t arguments[6]) {
    struct signal_info info;
    int32_t group = (int32_t)arguments[0];
    if (group <= 0)
        return -LINUX_EINVAL;
    int64_t status = read_info(arguments[3], arguments[2], group, &info);
    return status < 0 ? status : send_to_thread(group, (int32_t)arguments[1], arguments[2], &info);
}
