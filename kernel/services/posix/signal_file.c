/*
 * Descriptors from which signals are read: signalfd(2). Who reads takes what waits for itself or for its process, whichever
 * process opened the file; so watchers wait on a queue that is woken for every signal that begins to wait anywhere.
 */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/posix/signal_mask.h"
#include "kernel/services/posix/user_value.h"

#include <string.h>

#define SET_BYTES 8u
#define UNTOUCHABLE (SIGNAL_BIT(LINUX_SIGKILL) | SIGNAL_BIT(LINUX_SIGSTOP))
#define NEW_FILE (-1)

/* struct signalfd_siginfo of Linux. */
struct record {
    uint32_t signal;
    int32_t error, code;
    uint32_t process, user;
    int32_t descriptor;
    uint32_t timer, band, overrun, trap;
    int32_t status, value;
    uint64_t pointer, user_ticks, system_ticks, address;
    uint8_t rest[48];
};
_Static_assert(sizeof(struct record) == 128, "as Linux lays it out");

static struct record record_of(const struct signal_info *info) {
    struct record record = {.signal = (uint32_t)info->signal, .error = info->error, .code = info->code};
    if (info->signal == LINUX_SIGCHLD && info->code > 0) {
        record.process = (uint32_t)info->child.process;
        record.user = info->child.user;
        record.status = info->child.status;
        record.user_ticks = (uint64_t)info->child.user_ticks;
        record.system_ticks = (uint64_t)info->child.system_ticks;
    } else if (info->code > 0 && info->code != LINUX_SI_KERNEL) {
        record.address = info->fault.address;
    } else {
        record.process = (uint32_t)info->from.process;
        record.user = info->from.user;
        record.value = (int32_t)info->from.value;
        record.pointer = info->from.value;
    }
    return record;
}

/* What it reads: kept in the file, changed by signalfd4 of an open descriptor. Atomic. */
static uint64_t *set_of(const struct open_file *file) {
    return file->object;
}

/* One signal; waits for the first only. */
static int take(struct open_file *file, bool may_wait, struct signal_info *info) {
    struct process_thread *part = process_thread_current();
    int status = 0;
    processes_lock();
    for (;;) {
        if (signal_take(part, __atomic_load_n(set_of(file), __ATOMIC_RELAXED), info) != 0)
            break;
        status = may_wait ? thread_sleep(&processes.signal_watchers, &processes.lock, WAIT_FOREVER) : -LINUX_EAGAIN;
        if (status < 0)
            break;
    }
    processes_unlock();
    return status;
}

static int copy_out(struct transfer *transfer, const struct record *record) {
    size_t done = 0;
    while (done < sizeof(*record)) {
        done += transfer_out(transfer, (const uint8_t *)record + done, sizeof(*record) - done);
        if (done < sizeof(*record) && transfer_bring_in(transfer) < 0)
            return -LINUX_EFAULT;
    }
    return 0;
}

static int read_signals(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    bool may_wait = (file_flags(file) & LINUX_O_NONBLOCK) == 0;
    struct signal_info info;
    if (transfer->left_bytes < sizeof(struct record))
        return -LINUX_EINVAL;
    while (transfer->left_bytes >= sizeof(struct record)) {
        int status = take(file, may_wait && *done_bytes == 0, &info);
        if (status == 0) {
            struct record record = record_of(&info);
            status = copy_out(transfer, &record);
        }
        if (status < 0)
            return *done_bytes > 0 ? 0 : status;
        *done_bytes += sizeof(struct record);
    }
    return 0;
}

static int write_nothing(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    (void)file;
    (void)transfer;
    (void)done_bytes;
    return -LINUX_EINVAL;
}

static uint32_t poll_signals(struct open_file *file, struct wait_queue **queues) {
    queues[FILE_QUEUE_READ] = &processes.signal_watchers;
    bool is_waiting = signals_waiting_of(__atomic_load_n(set_of(file), __ATOMIC_RELAXED)) != 0;
    return is_waiting ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
}

static void close_signals(struct open_file *file) {
    machine_give_back(file->vfs->machine, file->object, sizeof(uint64_t));
}

static const struct file_operations operations = {.read = read_signals,
                                                  .write = write_nothing,
                                                  .poll = poll_signals,
                                                  .close = close_signals,
                                                  .name = "anon_inode:[signalfd]"};

static int64_t change(uint64_t descriptor, uint64_t set) {
    struct open_file *file;
    int status = descriptors_get(&process_current()->descriptors, (uint32_t)descriptor, &file);
    if (status < 0)
        return status;
    if (file->operations != &operations)
        status = -LINUX_EINVAL;
    else
        __atomic_store_n(set_of(file), set, __ATOMIC_RELAXED);
    file_unref(file);
    return status < 0 ? status : (int64_t)(uint32_t)descriptor;
}

static int64_t create(uint64_t set, uint32_t flags) {
    uint32_t number;
    uint64_t *kept = machine_take(processes.vfs->machine, sizeof(*kept));
    if (kept == NULL)
        return -LINUX_ENOMEM;
    *kept = set;
    struct open_file *file = file_create(processes.vfs, &operations, kept, LINUX_O_RDWR | (flags & LINUX_O_NONBLOCK));
    if (file == NULL) {
        machine_give_back(processes.vfs->machine, kept, sizeof(*kept));
        return -LINUX_ENOMEM;
    }
    int status = descriptors_add(&process_current()->descriptors, file, 0, (flags & LINUX_O_CLOEXEC) != 0, &number);
    if (status < 0)
        file_unref(file);
    return status < 0 ? status : (int64_t)number;
}

static int64_t make(const uint64_t arguments[6], uint32_t flags) {
    uint64_t set;
    if (arguments[2] != SET_BYTES || (flags & ~(LINUX_O_NONBLOCK | LINUX_O_CLOEXEC)) != 0)
        return -LINUX_EINVAL;
    if (!process_read(&set, arguments[1], sizeof(set)))
        return -LINUX_EFAULT;
    set &= ~UNTOUCHABLE;
    return (int32_t)arguments[0] == NEW_FILE ? create(set, flags) : change(arguments[0], set);
}

int64_t system_call_signalfd(const uint64_t arguments[6]) {
    return make(arguments, 0);
}

int64_t system_call_signalfd4(const uint64_t arguments[6]) {
    return make(arguments, (uint32_t)arguments[3]);
}
