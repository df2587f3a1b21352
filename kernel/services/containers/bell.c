/* Doorbells: see bell.h. One lock for both ends; the last end that goes takes the bell with it. */
#include "kernel/services/containers/bell.h"

#include "kernel/services/vfs/errors.h"

struct bell_end {
    struct bell *bell;
    struct wait_queue readable, writable;
    uint32_t rings; /* that wait to be read here */
    bool is_open;
};

struct bell {
    struct spinlock lock;
    struct bell_end ends[2];
};

static struct bell_end *other(struct bell_end *end) {
    return end == &end->bell->ends[0] ? &end->bell->ends[1] : &end->bell->ends[0];
}

static int sleep_in(struct open_file *file, struct wait_queue *queue, struct bell *bell) {
    if ((file_flags(file) & LINUX_O_NONBLOCK) != 0)
        return -LINUX_EAGAIN;
    return file->vfs->machine->sleep(file->vfs->machine->context, queue, &bell->lock);
}

static void wake(const struct open_file *file, struct wait_queue *queue) {
    file->vfs->machine->wake(file->vfs->machine->context, queue);
}

/* The rings were taken off before the copy, so that no lock is held in it; what cannot be copied is put back. */
static int hand_out(struct open_file *file, struct bell_end *end, struct transfer *transfer, uint32_t rings,
                    size_t *done_bytes) {
    int status = 0;
    uint32_t left = rings;
    while (left > 0 && status == 0) {
        uint32_t copied = (uint32_t)transfer_zeros(transfer, left);
        left -= copied;
        *done_bytes += copied;
        if (left > 0)
            status = transfer_bring_in(transfer);
    }
    if (left == 0)
        return 0;
    spinlock_lock(&end->bell->lock);
    end->rings = end->rings + left < BELL_RINGS ? end->rings + left : BELL_RINGS;
    wake(file, &end->readable);
    spinlock_unlock(&end->bell->lock);
    return *done_bytes > 0 ? 0 : status;
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct bell_end *end = file->object;
    int status = 0;
    uint32_t rings = 0;
    spinlock_lock(&end->bell->lock);
    while (transfer->left_bytes > 0 && end->rings == 0 && status == 0)
        status = sleep_in(file, &end->readable, end->bell);
    if (status == 0) {
        rings = transfer->left_bytes < end->rings ? (uint32_t)transfer->left_bytes : end->rings;
        bool was_full = end->rings == BELL_RINGS;
        end->rings -= rings;
        if (was_full && rings > 0)
            wake(file, &other(end)->writable);
    }
    spinlock_unlock(&end->bell->lock);
    return status == 0 ? hand_out(file, end, transfer, rings, done_bytes) : status;
}

/* Whatever is written: it counts as one ring, since what it says is that there is news. */
static int write(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct bell_end *end = file->object, *rung = other(end);
    int status = 0;
    spinlock_lock(&end->bell->lock);
    while (rung->is_open && rung->rings == BELL_RINGS && status == 0)
        status = sleep_in(file, &end->writable, end->bell);
    if (status == 0 && !rung->is_open)
        status = -LINUX_ECONNREFUSED;
    if (status == 0 && transfer->left_bytes > 0) {
        rung->rings++;
        *done_bytes = transfer->left_bytes;
        wake(file, &rung->readable);
    }
    spinlock_unlock(&end->bell->lock);
    return status;
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct bell_end *end = file->object, *rung = other(end);
    uint32_t bits = 0;
    queues[FILE_QUEUE_READ] = &end->readable;
    queues[FILE_QUEUE_WRITE] = &end->writable;
    spinlock_lock(&end->bell->lock);
    if (end->rings > 0)
        bits |= LINUX_POLLIN | LINUX_POLLRDNORM;
    if (!rung->is_open || rung->rings < BELL_RINGS)
        bits |= LINUX_POLLOUT | LINUX_POLLWRNORM;
    spinlock_unlock(&end->bell->lock);
    return bits;
}

static void close(struct open_file *file) {
    struct bell_end *end = file->object;
    struct bell *bell = end->bell;
    spinlock_lock(&bell->lock);
    end->is_open = false;
    bool is_last = !other(end)->is_open;
    wake(file, &other(end)->writable);
    spinlock_unlock(&bell->lock);
    if (is_last)
        machine_give_back(file->vfs->machine, bell, sizeof(*bell));
}

static const struct file_operations operations = {
    .read = read, .write = write, .poll = poll, .close = close, .name = "bell:[grove]"};

int bell_create(struct vfs *vfs, struct open_file *ends[2]) {
    struct bell *bell = machine_take(vfs->machine, sizeof(*bell));
    if (bell == NULL)
        return -LINUX_ENOMEM;
    *bell = (struct bell){.ends = {{.bell = bell, .is_open = true}, {.bell = bell}}};
    ends[0] = file_create(vfs, &operations, &bell->ends[0], LINUX_O_RDWR | LINUX_O_NONBLOCK);
    if (ends[0] == NULL) {
        machine_give_back(vfs->machine, bell, sizeof(*bell));
        return -LINUX_ENOMEM;
    }
    bell->ends[1].is_open = true;
    ends[1] = file_create(vfs, &operations, &bell->ends[1], LINUX_O_RDWR | LINUX_O_NONBLOCK);
    if (ends[1] != NULL)
        return 0;
    bell->ends[1].is_open = false;
    file_unref(ends[0]);
    return -LINUX_ENOMEM;
}
