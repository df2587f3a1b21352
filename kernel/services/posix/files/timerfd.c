/*
 * timerfd_create(2): moments that can be read and polled. A timer says only that somebody should look: how often it has
 * expired is worked out when it is asked for, so one that nobody reads costs nothing, however short its interval is.
 */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/files/nameless.h"

#define CLOCK_REALTIME 0u
#define CLOCK_MONOTONIC 1u
#define CLOCK_BOOTTIME 7u
#define TFD_ABSOLUTE 1u
#define TFD_CANCEL_ON_SET 2u /* the wall clock of this machine is never set */
#define NANOSECONDS INT64_C(1000000000)
#define NEVER UINT64_MAX

/* struct itimerspec. */
struct linux_timer {
    int64_t interval_s, interval_ns, value_s, value_ns;
};

struct timer {
    struct spinlock lock;
    struct wait_queue expired;
    struct sched_timer timer;
    uint32_t clock;
    uint64_t next_ns, interval_ns; /* monotonic; next_ns is NEVER while it is not set */
    uint64_t ticks; /* expired and not read */
};

/* Perhaps too early, and then nobody finds anything. */
static void fire(struct scheduler *scheduler, struct sched_timer *timer) {
    (void)scheduler;
    wait_wake(&list_item(timer, struct timer, timer)->expired);
}

/* The lock is held. What has expired by now is counted. */
static void catch_up(struct timer *timer) {
    uint64_t now = clock_now_ns();
    if (timer->next_ns == NEVER || now < timer->next_ns)
        return;
    uint64_t count = timer->interval_ns != 0 ? (now - timer->next_ns) / timer->interval_ns + 1 : 1;
    timer->ticks += count;
    timer->next_ns = timer->interval_ns != 0 ? timer->next_ns + count * timer->interval_ns : NEVER;
}

/* The lock is held. While something waits to be read nobody needs to be told of more. */
static void arm(struct timer *timer) {
    if (timer->ticks == 0 && timer->next_ns != NEVER)
        sched_timer_set(&thread_scheduler, &timer->timer, timer->next_ns);
    else
        sched_timer_cancel(&thread_scheduler, &timer->timer);
}

static int read(struct open_file *file, struct transfer *transfer, size_t *done_bytes) {
    const struct vfs_machine *machine = file->vfs->machine;
    struct timer *timer = file->object;
    uint64_t ticks;
    int status = 0;
    if (transfer->left_bytes < sizeof(ticks))
        return -LINUX_EINVAL;
    spinlock_lock(&timer->lock);
    for (catch_up(timer); timer->ticks == 0 && status == 0; catch_up(timer))
        status = (file_flags(file) & LINUX_O_NONBLOCK) != 0
                     ? -LINUX_EAGAIN
                     : machine->sleep(machine->context, &timer->expired, &timer->lock);
    ticks = timer->ticks;
    if (ticks > 0) {
        timer->ticks = 0;
        arm(timer);
        status = 0;
    }
    spinlock_unlock(&timer->lock);
    if (status == 0)
        status = transfer_all_out(transfer, &ticks, sizeof(ticks));
    *done_bytes = status == 0 ? sizeof(ticks) : 0;
    return status;
}

static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct timer *timer = file->object;
    queues[FILE_QUEUE_READ] = &timer->expired;
    spinlock_lock(&timer->lock);
    catch_up(timer);
    uint32_t mask = timer->ticks > 0 ? LINUX_POLLIN : 0;
    spinlock_unlock(&timer->lock);
    return mask;
}

static void give_back(struct vfs *vfs, void *object) {
    struct timer *timer = object;
    sched_timer_cancel(&thread_scheduler, &timer->timer);
    sched_timer_drain(&timer->timer);
    machine_give_back(vfs->machine, timer, sizeof(*timer));
}

static void close(struct open_file *file) {
    give_back(file->vfs, file->object);
}

static const struct file_operations operations = {
    .read = read, .poll = poll, .close = close, .name = "anon_inode:[timerfd]"};

