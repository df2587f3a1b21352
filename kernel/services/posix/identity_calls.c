/* Users and groups of the calling process: setuid(2), setresuid(2), setgroups(2) and their like, credentials(7). */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/user.h"
#include "kernel/services/posix/user_value.h"

#define UNCHANGED UINT32_MAX

/* One of both kinds of numbers, and what lets its owner choose freely. */
struct id_set {
    uint32_t real, effective, saved, file;
};

static const struct credentials *mine(void) {
    return &process_current()->credentials;
}

static struct id_set users_of(const struct credentials *credentials) {
    return (struct id_set){credentials->user, credentials->effective_user, credentials->saved_user, credentials->file_user};
}

static struct id_set groups_of(const struct credentials *credentials) {
    return (struct id_set){credentials->group, credentials->effective_group, credentials->saved_group,
                           credentials->file_group};
}

/* The account changes with the real user. -LINUX_EAGAIN: there is no memory for it. */
static int change_account(struct process *process, uint32_t user) {
    struct user_account *account;
    int status = 0;
    processes_lock();
    if (process->user->user != user) {
        status = user_account_find(user, &account);
        if (status == 0) {
            process->user->threads -= process->thread_count;
            account->threads += process->thread_count;
            user_account_unref(process->user);
            process->user = account;
        }
    }
    processes_unlock();
    return status < 0 ? -LINUX_EAGAIN : 0;
}

static int64_t set_users(const struct id_set *ids) {
    struct process *process = process_current();
    struct credentials before = process->credentials, *now = &process->credentials;
    int status = change_account(process, ids->real);
    if (status < 0)
        return status;
    processes_lock();
    now->user = ids->real;
    now->effective_user = ids->effective;
    now->saved_user = ids->saved;
    now->file_user = ids->file;
    credentials_users_changed(&before, now);
    if (before.effective_user != now->effective_user || before.file_user != now->file_user) {
        process->is_dumpable = false;
        process->parent_death_signal = 0;
    }
    credentials_apply(now, &process->caller.identity);
    processes_unlock();
    return 0;
}

static int64_t set_groups(const struct id_set *ids) {
    struct process *process = process_current();
    processes_lock();
    process->credentials.group = ids->real;
    process->credentials.effective_group = ids->effective;
    process->credentials.saved_group = ids->saved;
    process->credentials.file_group = ids->file;
    credentials_apply(&process->credentials, &process->caller.identity);
    processes_unlock();
    return 0;
}

static bool is_one_of(uint32_t id, const struct id_set *ids) {
    return id == ids->real || id == ids->effective || id == ids->saved;
}

/* ---- the rules, for both kinds ---- */

/* setuid, setgid: with the capability all of them, else the effective one becomes the real or the saved one. */
static int64_t plan_one(struct id_set *ids, uint32_t id, bool is_free) {
    if (id == UNCHANGED)
        return -LINUX_EINVAL;
    if (is_free)
        ids->real = ids->saved = id;
    else if (id != ids->real && id != ids->saved)
        return -LINUX_EPERM;
    ids->effective = ids->file = id;
    return 0;
}

/* setreuid, setregid. */
static int64_t plan_two(struct id_set *ids, uint32_t real, uint32_t effective, bool is_free) {
    struct id_set before = *ids;
    if (real != UNCHANGED && !is_free && real != before.real && real != before.effective)
        return -LINUX_EPERM;
    if (effective != UNCHANGED && !is_free && !is_one_of(effective, &before))
        return -LINUX_EPERM;
    if (real != UNCHANGED)
        ids->real = real;
    if (effective != UNCHANGED)
        ids->effective = effective;
    if (real != UNCHANGED || (effective != UNCHANGED && effective != before.real))
        ids->saved = ids->effective;
    ids->file = ids->effective;
    return 0;
}

/* setresuid, setresgid. */
static int64_t plan_three(struct id_set *ids, const uint64_t arguments[6], bool is_free) {
    struct id_set before = *ids;
    uint32_t *places[3] = {&ids->real, &ids->effective, &ids->saved};
    for (unsigned i = 0; i < 3; i++) {
        uint32_t id = (uint32_t)arguments[i];
        if (id == UNCHANGED)
            continue;
        if (!is_free && !is_one_of(id, &before))
            return -LINUX_EPERM;
        *places[i] = id;
    }
    ids->file = ids->effective;
    return 0;
}

/* ---- calls ---- */

int64_t system_call_getuid(const uint64_t arguments[6]) {
    (void)arguments;
    return mine()->user;
}

int64_t system_call_geteuid(const uint64_t arguments[6]) {
    (void)arguments;
    return mine()->effective_user;
}

int64_t system_call_getgid(const uint64_t arguments[6]) {
    (void)arguments;
    return mine()->group;
}

int64_t system_call_getegid(const uint64_t arguments[6]) {
    (void)arguments;
    return mine()->effective_group;
}

