/* Opening and closing: open(2), openat2(2), close(2), close_range(2). */
#include "kernel/services/posix/files/place.h"

#define OPEN_HOW_BYTES 24u /* the first version of its structure, and the last so far */
#define OPEN_KNOWN \
    (LINUX_O_ACCMODE | LINUX_O_CREAT | LINUX_O_EXCL | LINUX_O_NOCTTY | LINUX_O_TRUNC | LINUX_O_APPEND | \
     LINUX_O_NONBLOCK | LINUX_O_SYNC | LINUX_O_ASYNC | LINUX_O_DIRECT | LINUX_O_LARGEFILE | LINUX_O_DIRECTORY | \
     LINUX_O_NOFOLLOW | LINUX_O_NOATIME | LINUX_O_CLOEXEC | LINUX_O_PATH | LINUX_O_TMPFILE)
#define OPEN_FOR_PATHS (LINUX_O_DIRECTORY | LINUX_O_NOFOLLOW | LINUX_O_PATH | LINUX_O_CLOEXEC)
#define CLOSE_RANGE_UNSHARE 2u
#define CLOSE_RANGE_CLOEXEC 4u

struct open_how {
    uint64_t flags, mode, resolve;
};

/* A number for a file whose reference this takes over. */
static int64_t give_number(const struct files *files, struct open_file *file, uint32_t flags) {
    uint32_t number;
    int status = descriptors_add(files->descriptors, file, 0, (flags & LINUX_O_CLOEXEC) != 0, &number);
    if (status != 0)
        file_unref(file);
    return status != 0 ? status : (int64_t)number;
}

static int64_t open_at(uint64_t folder, uint64_t address, const struct open_how *how) {
    struct files files = files_of_current();
    uint32_t flags = (uint32_t)how->flags | ((how->flags & LINUX_O_PATH) == 0 ? LINUX_O_LARGEFILE : 0);
    struct place place;
    struct open_file *file;
    int status = place_begin_text(&files, &place, address, false);
    if (status != 0)
        return status;
    place.path.resolve = (uint32_t)how->resolve;
    status = descriptors_has_room(files.descriptors) ? place_begin_folder(&files, &place, folder) : -LINUX_EMFILE;
    if (status == 0)
        status = file_open(files.caller, &place.path, flags, (uint32_t)how->mode & LINUX_MODE_BITS, &file);
    place_end(&files, &place);
    return status != 0 ? status : give_number(&files, file, flags);
}

/* What openat forgives: flags that it does not know, a mode that it does not need. */
static int64_t open_forgiving(uint64_t folder, uint64_t address, uint64_t flags, uint64_t mode) {
    struct open_how how = {.flags = flags & OPEN_KNOWN, .mode = mode & LINUX_MODE_BITS};
    if ((how.flags & LINUX_O_TMPFILE_ONLY) != 0) {
        if ((how.flags & LINUX_O_DIRECTORY) == 0 || (how.flags & LINUX_O_ACCMODE) == LINUX_O_RDONLY)
            return -LINUX_EINVAL;
        return -LINUX_EOPNOTSUPP;
    }
    if ((how.flags & LINUX_O_PATH) != 0)
        how.flags &= OPEN_FOR_PATHS;
    if ((how.flags & LINUX_O_CREAT) != 0 && (how.flags & LINUX_O_DIRECTORY) != 0)
        return -LINUX_EINVAL;
    return open_at(folder, address, &how);
}

int64_t system_call_open(const uint64_t arguments[6]) {
    return open_forgiving((uint64_t)LINUX_AT_FDCWD, arguments[0], arguments[1], arguments[2]);
}

int64_t system_call_openat(const uint64_t arguments[6]) {
    return open_forgiving(arguments[0], arguments[1], arguments[2], arguments[3]);
}

int64_t system_call_creat(const uint64_t arguments[6]) {
    uint64_t flags = LINUX_O_CREAT | LINUX_O_WRONLY | LINUX_O_TRUNC;
    return open_forgiving((uint64_t)LINUX_AT_FDCWD, arguments[0], flags, arguments[1]);
}

/* A structure from a later time than this kernel is good while what we do not know of is zero. */
static int read_how(uint64_t address, uint64_t size, struct open_how *how) {
    uint8_t rest[64];
    if (size < OPEN_HOW_BYTES)
        return -LINUX_EINVAL;
    if (size > VFS_PAGE_BYTES)
        return -LINUX_E2BIG;
    if (!process_read(how, address, sizeof(*how)))
        return -LINUX_EFAULT;
    for (uint64_t at = OPEN_HOW_BYTES; at < size; at += sizeof(rest)) {
        uint64_t piece = size - at < sizeof(rest) ? size - at : sizeof(rest);
        if (!process_read(rest, address + at, piece))
            return -LINUX_EFAULT;
        for (uint64_t i = 0; i < piece; i++)
            if (rest[i] != 0)
                return -LINUX_E2BIG;
    }
    return 0;
}

static int check_how(const struct open_how *how) {
    bool makes = (how->flags & LINUX_O_CREAT) != 0 || (how->flags & LINUX_O_TMPFILE_ONLY) != 0;
    if ((how->flags & ~(uint64_t)OPEN_KNOWN) != 0 || (how->resolve & ~(uint64_t)LINUX_RESOLVE_ALL) != 0)
        return -LINUX_EINVAL;
    if ((how->resolve & LINUX_RESOLVE_BENEATH) != 0 && (how->resolve & LINUX_RESOLVE_IN_ROOT) != 0)
        return -LINUX_EINVAL;
    if (makes ? (how->mode & ~(uint64_t)LINUX_MODE_BITS) != 0 : how->mode != 0)
        return -LINUX_EINVAL;
    if ((how->flags & LINUX_O_PATH) != 0 && (how->flags & ~(uint64_t)OPEN_FOR_PATHS) != 0)
        return -LINUX_EINVAL;
    if ((how->flags & LINUX_O_CREAT) != 0 && (how->flags & LINUX_O_DIRECTORY) != 0)
        return -LINUX_EINVAL;
    if ((how->flags & LINUX_O_TMPFILE_ONLY) != 0)
        return (how->flags & LINUX_O_DIRECTORY) == 0 ? -LINUX_EINVAL : -LINUX_EOPNOTSUPP;
    if ((how->resolve & LINUX_RESOLVE_CACHED) != 0 && (how->flags & (LINUX_O_TRUNC | LINUX_O_CREAT)) != 0)
        return -LINUX_EAGAIN;
    return 0;
}

int64_t system_call_openat2(const uint64_t arguments[6]) {
    struct open_how how;
    int status = read_how(arguments[2], arguments[3], &how);
    if (status == 0)
        status = check_how(&how);
    return status != 0 ? status : open_at(arguments[0], arguments[1], &how);
}

int64_t system_call_close(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    return descriptors_close(files.descriptors, (uint32_t)arguments[0]);
}

int64_t system_call_close_range(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t first = (uint32_t)arguments[0], last = (uint32_t)arguments[1], flags = (uint32_t)arguments[2];
    if ((flags & ~(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC)) != 0 || first > last)
        return -LINUX_EINVAL;
    /* Descriptors are shared by threads of one process only, which CLOSE_RANGE_UNSHARE is not for here. */
    uint32_t end = descriptors_end(files.descriptors);
    for (uint32_t number = first; number < end && number <= last; number++) {
        if ((flags & CLOSE_RANGE_CLOEXEC) != 0)
            (void)descriptors_mark(files.descriptors, number, true);
        else
            (void)descriptors_close(files.descriptors, number);
    }
    return 0;
}
