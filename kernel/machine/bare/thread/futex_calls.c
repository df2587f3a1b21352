/* futex(2), the robust lists, and what the end of a thread does to words of its program. */
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/process/user_memory.h"
#include "kernel/machine/bare/thread/moment.h"
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/machine/bare/thread/words.h"
#include "kernel/services/vfs/errors.h"

enum {
    OPERATION_WAIT = 0,
    OPERATION_WAKE = 1,
    OPERATION_REQUEUE = 3,
    OPERATION_CMP_REQUEUE = 4,
    OPERATION_WAKE_OP = 5,
    OPERATION_LOCK = 6,
    OPERATION_UNLOCK = 7,
    OPERATION_TRY_LOCK = 8,
    OPERATION_WAIT_BITS = 9,
    OPERATION_WAKE_BITS = 10,
    OPERATION_LOCK_MONOTONIC = 13,
};
#define OPERATION_PRIVATE UINT64_C(128)
#define OPERATION_WALL UINT64_C(256)
#define ROBUST_HEAD_BYTES 24u
#define CHANGES_MAX 64u

struct call {
    struct thread *self;
    struct futex_space *space;
    uint64_t address, value, timeout_at, other, third;
    bool is_wall;
};

int64_t futex_error(int status) {
    static const struct {
        int status, error;
    } errors[] = {
        {GROVE_OK, 0},
        {GROVE_AGAIN, LINUX_EAGAIN},
        {GROVE_TIMED_OUT, LINUX_ETIMEDOUT},
        {GROVE_CANCELLED, LINUX_EINTR},
        {GROVE_CYCLE, LINUX_EDEADLK},
        {GROVE_TOO_LARGE, LINUX_EDEADLK},
        {GROVE_NOT_FOUND, LINUX_ESRCH},
        {GROVE_DENIED, LINUX_EPERM},
        {GROVE_CORRUPT, LINUX_EINVAL},
    };
    for (unsigned i = 0; i < sizeof(errors) / sizeof(errors[0]); i++)
        if (errors[i].status == status)
            return -errors[i].error;
    return -LINUX_EFAULT; /* there is no such word */
}

/* ---- waiting ---- */

/* Sleep, if `status` says that the thread waits. */
static int64_t sleep_if(const struct call *call, int status, bool waits) {
    if (status < 0 || !waits)
        return futex_error(status);
    sched_reschedule(&thread_scheduler);
    return futex_error(futex_finish(&thread_futexes, &call->self->futex));
}

static int64_t wait_for(const struct call *call, bool is_absolute, uint32_t bits) {
    uint64_t until = SCHED_NEVER;
    if (bits == 0)
        return -LINUX_EINVAL;
    int status = call->timeout_at != 0 ? moment_read(call->timeout_at, is_absolute, call->is_wall, &until) : 0;
    if (status < 0)
        return status;
    status =
        futex_wait(&thread_futexes, &call->self->futex, call->space, call->address, (uint32_t)call->value, bits, until);
    return sleep_if(call, status, true);
}

static int64_t lock(const struct call *call, bool is_wall, bool is_try) {
    uint64_t until = SCHED_NEVER;
    bool waits = false;
    int status = call->timeout_at != 0 && !is_try ? moment_read(call->timeout_at, true, is_wall, &until) : 0;
    if (status < 0)
        return status;
    do {
        status = futex_lock(&thread_futexes, &call->self->futex, call->space, call->address, until, is_try, &waits);
        if (__atomic_load_n(&call->self->is_interrupted, __ATOMIC_RELAXED))
            break;
    } while (status == GROVE_AGAIN &&
             !is_try); /* the one that had it is just ending, or the word changes all the time */
    return sleep_if(call, status, waits);
}

/* ---- waking ---- */

/* Counts are signed on Linux, and those below zero mean one or all; here as there, one that is too large is all. */
static uint32_t count_of(uint64_t count) {
    return (int32_t)(uint32_t)count < 0 ? INT32_MAX : (uint32_t)count;
}

static int64_t wake(const struct call *call, uint64_t address, uint64_t count, uint32_t bits) {
    uint32_t woken = 0;
    if (bits == 0)
        return -LINUX_EINVAL;
    int status = futex_wake(&thread_futexes, call->space, address, count_of(count), bits, &woken);
    return status < 0 ? futex_error(status) : (int64_t)woken;
}

static int64_t requeue(const struct call *call, bool compares) {
    uint32_t woken = 0, moved = 0, expected = (uint32_t)call->third;
    if (call->other % sizeof(uint32_t) != 0 || (int32_t)(uint32_t)call->value < 0 ||
        (int32_t)(uint32_t)call->timeout_at < 0)
        return -LINUX_EINVAL;
    int status = futex_requeue(&thread_futexes, call->space, call->address, call->other, (uint32_t)call->value,
                               (uint32_t)call->timeout_at, compares ? &expected : NULL, &woken, &moved);
    return status < 0 ? futex_error(status) : (int64_t)woken + (compares ? moved : 0);
}

/* FUTEX_WAKE_OP: four bits what is done to the word, four how its old value is compared, twelve each with what. */
static bool changed(uint32_t code, uint32_t old, uint32_t *new) {
    uint32_t kind = code >> 28 & 7;
    uint32_t with = (uint32_t)((int32_t)(code << 8) >> 20);
    if ((code >> 31) != 0)
        with = UINT32_C(1) << (with & 31);
    const uint32_t results[] = {with, old + with, old | with, old & ~with, old ^ with};
    if (kind >= sizeof(results) / sizeof(results[0]))
        return false;
    *new = results[kind];
    return true;
}