static int64_t write_three(const uint64_t arguments[6], const struct id_set *ids) {
    int64_t status = user_write(arguments[0], &ids->real, sizeof(ids->real));
    if (status == 0)
        status = user_write(arguments[1], &ids->effective, sizeof(ids->effective));
    return status == 0 ? user_write(arguments[2], &ids->saved, sizeof(ids->saved)) : status;
}

int64_t system_call_getresuid(const uint64_t arguments[6]) {
    struct id_set ids = users_of(mine());
    return write_three(arguments, &ids);
}

int64_t system_call_getresgid(const uint64_t arguments[6]) {
    struct id_set ids = groups_of(mine());
    return write_three(arguments, &ids);
}

int64_t system_call_setuid(const uint64_t arguments[6]) {
    struct id_set ids = users_of(mine());
    int64_t status = plan_one(&ids, (uint32_t)arguments[0], credentials_have(mine(), LINUX_CAP_SETUID));
    return status == 0 ? set_users(&ids) : status;
}

int64_t system_call_setgid(const uint64_t arguments[6]) {
    struct id_set ids = groups_of(mine());
    int64_t status = plan_one(&ids, (uint32_t)arguments[0], credentials_have(mine(), LINUX_CAP_SETGID));
    return status == 0 ? set_groups(&ids) : status;
}

int64_t system_call_setreuid(const uint64_t arguments[6]) {
    struct id_set ids = users_of(mine());
    bool is_free = credentials_have(mine(), LINUX_CAP_SETUID);
    int64_t status = plan_two(&ids, (uint32_t)arguments[0], (uint32_t)arguments[1], is_free);
    return status == 0 ? set_users(&ids) : status;
}

int64_t system_call_setregid(const uint64_t arguments[6]) {
    struct id_set ids = groups_of(mine());
    bool is_free = credentials_have(mine(), LINUX_CAP_SETGID);
    int64_t status = plan_two(&ids, (uint32_t)arguments[0], (uint32_t)arguments[1], is_free);
    return status == 0 ? set_groups(&ids) : status;
}

int64_t system_call_setresuid(const uint64_t arguments[6]) {
    struct id_set ids = users_of(mine());
    int64_t status = plan_three(&ids, arguments, credentials_have(mine(), LINUX_CAP_SETUID));
    return status == 0 ? set_users(&ids) : status;
}

int64_t system_call_setresgid(const uint64_t arguments[6]) {
    struct id_set ids = groups_of(mine());
    int64_t status = plan_three(&ids, arguments, credentials_have(mine(), LINUX_CAP_SETGID));
    return status == 0 ? set_groups(&ids) : status;
}

/* These answer the number before and say in no other way whether they did anything. */
int64_t system_call_setfsuid(const uint64_t arguments[6]) {
    struct process *process = process_current();
    struct id_set ids = users_of(&process->credentials);
    uint32_t id = (uint32_t)arguments[0];
    if (id == UNCHANGED || !(credentials_have(mine(), LINUX_CAP_SETUID) || is_one_of(id, &ids) || id == ids.file))
        return ids.file;
    processes_lock();
    process->credentials.file_user = id;
    credentials_file_user_changed(ids.file, &process->credentials);
    credentials_apply(&process->credentials, &process->caller.identity);
    processes_unlock();
    return ids.file;
}

int64_t system_call_setfsgid(const uint64_t arguments[6]) {
    struct id_set ids = groups_of(mine());
    uint32_t id = (uint32_t)arguments[0], before = ids.file;
    if (id != UNCHANGED && (credentials_have(mine(), LINUX_CAP_SETGID) || is_one_of(id, &ids) || id == ids.file)) {
        ids.file = id;
        (void)set_groups(&ids);
    }
    return before;
}

int64_t system_call_getgroups(const uint64_t arguments[6]) {
    const struct credentials *credentials = mine();
    int32_t room = (int32_t)arguments[0];
    if (room < 0 || (room > 0 && (uint32_t)room < credentials->group_count))
        return -LINUX_EINVAL;
    if (room > 0 && !process_write(arguments[1], credentials->groups, credentials->group_count * sizeof(uint32_t)))
        return -LINUX_EFAULT;
    return credentials->group_count;
}

int64_t system_call_setgroups(const uint64_t arguments[6]) {
    struct process *process = process_current();
    uint32_t groups[CREDENTIALS_GROUPS_MAX];
    if (!credentials_have(mine(), LINUX_CAP_SETGID))
        return -LINUX_EPERM;
    if (arguments[0] > CREDENTIALS_GROUPS_MAX)
        return -LINUX_EINVAL;
    if (!process_read(groups, arguments[1], arguments[0] * sizeof(uint32_t)))
        return -LINUX_EFAULT;
    processes_lock();
    for (uint32_t i = 0; i < arguments[0]; i++)
        process->credentials.groups[i] = groups[i];
    process->credentials.group_count = (uint32_t)arguments[0];
    credentials_apply(&process->credentials, &process->caller.identity);
    processes_unlock();
    return 0;
}
