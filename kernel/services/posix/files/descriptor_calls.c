/* Calls on descriptors and open files: dup(2), fcntl(2), flock(2). */
#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/pipe.h"
#include "kernel/services/vfs/record_lock.h"
#include "kernel/services/vfs/seal.h"
#include "kernel/services/vfs/whole_lock.h"

/* Commands of fcntl. */
enum {
    F_DUPFD = 0,
    F_GETFD = 1,
    F_SETFD = 2,
    F_GETFL = 3,
    F_SETFL = 4,
    F_GETLK = 5,
    F_SETLK = 6,
    F_SETLKW = 7,
    F_SETOWN = 8,
    F_GETOWN = 9,
    F_OFD_GETLK = 36,
    F_OFD_SETLK = 37,
    F_OFD_SETLKW = 38,
    F_DUPFD_CLOEXEC = 1030,
    F_SETPIPE_SZ = 1031,
    F_GETPIPE_SZ = 1032,
    F_ADD_SEALS = 1033,
    F_GET_SEALS = 1034,
};
#define FD_CLOEXEC 1u

/* ---- duplicates ---- */

static int64_t duplicate(const struct files *files, uint64_t descriptor, uint64_t from, bool closes_on_execute) {
    uint32_t number;
    int status =
        descriptors_duplicate(files->descriptors, (uint32_t)descriptor, (uint32_t)from, closes_on_execute, &number);
    return status != 0 ? status : (int64_t)number;
}

int64_t system_call_dup(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    return duplicate(&files, arguments[0], 0, false);
}

static int64_t replace(uint64_t from, uint64_t to, bool closes_on_execute) {
    struct files files = files_of_current();
    int status = descriptors_replace(files.descriptors, (uint32_t)from, (uint32_t)to, closes_on_execute);
    return status != 0 ? status : (int64_t)(uint32_t)to;
}

/* To itself it changes nothing, if it is open. */
int64_t system_call_dup2(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    bool mark;
    if ((uint32_t)arguments[0] != (uint32_t)arguments[1])
        return replace(arguments[0], arguments[1], false);
    int status = descriptors_read_mark(files.descriptors, (uint32_t)arguments[0], &mark);
    return status != 0 ? status : (int64_t)(uint32_t)arguments[0];
}

int64_t system_call_dup3(const uint64_t arguments[6]) {
    uint32_t flags = (uint32_t)arguments[2];
    if ((flags & ~LINUX_O_CLOEXEC) != 0 || (uint32_t)arguments[0] == (uint32_t)arguments[1])
        return -LINUX_EINVAL;
    return replace(arguments[0], arguments[1], flags != 0);
}

/* ---- record locks ---- */

/* struct flock as programs have it on 64-bit processors. */
struct linux_flock {
    int16_t kind, whence;
    int32_t padding;
    int64_t start, length;
    int32_t process, more_padding;
};

static int64_t test_lock(struct open_file *file, const struct record_owner *owner, uint64_t address,
                         struct linux_flock *asked) {
    struct record_range range;
    struct record_lock found;
    int status = record_range(file, (uint16_t)asked->whence, asked->start, asked->length, &range);
    if (status == 0)
        status = record_lock_test(file, owner, (enum record_kind)asked->kind, &range, &found);
    if (status != 0)
        return status;
    asked->kind = (int16_t)found.kind;
    if (found.kind != RECORD_NONE) {
        asked->whence = LINUX_SEEK_SET;
        asked->start = found.range.first;
        asked->length = found.range.last == INT64_MAX ? 0 : found.range.last - found.range.first + 1;
        asked->process = found.owner.process;
    }
    return process_write(address, asked, sizeof(*asked)) ? 0 : -LINUX_EFAULT;
}

static int64_t set_lock(struct open_file *file, const struct record_owner *owner, const struct linux_flock *asked,
                        bool waits) {
    struct record_range range;
    int status = record_range(file, (uint16_t)asked->whence, asked->start, asked->length, &range);
    if (status == 0)
        status = record_lock_check(file, (enum record_kind)asked->kind);
    if (status == 0 && owner->owner == file && asked->process != 0) /* a lock of a file has no process */
        status = -LINUX_EINVAL;
    return status != 0 ? status : record_lock_set(file, owner, (enum record_kind)asked->kind, &range, waits);
}

