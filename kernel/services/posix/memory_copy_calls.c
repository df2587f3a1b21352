/*
 * process_vm_readv(2), process_vm_writev(2): between the caller's memory and another process's, which is held meanwhile, whatever
 * becomes of the process. Each piece lies in one page on both sides, so what is counted is what was copied.
 */
#include "kernel/machine/bare/mm/space_look.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/services/posix/inside.h"
#include "kernel/services/vfs/errors.h"

#define VECTORS_MAX 1024u /* IOV_MAX */
#define PIECE_BYTES 512u
#define CHECK_BYTES (1u << 16) /* copied between two looks whether the caller is to end */

/* struct iovec */
struct vector {
    uint64_t address, size_bytes;
};

/* Vectors that lie in the caller's memory, one after the other. */
struct side {
    uint64_t next_at, left_vectors;
    struct vector now; /* what is left of it */
};

/* All sizes must be such, also where less is copied; *is_empty: there is nothing in them. */
static int64_t side_begin(struct side *side, uint64_t at, uint64_t count, bool *is_empty) {
    struct vector vector;
    *side = (struct side){.next_at = at, .left_vectors = count};
    *is_empty = true;
    if (count > VECTORS_MAX)
        return -LINUX_EINVAL;
    for (uint64_t i = 0; i < count; i++) {
        if (!process_read(&vector, at + i * sizeof(vector), sizeof(vector)))
            return -LINUX_EFAULT;
        if (vector.size_bytes > INT64_MAX)
            return -LINUX_EINVAL;
        *is_empty = *is_empty && vector.size_bytes == 0;
    }
    return 0;
}

/* 1: there is something left in `now`; 0: it is at its end. */
static int64_t side_look(struct side *side) {
    while (side->now.size_bytes == 0 && side->left_vectors > 0) {
        if (!process_read(&side->now, side->next_at, sizeof(side->now)))
            return -LINUX_EFAULT;
        side->next_at += sizeof(side->now);
        side->left_vectors--;
    }
    return side->now.size_bytes != 0;
}

static uint64_t limit(const struct side *side, uint64_t size_bytes) {
    uint64_t in_page = PAGE_BYTES - side->now.address % PAGE_BYTES;
    uint64_t least = side->now.size_bytes < in_page ? side->now.size_bytes : in_page;
    return least < size_bytes ? least : size_bytes;
}

static void side_advance(struct side *side, uint64_t size_bytes) {
    side->now.address += size_bytes;
    side->now.size_bytes -= size_bytes;
}

static bool copy_piece(struct space *space, uint64_t remote, uint64_t local, size_t size_bytes, bool is_write) {
    uint8_t bytes[PIECE_BYTES];
    size_t done;
    if (is_write)
        return process_read(bytes, local, size_bytes) && space_write(space, remote, bytes, size_bytes, &done) == 0;
    return space_read(space, remote, bytes, size_bytes) == 0 && process_write(local, bytes, size_bytes);
}

static bool must_end(void) {
    processes_lock();
    bool must = process_must_end(process_thread_current());
    processes_unlock();
    return must;
}

/* How much was copied; an error only if nothing was. */
static int64_t copy(struct space *space, struct side *local, struct side *remote, bool is_write) {
    uint64_t done = 0, checked = 0;
    int64_t status = 1;
    while (done < INT64_MAX - PIECE_BYTES) {
        status = side_look(local);
        status = status > 0 ? side_look(remote) : status;
        if (status <= 0)
            break;
        uint64_t size = limit(remote, limit(local, PIECE_BYTES));
        if (!copy_piece(space, remote->now.address, local->now.address, size, is_write)) {
            status = -LINUX_EFAULT;
            break;
        }
        side_advance(local, size);
        side_advance(remote, size);
        done += size;
        if (done - checked >= CHECK_BYTES && must_end())
            break;
        checked = done - checked >= CHECK_BYTES ? done : checked;
    }
    return status < 0 && done == 0 ? status : (int64_t)done;
}

/* One that has no memory any more is as good as gone. */
static int64_t hold(int32_t number, struct process_memory **memory) {
    int64_t status = 0;
    processes_lock();
    const struct process *process = process_find_locked(number);
    if (process == NULL || process->memory == NULL)
        status = -LINUX_ESRCH;
    else if (!process_may_reach(process))
        status = -LINUX_EPERM;
    else
        *memory = process->memory;
    if (status == 0)
        __atomic_fetch_add(&(*memory)->references, 1, __ATOMIC_RELAXED);
    processes_unlock();
    return status;
}

static int64_t transfer(const uint64_t arguments[6], bool is_write) {
    struct side local, remote;
    struct process_memory *memory;
    bool is_local_empty, is_remote_empty;
    if (arguments[5] != 0)
        return -LINUX_EINVAL;
    int64_t status = side_begin(&local, arguments[1], arguments[2], &is_local_empty);
    if (status < 0 || is_local_empty)
        return status;
    status = side_begin(&remote, arguments[3], arguments[4], &is_remote_empty);
    if (status < 0 || is_remote_empty)
        return status;
    status = hold((int32_t)(uint32_t)arguments[0], &memory);
    if (status < 0)
        return status;
    status = copy(memory->space, &local, &remote, is_write);
    process_memory_unref(memory);
    return status;
}

int64_t system_call_process_vm_readv(const uint64_t arguments[6]) {
    return transfer(arguments, false);
}

int64_t system_call_process_vm_writev(const uint64_t arguments[6]) {
    return transfer(arguments, true);
}
