/* pipe(2). */
#include "kernel/services/vfs/pipe.h"

#include "kernel/services/posix/files/place.h"

/* Both numbers, or neither. The references are taken over. */
static int give_numbers(const struct files *files, struct open_file *const ends[2], bool mark, uint32_t numbers[2]) {
    int status = descriptors_add(files->descriptors, ends[0], 0, mark, &numbers[0]);
    if (status != 0) {
        file_unref(ends[0]);
        file_unref(ends[1]);
        return status;
    }
    status = descriptors_add(files->descriptors, ends[1], 0, mark, &numbers[1]);
    if (status != 0) {
        file_unref(ends[1]);
        (void)descriptors_close(files->descriptors, numbers[0]);
    }
    return status;
}

static int64_t make(uint64_t address, uint32_t flags) {
    struct files files = files_of_current();
    struct open_file *ends[2];
    uint32_t numbers[2];
    if ((flags & ~(LINUX_O_CLOEXEC | LINUX_O_NONBLOCK | LINUX_O_DIRECT)) != 0)
        return -LINUX_EINVAL;
    if ((flags & LINUX_O_DIRECT) != 0) /* pipes of packets */
        return -LINUX_EINVAL;
    int status = pipe_create(files.vfs, flags & LINUX_O_NONBLOCK, &ends[0], &ends[1]);
    if (status == 0)
        status = give_numbers(&files, ends, (flags & LINUX_O_CLOEXEC) != 0, numbers);
    if (status == 0 && !process_write(address, numbers, sizeof(numbers))) {
        (void)descriptors_close(files.descriptors, numbers[0]);
        (void)descriptors_close(files.descriptors, numbers[1]);
        status = -LINUX_EFAULT;
    }
    return status;
}

int64_t system_call_pipe(const uint64_t arguments[6]) {
    return make(arguments[0], 0);
}

int64_t system_call_pipe2(const uint64_t arguments[6]) {
    return make(arguments[0], (uint32_t)arguments[1]);
}
