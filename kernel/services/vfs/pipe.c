/*
 * Pipes: see pipe.h. One lock for each pipe; who reads waits in one queue and who writes in another, and each looks again when
 * woken. Positions only grow, modulo 2^32: `written` less `read` is how much lies in the ring.
 *
 * Writers are told of room only when there was none: then nobody who waits for an edge (epoll) is told without one.
 */
#include "kernel/services/vfs/pipe.h"

#include "kernel/services/vfs/errors.h"

struct pipe {
    struct spinlock lock;
    struct wait_queue readable, writable;
    uint8_t *pages[PIPE_PAGES];
    uint32_t read, written;
    uint32_t readers, writers; /* open files */
    uint32_t readers_ever, writers_ever; /* opened so far: who waits to be joined looks whether these moved */
    /* The position of an end that was opened without a writer is how many there had been. */
    uint32_t holders; /* open files, and opens that wait */
    struct inode *inode; /* of a named one, or NULL; guarded by the tree's lock */
};

static const struct vfs_machine *machine_of(const struct open_file *file) {
    return file->vfs->machine;
}

static uint32_t filled(const struct pipe *pipe) {
    return pipe->written - pipe->read;
}

static uint32_t room(const struct pipe *pipe) {
    return PIPE_BYTES - filled(pipe);
}

static void wake(const struct open_file *file, struct wait_queue *queue) {
    machine_of(file)->wake(machine_of(file)->context, queue);
}

static void wake_all(const struct open_file *file) {
    wake(file, &file->pipe->readable);
    wake(file, &file->pipe->writable);
}

/* The lock is held; it is given up while waiting. */
static int wait(const struct open_file *file, struct wait_queue *queue) {
    return machine_of(file)->sleep(machine_of(file)->context, queue, &file->pipe->lock);
}

static uint32_t least(uint32_t a, uint32_t b) {
    return a < b ? a : b;
}

/* ---- the ring ---- */

static uint32_t page_number(uint32_t at) {
    return at / VFS_PAGE_BYTES % PIPE_PAGES;
}

/* Copy out what lies in one page. *is_short: a page of the program's is missing. */
static uint32_t take_piece(const struct open_file *file, struct transfer *transfer, bool *is_short) {
    const struct vfs_machine *machine = machine_of(file);
    struct pipe *pipe = file->pipe;
    uint32_t in_page = pipe->read % VFS_PAGE_BYTES, number = page_number(pipe->read);
    uint32_t wanted = least(filled(pipe), VFS_PAGE_BYTES - in_page);
    wanted = transfer->left_bytes < wanted ? (uint32_t)transfer->left_bytes : wanted;
    uint32_t copied = (uint32_t)transfer_out(transfer, pipe->pages[number] + in_page, wanted);
    pipe->read += copied;
    /*
     * The page in work is kept, so a pipe that goes to and fro takes none. One that is read to its end may hold what was
     * written since in front of what was read, when the ring is nearly full.
     */
    if (in_page + copied == VFS_PAGE_BYTES && filled(pipe) <= PIPE_BYTES - VFS_PAGE_BYTES) {
        machine->give_page_back(machine->context, pipe->pages[number]);
        pipe->pages[number] = NULL;
    }
    *is_short = copied < wanted;
    return copied;
}

/* Copy `size` bytes in behind what is written, for which there is room. Nobody sees them before they are counted. */
static uint32_t put_piece(const struct open_file *file, struct transfer *transfer, uint32_t size, int *status) {
    const struct vfs_machine *machine = machine_of(file);
    struct pipe *pipe = file->pipe;
    uint32_t done = 0, copied = 1;
    while (done < size && copied > 0) {
        uint32_t at = pipe->written + done, in_page = at % VFS_PAGE_BYTES;
        uint8_t **page = &pipe->pages[page_number(at)];
        if (*page == NULL)
            *page = machine->take_page(machine->context);
        if (*page == NULL) {
            *status = -LINUX_ENOMEM;
            break;
        }
        copied = (uint32_t)transfer_in(transfer, *page + in_page, least(size - done, VFS_PAGE_BYTES - in_page));
        done += copied;
    }
    return done;
}

/* ---- reading and writing ---- */

/* The lock is held. Something lies in the pipe: 1; the end: 0; or why not. */
static int wait_for_bytes(const struct open_file *file) {
    struct pipe *pipe = file->pipe;
    while (filled(pipe) == 0) {
        if (pipe->writers == 0)
            return 0;
        if ((file_flags(file) & LINUX_O_NONBLOCK) != 0)
            return -LINUX_EAGAIN;
        int status = wait(file, &pipe->readable);
        if (status != 0)
            return status;
    }
    return 1;
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct pipe *pipe = file->pipe;
    if (transfer->left_bytes == 0)
        return 0;
    spinlock_lock(&pipe->lock);
    int status = wait_for_bytes(file);
    bool was_full = room(pipe) < PIPE_ATOMIC;
    while (status > 0 && filled(pipe) > 0 && transfer->left_bytes > 0) {
        bool is_short;
        *done_bytes += take_piece(file, transfer, &is_short);
        if (is_short) {
            spinlock_unlock(&pipe->lock);
            int brought = transfer_bring_in(transfer);
            spinlock_lock(&pipe->lock);
            was_full |= room(pipe) < PIPE_ATOMIC;
            status = brought != 0 ? brought : status;
        }
    }
    if (*done_bytes > 0 && was_full)
        wake(file, &pipe->writable);
    spinlock_unlock(&pipe->lock);
    return status < 0 ? status : 0;
}