static bool compares(uint32_t code, uint32_t old_value, bool *is_so) {
    int32_t old = (int32_t)old_value, with = (int32_t)(code << 20) >> 20;
    const bool results[] = {old == with, old != with, old<with, old <= with, old> with, old >= with};
    uint32_t kind = code >> 24 & 15;
    if (kind >= sizeof(results) / sizeof(results[0]))
        return false;
    *is_so = results[kind];
    return true;
}

static int64_t change(const struct call *call, uint32_t code, uint32_t *old) {
    const struct futex_memory *memory = call->space->memory;
    for (uint32_t i = 0; i < CHANGES_MAX; i++) {
        uint32_t value = 0, wanted = 0;
        int status = memory->load(call->space, call->other, &value);
        uint32_t was = value;
        if (status == GROVE_OK && !changed(code, value, &wanted))
            return -LINUX_ENOSYS;
        if (status == GROVE_OK)
            status = memory->exchange(call->space, call->other, &value, wanted);
        if (status == GROVE_OK && value == was) {
            *old = was;
            return 0;
        }
        if (status == GROVE_WRONG_STATE)
            status = memory->touch(call->space, call->other);
        if (status < 0)
            return futex_error(status);
    }
    return -LINUX_EAGAIN;
}

static int64_t wake_both(const struct call *call) {
    uint32_t code = (uint32_t)call->third, old = 0;
    bool is_so = false;
    if (call->other % sizeof(uint32_t) != 0)
        return -LINUX_EINVAL;
    if (!compares(code, 0, &is_so))
        return -LINUX_ENOSYS;
    int64_t result = change(call, code, &old);
    if (result < 0)
        return result;
    (void)compares(code, old, &is_so);
    result = wake(call, call->address, call->value, FUTEX_ALL_BITS);
    int64_t more = result >= 0 && is_so ? wake(call, call->other, call->timeout_at, FUTEX_ALL_BITS) : 0;
    return more < 0 ? more : result + more;
}

/* ---- the call ---- */

int64_t system_call_futex(const uint64_t arguments[6]) {
    struct thread *self = thread_current();
    struct call call = {.self = self,
                        .space = (struct futex_space *)process_space(self->process),
                        .address = arguments[0],
                        .value = (uint32_t)arguments[2],
                        .timeout_at = arguments[3],
                        .other = arguments[4],
                        .third = arguments[5],
                        .is_wall = (arguments[1] & OPERATION_WALL) != 0};
    uint64_t operation = (uint32_t)arguments[1] & ~(OPERATION_PRIVATE | OPERATION_WALL);
    self->has_private_words = (arguments[1] & OPERATION_PRIVATE) != 0;
    if (call.is_wall && operation != OPERATION_WAIT_BITS && operation != OPERATION_LOCK_MONOTONIC)
        return -LINUX_ENOSYS;
    if (call.address % sizeof(uint32_t) != 0)
        return -LINUX_EINVAL;
    switch (operation) {
    case OPERATION_WAIT:
        return wait_for(&call, false, FUTEX_ALL_BITS);
    case OPERATION_WAIT_BITS:
        return wait_for(&call, true, (uint32_t)call.third);
    case OPERATION_WAKE:
        return wake(&call, call.address, call.value, FUTEX_ALL_BITS);
    case OPERATION_WAKE_BITS:
        return wake(&call, call.address, call.value, (uint32_t)call.third);
    case OPERATION_REQUEUE:
        return requeue(&call, false);
    case OPERATION_CMP_REQUEUE:
        return requeue(&call, true);
    case OPERATION_WAKE_OP:
        return wake_both(&call);
    case OPERATION_LOCK:
        return lock(&call, true, false);
    case OPERATION_LOCK_MONOTONIC:
        return lock(&call, call.is_wall, false);
    case OPERATION_TRY_LOCK:
        return lock(&call, false, true);
    case OPERATION_UNLOCK:
        return futex_error(futex_unlock(&thread_futexes, &self->futex, call.space, call.address));
    default:
        return -LINUX_ENOSYS;
    }
}

int64_t system_call_set_robust_list(const uint64_t arguments[6]) {
    if (arguments[1] != ROBUST_HEAD_BYTES)
        return -LINUX_EINVAL;
    thread_current()->robust_list = arguments[0];
    return 0;
}

/* Of the current process's threads only: of others it is nobody's business. */
int64_t system_call_get_robust_list(const uint64_t arguments[6]) {
    struct thread *self = thread_current();
    int32_t number = (int32_t)(uint32_t)arguments[0];
    hold_begin();
    const struct thread *thread = number != 0 ? process_thread_of(self->process, number) : self;
    const uint64_t head = thread != NULL ? thread->robust_list : 0, size = ROBUST_HEAD_BYTES;
    hold_end();
    if (thread == NULL)
        return process_any_thread(number) != NULL ? -LINUX_EPERM : -LINUX_ESRCH;
    if (!process_write(arguments[2], &size, sizeof(size)) || !process_write(arguments[1], &head, sizeof(head)))
        return -LINUX_EFAULT;
    return 0;
}

void thread_end_words(struct thread *self) {
    struct futex_space *space = (struct futex_space *)process_space(self->process);
    const uint32_t zero = 0;
    uint32_t woken;
    self->has_private_words = false;
    futex_exit(&thread_futexes, &self->futex, space, self->robust_list);
    if (self->clear_at != 0 && process_write(self->clear_at, &zero, sizeof(zero)))
        (void)futex_wake(&thread_futexes, space, self->clear_at, 1, FUTEX_ALL_BITS, &woken);
}
