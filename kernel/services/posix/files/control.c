/* ioctl(2): what every file answers; the rest goes to the file's own operations. */
#include "kernel/services/posix/files/place.h"
#include "kernel/services/vfs/pipe.h"

#define FIONCLEX 0x5450u
#define FIOCLEX 0x5451u
#define FIONBIO 0x5421u
#define FIOASYNC 0x5452u
#define FIONREAD 0x541bu
#define FIOQSIZE 0x5460u

static int64_t set_waiting(const struct files *files, struct open_file *file, uint64_t address) {
    int32_t is_set;
    if (!process_read(&is_set, address, sizeof(is_set)))
        return -LINUX_EFAULT;
    uint32_t flags = file_flags(file);
    return file_change_flags(files->caller, file, is_set != 0 ? flags | LINUX_O_NONBLOCK : flags & ~LINUX_O_NONBLOCK);
}

/* Bytes from the position to the end; that may be a negative number. */
static int64_t tell_left(const struct open_file *file, uint64_t address) {
    int64_t left = (int64_t)inode_size(file->inode) - (int64_t)file->position;
    int32_t told = (int32_t)left;
    return process_write(address, &told, sizeof(told)) ? 0 : -LINUX_EFAULT;
}

static int64_t tell_filled(const struct open_file *file, uint64_t address) {
    uint32_t filled = pipe_filled(file);
    return process_write(address, &filled, sizeof(filled)) ? 0 : -LINUX_EFAULT;
}

static int64_t control(const struct files *files, struct open_file *file, uint64_t descriptor, uint32_t request,
                       uint64_t argument) {
    switch (request) {
    case FIOCLEX:
    case FIONCLEX:
        return descriptors_mark(files->descriptors, (uint32_t)descriptor, request == FIOCLEX);
    case FIONBIO:
        return set_waiting(files, file, argument);
    case FIONREAD:
        if (file->operations == NULL && inode_kind(file->inode) == LINUX_S_IFREG)
            return tell_left(file, argument);
        if (pipe_is(file))
            return tell_filled(file, argument);
        return file_control(file, request, argument);
    default:
        return file_control(file, request, argument);
    }
}

int64_t system_call_ioctl(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct open_file *file;
    int status = get_usable_file(&files, arguments[0], &file);
    if (status != 0)
        return status;
    int64_t answer = control(&files, file, arguments[0], (uint32_t)arguments[1], arguments[2]);
    file_unref(file);
    return answer;
}