/* The lock is held. There is room for `size` bytes: 0; or why not. */
static int wait_for_room(const struct open_file *file, uint32_t size) {
    struct pipe *pipe = file->pipe;
    for (;;) {
        if (pipe->readers == 0)
            return -LINUX_EPIPE;
        if (room(pipe) >= size)
            return 0;
        if ((file_flags(file) & LINUX_O_NONBLOCK) != 0)
            return -LINUX_EAGAIN;
        int status = wait(file, &pipe->writable);
        if (status != 0)
            return status;
    }
}

/* One piece, whole. The lock is held, and given up to bring in what is missing of the program's memory. */
static int write_piece(const struct open_file *file, struct transfer *transfer, uint32_t atomic_bytes,
                       size_t *done_bytes) {
    struct pipe *pipe = file->pipe;
    struct transfer before = *transfer;
    int status = wait_for_room(file, atomic_bytes);
    if (status != 0)
        return status;
    uint32_t size = room(pipe);
    size = transfer->left_bytes < size ? (uint32_t)transfer->left_bytes : size;
    size = least(size, PIPE_ATOMIC);
    if (put_piece(file, transfer, size, &status) == size) {
        pipe->written += size;
        *done_bytes += size;
        wake(file, &pipe->readable);
        return 0;
    }
    if (status == 0) {
        spinlock_unlock(&pipe->lock);
        status = transfer_bring_in(transfer);
        spinlock_lock(&pipe->lock);
    }
    *transfer = before; /* all of it again */
    return status;
}

static int write(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    struct pipe *pipe = file->pipe;
    uint32_t atomic_bytes = transfer->left_bytes <= PIPE_ATOMIC ? (uint32_t)transfer->left_bytes : 1;
    int status = 0;
    spinlock_lock(&pipe->lock);
    while (status == 0 && transfer->left_bytes > 0)
        status = write_piece(file, transfer, atomic_bytes, done_bytes);
    spinlock_unlock(&pipe->lock);
    return status;
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct pipe *pipe = file->pipe;
    uint32_t access = vfs_open_access(file_flags(file)), mask = 0;
    queues[FILE_QUEUE_READ] = (access & LINUX_R_OK) != 0 ? &pipe->readable : NULL;
    queues[FILE_QUEUE_WRITE] = (access & LINUX_W_OK) != 0 ? &pipe->writable : NULL;
    spinlock_lock(&pipe->lock);
    if ((access & LINUX_R_OK) != 0) {
        mask |= filled(pipe) > 0 ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
        mask |= pipe->writers == 0 && pipe->writers_ever != file->position ? LINUX_POLLHUP : 0;
    }
    if ((access & LINUX_W_OK) != 0) {
        mask |= room(pipe) >= PIPE_ATOMIC ? LINUX_POLLOUT | LINUX_POLLWRNORM : 0;
        mask |= pipe->readers == 0 ? LINUX_POLLERR : 0;
    }
    spinlock_unlock(&pipe->lock);
    return mask;
}

uint32_t pipe_filled(const struct open_file *file) {
    spinlock_lock(&file->pipe->lock);
    uint32_t bytes = filled(file->pipe);
    spinlock_unlock(&file->pipe->lock);
    return bytes;
}

/* ---- opening and closing ---- */

/* One holder less; the last one ends the pipe. */
static void drop(struct vfs *vfs, struct pipe *pipe) {
    const struct vfs_machine *machine = vfs->machine;
    vfs_lock(vfs);
    bool is_last = --pipe->holders == 0;
    if (is_last && pipe->inode != NULL)
        pipe->inode->pipe = NULL;
    vfs_unlock_in_release(vfs); /* nothing lost its last reference, and it may be an inode's release that calls */
    if (!is_last)
        return;
    for (uint32_t i = 0; i < PIPE_PAGES; i++)
        if (pipe->pages[i] != NULL)
            machine->give_page_back(machine->context, pipe->pages[i]);
    machine_give_back(machine, pipe, sizeof(*pipe));
}

/* Without the lock: the end that this file is goes, and all that wait look again. */
static void leave(const struct open_file *file) {
    struct pipe *pipe = file->pipe;
    uint32_t access = vfs_open_access(file_flags(file));
    spinlock_lock(&pipe->lock);
    pipe->readers -= (access & LINUX_R_OK) != 0;
    pipe->writers -= (access & LINUX_W_OK) != 0;
    if ((pipe->readers == 0) != (pipe->writers == 0)) /* one end is left alone */
        wake_all(file);
    spinlock_unlock(&pipe->lock);
    drop(file->vfs, pipe);
}

