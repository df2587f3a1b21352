/* eventfd(2): a number that writes add to and reads take away. */
#include "kernel/services/posix/files/nameless.h"

#define EFD_SEMAPHORE 1u
#define COUNT_MAX (UINT64_MAX - 1)

struct event {
    struct spinlock lock;
    struct wait_queue readable, writable;
    uint64_t count;
    bool is_semaphore;
};

static int wait(const struct open_file *file, struct event *event, struct wait_queue *queue) {
    const struct vfs_machine *machine = file->vfs->machine;
    if ((file_flags(file) & LINUX_O_NONBLOCK) != 0)
        return -LINUX_EAGAIN;
    return machine->sleep(machine->context, queue, &event->lock);
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct vfs_machine *machine = file->vfs->machine;
    struct event *event = file->object;
    uint64_t taken = 0;
    int status = 0;
    if (transfer->left_bytes < sizeof(taken))
        return -LINUX_EINVAL;
    spinlock_lock(&event->lock);
    while (event->count == 0 && status == 0)
        status = wait(file, event, &event->readable);
    if (status == 0) {
        taken = event->is_semaphore ? 1 : event->count;
        event->count -= taken;
        machine->wake(machine->context, &event->writable);
    }
    spinlock_unlock(&event->lock);
    if (status == 0)
        status = transfer_all_out(transfer, &taken, sizeof(taken));
    *done_bytes = status == 0 ? sizeof(taken) : 0;
    return status;
}

static int add(struct open_file *file, struct event *event, uint64_t added) {
    const struct vfs_machine *machine = file->vfs->machine;
    int status = added > COUNT_MAX ? -LINUX_EINVAL : 0;
    spinlock_lock(&event->lock);
    while (status == 0 && added > COUNT_MAX - event->count)
        status = wait(file, event, &event->writable);
    if (status == 0) {
        event->count += added;
        machine->wake(machine->context, &event->readable);
    }
    spinlock_unlock(&event->lock);
    return status;
}

/* Each buffer is a write of its own, and exactly a number. */
static int write(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    int status = transfer->segments[transfer->segment].size_bytes == 0 ? -LINUX_EINVAL : 0;
    while (status == 0 && transfer->left_bytes > 0) {
        uint64_t added;
        if (transfer_piece_bytes(transfer) != sizeof(added))
            return -LINUX_EINVAL;
        status = transfer_all_in(transfer, &added, sizeof(added));
        if (status == 0)
            status = add(file, file->object, added);
        *done_bytes += status == 0 ? sizeof(added) : 0;
    }
    return status;
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct event *event = file->object;
    queues[FILE_QUEUE_READ] = &event->readable;
    queues[FILE_QUEUE_WRITE] = &event->writable;
    uint64_t count = __atomic_load_n(&event->count, __ATOMIC_RELAXED);
    return (count > 0 ? LINUX_POLLIN : 0u) | (count < COUNT_MAX ? LINUX_POLLOUT : 0u);
}

static void give_back(struct vfs *vfs, void *object) {
    machine_give_back(vfs->machine, object, sizeof(struct event));
}

static void close(struct open_file *file) {
    give_back(file->vfs, file->object);
}

static const struct file_operations operations = {
    .read = read, .write = write, .poll = poll, .close = close, .name = "anon_inode:[eventfd]"};

static int64_t make(uint64_t count, uint32_t flags) {
    struct files files = files_of_current();
    if ((flags & ~(EFD_SEMAPHORE | LINUX_O_CLOEXEC | LINUX_O_NONBLOCK)) != 0)
        return -LINUX_EINVAL;
    struct event *event = machine_take(files.vfs->machine, sizeof(*event));
    if (event == NULL)
        return -LINUX_ENOMEM;
    *event = (struct event){.count = (uint32_t)count, .is_semaphore = (flags & EFD_SEMAPHORE) != 0};
    return nameless_open(&files, &operations, event, flags, give_back);
}

int64_t system_call_eventfd(const uint64_t arguments[6]) {
    return make(arguments[0], 0);
}

int64_t system_call_eventfd2(const uint64_t arguments[6]) {
    return make(arguments[0], (uint32_t)arguments[1]);
}
