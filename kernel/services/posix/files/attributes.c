/* Changing what files say of themselves: chmod(2), chown(2), utimensat(2), truncate(2), fallocate(2), umask(2). */
#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/change.h"

#define NANOSECONDS INT64_C(1000000000)
#define MICROSECOND 1000
#define SECONDS_MAX (INT64_MAX / NANOSECONDS - 1)

/* ---- mode and owner ---- */

/* Pipes without a name have nothing to change; that is no error, as it would not show. */
static int64_t change_mode(const struct files *files, struct target *target, uint64_t mode) {
    const struct path *path = target_path(target);
    int status = 0;
    if (target->file != NULL && (file_flags(target->file) & LINUX_O_PATH) != 0)
        status = -LINUX_EBADF;
    else if (path != NULL && inode_is_link(path->dentry->inode))
        status = -LINUX_EOPNOTSUPP;
    else if (target->file != NULL && file_is_anonymous(target->file))
        status = -LINUX_EOPNOTSUPP;
    else if (path != NULL)
        status = vfs_change_mode(files->caller, path, (uint32_t)mode);
    target_end(files, target);
    return status;
}

static int64_t change_mode_at(uint64_t folder, uint64_t address, uint64_t mode, uint32_t flags) {
    struct files files = files_of_current();
    struct target target;
    if ((flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)) != 0)
        return -LINUX_EINVAL;
    int status = target_begin(&files, &target, folder, address, flags);
    return status != 0 ? status : change_mode(&files, &target, mode);
}

int64_t system_call_chmod(const uint64_t arguments[6]) {
    return change_mode_at((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1], 0);
}

int64_t system_call_fchmodat(const uint64_t arguments[6]) {
    return change_mode_at(arguments[0], arguments[1], arguments[2], 0);
}

int64_t system_call_fchmodat2(const uint64_t arguments[6]) {
    return change_mode_at(arguments[0], arguments[1], arguments[2], (uint32_t)arguments[3]);
}

int64_t system_call_fchmod(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct target target;
    int status = target_begin_descriptor(&files, &target, arguments[0]);
    return status != 0 ? status : change_mode(&files, &target, arguments[1]);
}

static int64_t change_owner_at(uint64_t folder, uint64_t address, uint64_t user, uint64_t group, uint32_t flags) {
    struct files files = files_of_current();
    struct target target;
    if ((flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)) != 0)
        return -LINUX_EINVAL;
    int status = target_begin(&files, &target, folder, address, flags);
    if (status != 0)
        return status;
    const struct path *path = target_path(&target);
    if (path != NULL)
        status = vfs_change_owner(files.caller, path, (uint32_t)user, (uint32_t)group);
    target_end(&files, &target);
    return status;
}

int64_t system_call_chown(const uint64_t arguments[6]) {
    return change_owner_at((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1], arguments[2], 0);
}

int64_t system_call_lchown(const uint64_t arguments[6]) {
    return change_owner_at((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1], arguments[2],
                           LINUX_AT_SYMLINK_NOFOLLOW);
}

int64_t system_call_fchownat(const uint64_t arguments[6]) {
    return change_owner_at(arguments[0], arguments[1], arguments[2], arguments[3], (uint32_t)arguments[4]);
}

int64_t system_call_fchown(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    if (file->path.mount != NULL)
        status = vfs_change_owner(files.caller, &file->path, (uint32_t)arguments[1], (uint32_t)arguments[2]);
    file_unref(file);
    return status;
}

int64_t system_call_umask(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    vfs_lock(files.vfs);
    uint32_t old = files.caller->mask;
    files.caller->mask = (uint32_t)arguments[0] & 0777;
    vfs_unlock(files.vfs);
    return old;
}

/* ---- times ---- */

static int64_t to_ns(int64_t seconds, int64_t nanoseconds) {
    if (seconds > SECONDS_MAX)
        seconds = SECONDS_MAX;
    if (seconds < -SECONDS_MAX)
        seconds = -SECONDS_MAX;
    return seconds * NANOSECONDS + nanoseconds;
}

static int plan_time(const int64_t time[2], struct time_plan *plan) {
    *plan = (struct time_plan){.change = TIME_SET};
    if (time[1] == LINUX_UTIME_NOW)
        plan->change = TIME_NOW;
    else if (time[1] == LINUX_UTIME_OMIT)
        plan->change = TIME_KEEP;
    else if (time[1] < 0 || time[1] >= NANOSECONDS)
        return -LINUX_EINVAL;
    else
        plan->time_ns = to_ns(time[0], time[1]);
    return 0;
}

static const struct time_plan now = {.change = TIME_NOW};