int64_t system_call_timerfd_create(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t clock = (uint32_t)arguments[0], flags = (uint32_t)arguments[1];
    if ((flags & ~(LINUX_O_CLOEXEC | LINUX_O_NONBLOCK)) != 0 ||
        (clock != CLOCK_REALTIME && clock != CLOCK_MONOTONIC && clock != CLOCK_BOOTTIME))
        return -LINUX_EINVAL;
    struct timer *timer = machine_take(files.vfs->machine, sizeof(*timer));
    if (timer == NULL)
        return -LINUX_ENOMEM;
    *timer = (struct timer){.clock = clock, .next_ns = NEVER, .timer = {.fire = fire}};
    return nameless_open(&files, &operations, timer, flags, give_back);
}

/* ---- setting ---- */

/* As in Linux, what is too long is for ever, and that is not yet. */
static bool read_span(int64_t seconds, int64_t nanoseconds, uint64_t *span_ns) {
    int64_t whole;
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= NANOSECONDS)
        return false;
    if (__builtin_mul_overflow(seconds, NANOSECONDS, &whole) || __builtin_add_overflow(whole, nanoseconds, &whole) ||
        whole > INT64_MAX / 8)
        whole = INT64_MAX / 8;
    *span_ns = (uint64_t)whole;
    return true;
}

/* The monotonic moment of a value that is not zero; at the earliest just after the kernel began. */
static uint64_t moment_of(const struct timer *timer, uint64_t value_ns, bool is_absolute) {
    uint64_t now = clock_now_ns();
    if (!is_absolute)
        return now + value_ns;
    if (timer->clock != CLOCK_REALTIME)
        return value_ns;
    int64_t ahead = (int64_t)value_ns - clock_wall_ns();
    return ahead < 0 ? now : now + (uint64_t)ahead;
}

/* The lock is held. */
static void tell(struct timer *timer, struct linux_timer *told) {
    catch_up(timer);
    uint64_t now = clock_now_ns(), left = 0;
    if (timer->next_ns != NEVER)
        left = timer->next_ns > now ? timer->next_ns - now : 1;
    *told = (struct linux_timer){.interval_s = (int64_t)timer->interval_ns / NANOSECONDS,
                                 .interval_ns = (int64_t)timer->interval_ns % NANOSECONDS,
                                 .value_s = (int64_t)left / NANOSECONDS,
                                 .value_ns = (int64_t)left % NANOSECONDS};
}

int64_t system_call_timerfd_settime(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    uint32_t flags = (uint32_t)arguments[1];
    struct linux_timer wanted, old;
    struct open_file *file;
    uint64_t interval_ns, value_ns;
    if (!process_read(&wanted, arguments[2], sizeof(wanted)))
        return -LINUX_EFAULT;
    if ((flags & ~(TFD_ABSOLUTE | TFD_CANCEL_ON_SET)) != 0 ||
        !read_span(wanted.interval_s, wanted.interval_ns, &interval_ns) ||
        !read_span(wanted.value_s, wanted.value_ns, &value_ns))
        return -LINUX_EINVAL;
    int status = nameless_get(&files, arguments[0], &operations, &file);
    if (status != 0)
        return status;
    struct timer *timer = file->object;
    spinlock_lock(&timer->lock);
    tell(timer, &old);
    timer->ticks = 0;
    timer->interval_ns = interval_ns;
    timer->next_ns = value_ns != 0 ? moment_of(timer, value_ns, (flags & TFD_ABSOLUTE) != 0) : NEVER;
    arm(timer);
    spinlock_unlock(&timer->lock);
    file_unref(file);
    return arguments[3] == 0 || process_write(arguments[3], &old, sizeof(old)) ? 0 : -LINUX_EFAULT;
}

int64_t system_call_timerfd_gettime(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct linux_timer told;
    struct open_file *file;
    int status = nameless_get(&files, arguments[0], &operations, &file);
    if (status != 0)
        return status;
    struct timer *timer = file->object;
    spinlock_lock(&timer->lock);
    tell(timer, &told);
    spinlock_unlock(&timer->lock);
    file_unref(file);
    return process_write(arguments[1], &told, sizeof(told)) ? 0 : -LINUX_EFAULT;
}
