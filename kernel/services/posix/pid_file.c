/* Descriptors of processes: see pid_file.h; pidfd_open(2), pidfd_send_signal(2), pidfd_getfd(2). */
#include "kernel/services/posix/pid_file.h"

#include "kernel/machine/bare/process/calls.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/user_value.h"

static int no_transfer(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    (void)file;
    (void)transfer;
    (void)done_bytes;
    return -LINUX_EINVAL;
}

static uint32_t poll_ended(struct open_file *file, struct wait_queue **queues) {
    struct number *number = file->object;
    processes_lock();
    bool has_ended = number->process == NULL || number->process->state >= PROCESS_ZOMBIE;
    processes_unlock();
    queues[FILE_QUEUE_READ] = &number->ended;
    return has_ended ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
}

static void give_number_up(struct open_file *file) {
    processes_lock();
    number_unref(file->object);
    processes_unlock();
}

static const struct file_operations operations = {.read = no_transfer,
                                                  .write = no_transfer,
                                                  .poll = poll_ended,
                                                  .close = give_number_up,
                                                  .name = "anon_inode:[pidfd]"};

int pid_file_create(struct number *process, uint32_t flags, uint32_t *descriptor) {
    struct open_file *file =
        file_create(processes.vfs, &operations, process, LINUX_O_RDWR | (flags & LINUX_O_NONBLOCK));
    if (file == NULL) {
        processes_lock();
        number_unref(process);
        processes_unlock();
        return -LINUX_ENOMEM;
    }
    int status = descriptors_add(&process_current()->descriptors, file, 0, true, descriptor);
    if (status < 0)
        file_unref(file);
    return status;
}

/* The file, with a reference. */
static int64_t find_file(uint64_t descriptor, struct open_file **file) {
    int status = descriptors_get(&process_current()->descriptors, (uint32_t)descriptor, file);
    if (status == 0 && (*file)->operations != &operations) {
        file_unref(*file);
        status = -LINUX_EBADF;
    }
    return status;
}

int pid_file_number(uint64_t descriptor, int32_t *number) {
    struct open_file *file;
    int status = (int)find_file(descriptor, &file);
    if (status < 0)
        return status;
    *number = ((const struct number *)file->object)->value;
    file_unref(file);
    return 0;
}

int64_t system_call_pidfd_open(const uint64_t arguments[6]) {
    uint32_t flags = (uint32_t)arguments[1], descriptor = 0;
    struct number *number = NULL;
    if ((flags & ~LINUX_O_NONBLOCK) != 0 || (int32_t)arguments[0] <= 0)
        return -LINUX_EINVAL;
    processes_lock();
    const struct process *process = process_find_locked((int32_t)arguments[0]);
    if (process != NULL)
        number = number_ref(process->number);
    processes_unlock();
    if (number == NULL)
        return -LINUX_ESRCH;
    int status = pid_file_create(number, flags, &descriptor);
    return status < 0 ? status : (int64_t)descriptor;
}

static int64_t read_info(uint64_t at, uint64_t signal, const struct number *target, struct signal_info *info) {
    *info = signal_info_of_caller((int)signal, LINUX_SI_USER);
    if (at == 0)
        return 0;
    if (!process_read(info, at, sizeof(*info)))
        return -LINUX_EFAULT;
    if (info->signal != (int32_t)signal)
        return -LINUX_EINVAL;
    if ((info->code >= 0 || info->code == LINUX_SI_TKILL) && target->value != process_current()->id)
        return -LINUX_EPERM;
    return 0;
}

int64_t system_call_pidfd_send_signal(const uint64_t arguments[6]) {
    struct open_file *file;
    struct signal_info info;
    if (arguments[3] != 0 || arguments[1] > SIGNALS)
        return -LINUX_EINVAL;
    int64_t status = find_file(arguments[0], &file);
    if (status < 0)
        return status;
    const struct number *number = file->object;
    status = read_info(arguments[2], arguments[1], number, &info);
    if (status == 0) {
        processes_lock();
        status =
            number->process != NULL ? signal_send_checked(number->process, (int)arguments[1], &info) : -LINUX_ESRCH;
        processes_unlock();
    }
    file_unref(file);
    return status;
}

/* The process, with a reference, if its files may be taken. Those of one that is ending are gone, or go now. */
static int64_t hold_reached(const struct number *number, struct process **held) {
    int64_t status = 0;
    processes_lock();
    struct process *process = number->process;
    if (process == NULL || process->state != PROCESS_LIVES)
        status = -LINUX_ESRCH;
    else if (!process_may_reach(process))
        status = -LINUX_EPERM;
    else
        process_ref(process);
    processes_unlock();
    if (status == 0)
        *held = process;
    return status;
}

/* The same open file under a number of the caller's, which is closed by execve. */
static int64_t take_file(struct process *process, uint32_t from) {
    struct open_file *file;
    uint32_t descriptor = 0;
    int status = descriptors_get(&process->descriptors, from, &file);
    if (status < 0)
        return status;
    status = descriptors_add(&process_current()->descriptors, file, 0, true, &descriptor);
    if (status < 0)
        file_unref(file);
    return status < 0 ? status : (int64_t)descriptor;
}

int64_t system_call_pidfd_getfd(const uint64_t arguments[6]) {
    struct open_file *file;
    struct process *process;
    if ((uint32_t)arguments[2] != 0)
        return -LINUX_EINVAL;
    int64_t status = find_file(arguments[0], &file);
    if (status < 0)
        return status;
    status = hold_reached(file->object, &process);
    file_unref(file);
    if (status < 0)
        return status;
    status = take_file(process, (uint32_t)arguments[1]);
    process_unref(process);
    return status;
}