static void close(struct open_file *file) {
    leave(file);
}

static const struct file_operations operations = {
    .read = read, .write = write, .poll = poll, .close = close, .name = "pipe:", .mode = LINUX_S_IFIFO | 0600};

bool pipe_is(const struct open_file *file) {
    return file->operations == &operations;
}

struct pipe *pipe_hold(const struct open_file *file) {
    file->pipe->holders++;
    return file->pipe;
}

void pipe_give_up(struct vfs *vfs, struct pipe *pipe) {
    drop(vfs, pipe);
}

static struct pipe *make(struct vfs *vfs) {
    struct pipe *pipe = machine_take(vfs->machine, sizeof(*pipe));
    if (pipe != NULL)
        *pipe = (struct pipe){.holders = 1};
    return pipe;
}

/* The ring of a named pipe, held once more. */
static struct pipe *find_named(struct vfs *vfs, struct inode *inode) {
    vfs_lock(vfs);
    struct pipe *pipe = inode->pipe;
    if (pipe != NULL) {
        pipe->holders++;
    } else {
        pipe = make(vfs);
        inode->pipe = pipe;
        if (pipe != NULL)
            pipe->inode = inode;
    }
    vfs_unlock(vfs);
    return pipe;
}

/* The lock is held: this end is there from now on. Whoever opened the other end and waits goes on. */
static void join(const struct open_file *file, uint32_t access) {
    struct pipe *pipe = file->pipe;
    bool is_first = false;
    if ((access & LINUX_R_OK) != 0) {
        is_first |= pipe->readers++ == 0;
        pipe->readers_ever++;
    }
    if ((access & LINUX_W_OK) != 0) {
        is_first |= pipe->writers++ == 0;
        pipe->writers_ever++;
    }
    if (is_first)
        wake_all(file);
}

/* The lock is held. Somebody came to the other end since, even if they are gone again. */
static int wait_for_other_end(const struct open_file *file, struct wait_queue *queue, const uint32_t *there,
                              const uint32_t *ever) {
    uint32_t seen = *ever;
    int status = 0;
    while (status == 0 && *there == 0 && *ever == seen)
        status = wait(file, queue);
    return status;
}

int pipe_open_named(struct open_file *file) {
    uint32_t access = vfs_open_access(file->flags);
    bool waits = (file->flags & LINUX_O_NONBLOCK) == 0;
    int status = 0;
    struct pipe *pipe = find_named(file->vfs, file->inode);
    if (pipe == NULL)
        return -LINUX_ENOMEM;
    file->pipe = pipe;
    /* One without a name is opened once more as it is: its other end will not come, it was there. */
    bool is_named = pipe->inode != NULL;
    waits = waits && is_named;
    spinlock_lock(&pipe->lock);
    if (access == LINUX_W_OK && is_named && !waits && pipe->readers == 0) {
        spinlock_unlock(&pipe->lock);
        drop(file->vfs, pipe);
        return -LINUX_ENXIO;
    }
    join(file, access);
    if (access == LINUX_R_OK && is_named && pipe->writers == 0)
        file->position = pipe->writers_ever; /* nobody hung up on it before another writer was there */
    if (access == LINUX_R_OK && waits)
        status = wait_for_other_end(file, &pipe->readable, &pipe->writers, &pipe->writers_ever);
    else if (access == LINUX_W_OK && waits)
        status = wait_for_other_end(file, &pipe->writable, &pipe->readers, &pipe->readers_ever);
    spinlock_unlock(&pipe->lock);
    if (status != 0)
        leave(file);
    else
        file->operations = &operations;
    return status;
}

static struct open_file *make_end(struct vfs *vfs, struct pipe *pipe, uint32_t flags) {
    struct open_file *file = machine_take(vfs->machine, sizeof(*file));
    if (file != NULL)
        *file =
            (struct open_file){.vfs = vfs, .operations = &operations, .pipe = pipe, .references = 1, .flags = flags};
    return file;
}

int pipe_create(struct vfs *vfs, uint32_t flags, struct open_file **reading, struct open_file **writing) {
    if ((flags & ~LINUX_O_NONBLOCK) != 0)
        return -LINUX_EINVAL;
    struct pipe *pipe = make(vfs);
    if (pipe == NULL)
        return -LINUX_ENOMEM;
    struct open_file *first = make_end(vfs, pipe, flags | LINUX_O_RDONLY);
    struct open_file *second = first != NULL ? make_end(vfs, pipe, flags | LINUX_O_WRONLY) : NULL;
    if (second == NULL) {
        if (first != NULL)
            machine_give_back(vfs->machine, first, sizeof(*first));
        drop(vfs, pipe);
        return -LINUX_ENOMEM;
    }
    pipe->holders = 2;
    first->number = vfs_next_nameless(vfs);
    second->number = first->number;
    join(first, LINUX_R_OK);
    join(second, LINUX_W_OK);
    *reading = first;
    *writing = second;
    return 0;
}