/* The place is looked for before the times are. */
static int64_t set_times(const struct files *files, struct target *target, const struct time_plan plans[2],
                         bool is_good) {
    const struct path *path = target_path(target);
    int status = is_good ? 0 : -LINUX_EINVAL;
    if (is_good && path != NULL)
        status = vfs_set_times(files->caller, path, &plans[0], &plans[1]);
    target_end(files, target);
    return status;
}

/* Without a path it is the descriptor's own file. */
static int begin_times(const struct files *files, uint64_t folder, uint64_t address, uint32_t flags,
                       struct target *target) {
    if (address != 0)
        return target_begin(files, target, folder, address, flags);
    if ((int32_t)folder == LINUX_AT_FDCWD)
        return -LINUX_EFAULT;
    if (flags != 0)
        return -LINUX_EINVAL;
    int status = target_begin_descriptor(files, target, folder);
    if (status == 0 && (file_flags(target->file) & LINUX_O_PATH) != 0) {
        target_end(files, target);
        status = -LINUX_EBADF;
    }
    return status;
}

static int64_t set_times_at(uint64_t folder, uint64_t address, const struct time_plan plans[2], bool is_good,
                            uint32_t flags) {
    struct files files = files_of_current();
    struct target target;
    if ((flags & ~(LINUX_AT_SYMLINK_NOFOLLOW | LINUX_AT_EMPTY_PATH)) != 0)
        return -LINUX_EINVAL;
    int status = begin_times(&files, folder, address, flags, &target);
    return status != 0 ? status : set_times(&files, &target, plans, is_good);
}

int64_t system_call_utimensat(const uint64_t arguments[6]) {
    struct time_plan plans[2] = {now, now};
    bool is_good = true;
    if (arguments[2] != 0) {
        int64_t times[2][2];
        if (!process_read(times, arguments[2], sizeof(times)))
            return -LINUX_EFAULT;
        if (times[0][1] == LINUX_UTIME_OMIT && times[1][1] == LINUX_UTIME_OMIT)
            return 0;
        is_good = plan_time(times[0], &plans[0]) == 0 && plan_time(times[1], &plans[1]) == 0;
    }
    return set_times_at(arguments[0], arguments[1], plans, is_good, (uint32_t)arguments[3]);
}

/* The older forms know microseconds, and nothing but times. */
static int64_t set_old_times_at(uint64_t folder, uint64_t address, uint64_t times_address) {
    struct time_plan plans[2] = {now, now};
    if (times_address != 0) {
        int64_t times[2][2];
        if (!process_read(times, times_address, sizeof(times)))
            return -LINUX_EFAULT;
        for (int i = 0; i < 2; i++) {
            if (times[i][1] < 0 || times[i][1] >= NANOSECONDS / MICROSECOND)
                return -LINUX_EINVAL;
            plans[i] = (struct time_plan){.change = TIME_SET, .time_ns = to_ns(times[i][0], times[i][1] * MICROSECOND)};
        }
    }
    return set_times_at(folder, address, plans, true, 0);
}

int64_t system_call_futimesat(const uint64_t arguments[6]) {
    return set_old_times_at(arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_utimes(const uint64_t arguments[6]) {
    return set_old_times_at((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1]);
}

int64_t system_call_utime(const uint64_t arguments[6]) {
    struct time_plan plans[2] = {now, now};
    int64_t times[2];
    if (arguments[1] != 0) {
        if (!process_read(times, arguments[1], sizeof(times)))
            return -LINUX_EFAULT;
        for (int i = 0; i < 2; i++)
            plans[i] = (struct time_plan){.change = TIME_SET, .time_ns = to_ns(times[i], 0)};
    }
    return set_times_at((uint64_t)LINUX_AT_FDCWD, arguments[0], plans, true, 0);
}

/* ---- size ---- */

int64_t system_call_truncate(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct place place;
    if ((int64_t)arguments[1] < 0)
        return -LINUX_EINVAL;
    int status = place_begin(&files, &place, (uint64_t)LINUX_AT_FDCWD, arguments[0]);
    if (status != 0)
        return status;
    status = (int)files_note_limit(files.caller, vfs_truncate(files.caller, &place.path, (int64_t)arguments[1]));
    place_end(&files, &place);
    return status;
}

int64_t system_call_ftruncate(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    if ((int64_t)arguments[1] < 0)
        return -LINUX_EINVAL;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    status = (int)files_note_limit(files.caller, file_resize(files.caller, file, (int64_t)arguments[1]));
    file_unref(file);
    return status;
}

int64_t system_call_fallocate(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    status = (int)files_note_limit(files.caller, file_allocate(files.caller, file, (uint32_t)arguments[1],
                                                               (int64_t)arguments[2], (int64_t)arguments[3]));
    file_unref(file);
    return status;
}