static int64_t lock_records(const struct files *files, struct open_file *file, uint32_t command, uint64_t address) {
    bool is_of_file = command >= F_OFD_GETLK;
    struct record_owner owner = {.owner = is_of_file ? (const void *)file : (const void *)files->descriptors,
                                 .process = is_of_file ? -1 : files->process};
    struct linux_flock asked;
    if (!process_read(&asked, address, sizeof(asked)))
        return -LINUX_EFAULT;
    bool is_test = command == F_GETLK || command == F_OFD_GETLK;
    if (is_test && is_of_file && asked.process != 0)
        return -LINUX_EINVAL;
    if (asked.kind < RECORD_READ || asked.kind > RECORD_NONE || (is_test && asked.kind == RECORD_NONE && !is_of_file))
        return -LINUX_EINVAL;
    if (is_test)
        return test_lock(file, &owner, address, &asked);
    return set_lock(file, &owner, &asked, command == F_SETLKW || command == F_OFD_SETLKW);
}

/* ---- fcntl ---- */

/* Pipes have one size. It may be asked for, or less. */
static int64_t set_pipe_size(const struct open_file *file, uint64_t wanted) {
    if (!pipe_is(file))
        return -LINUX_EBADF;
    if ((int32_t)wanted < 0)
        return -LINUX_EINVAL;
    return (uint32_t)wanted <= PIPE_BYTES ? (int64_t)PIPE_BYTES : -LINUX_EPERM;
}

static int64_t control_file(const struct files *files, struct open_file *file, uint32_t command, uint64_t argument) {
    switch (command) {
    case F_GETFL:
        return file_flags(file);
    case F_SETFL:
        return file_change_flags(files->caller, file, (uint32_t)argument);
    case F_GETLK:
    case F_SETLK:
    case F_SETLKW:
    case F_OFD_GETLK:
    case F_OFD_SETLK:
    case F_OFD_SETLKW:
        return lock_records(files, file, command, argument);
    case F_SETPIPE_SZ:
        return set_pipe_size(file, argument);
    case F_GETPIPE_SZ:
        return pipe_is(file) ? (int64_t)PIPE_BYTES : -LINUX_EBADF;
    case F_SETOWN: /* nobody sends SIGIO */
    case F_GETOWN:
        return 0;
    case F_ADD_SEALS:
        return file_add_seals(file, (uint32_t)argument);
    case F_GET_SEALS:
        return file_seals(file);
    default:
        return -LINUX_EINVAL;
    }
}

static bool is_for_paths(uint32_t command) {
    return command == F_GETFL || command == F_GETFD || command == F_SETFD || command == F_DUPFD ||
           command == F_DUPFD_CLOEXEC;
}

static int64_t control_number(const struct files *files, uint64_t descriptor, uint32_t command, uint64_t argument) {
    bool mark;
    int status;
    switch (command) {
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
        return duplicate(files, descriptor, argument, command == F_DUPFD_CLOEXEC);
    case F_GETFD:
        status = descriptors_read_mark(files->descriptors, (uint32_t)descriptor, &mark);
        return status != 0 ? status : (int64_t)(mark ? FD_CLOEXEC : 0);
    default:
        return descriptors_mark(files->descriptors, (uint32_t)descriptor, (argument & FD_CLOEXEC) != 0);
    }
}

int64_t system_call_fcntl(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t command = (uint32_t)arguments[1];
    struct open_file *file;
    if (is_for_paths(command) && command != F_GETFL)
        return control_number(&files, arguments[0], command, arguments[2]);
    int status =
        is_for_paths(command) ? get_file(&files, arguments[0], &file) : get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    int64_t answer = control_file(&files, file, command, arguments[2]);
    file_unref(file);
    return answer;
}

/* ---- flock ---- */

#define LOCK_SHARED 1u
#define LOCK_EXCLUSIVE 2u
#define LOCK_NOT_WAITING 4u
#define LOCK_GIVE_UP 8u

int64_t system_call_flock(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t command = (uint32_t)arguments[1], wanted = command & ~LOCK_NOT_WAITING;
    static const enum whole_kind kinds[] = {
        [LOCK_SHARED] = WHOLE_SHARED, [LOCK_EXCLUSIVE] = WHOLE_EXCLUSIVE, [LOCK_GIVE_UP] = WHOLE_NONE};
    struct open_file *file;
    if (wanted != LOCK_SHARED && wanted != LOCK_EXCLUSIVE && wanted != LOCK_GIVE_UP)
        return -LINUX_EINVAL;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    status = whole_lock_set(file, kinds[wanted], (command & LOCK_NOT_WAITING) == 0);
    file_unref(file);
    return status;
}
