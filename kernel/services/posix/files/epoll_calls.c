/* epoll_create(2), epoll_ctl(2), epoll_wait(2) and their other forms. */
#include "kernel/machine/bare/thread/thread.h"
#include "kernel/services/posix/files/epoll.h"
#include "kernel/services/posix/files/watch.h"

enum { EPOLL_CTL_ADD = 1, EPOLL_CTL_DEL = 2, EPOLL_CTL_MOD = 3 };
#define EXCLUSIVE_GOOD \
    (LINUX_POLLIN | LINUX_POLLOUT | LINUX_POLLERR | LINUX_POLLHUP | LINUX_EPOLLWAKEUP | LINUX_EPOLLET | \
     LINUX_EPOLLEXCLUSIVE)
#define NS_PER_MS INT64_C(1000000)
#define MS_PER_S 1000

static void give_back(struct vfs *vfs, void *object) {
    (void)vfs;
    epoll_close(object);
}

static int64_t create(uint32_t flags) {
    struct files files = files_of_current();
    struct epoll *epoll = epoll_create(files.vfs);
    if (epoll == NULL)
        return -LINUX_ENOMEM;
    return nameless_open(&files, &epoll_operations, epoll, flags, give_back);
}

int64_t system_call_epoll_create(const uint64_t arguments[6]) {
    return (int32_t)arguments[0] > 0 ? create(0) : -LINUX_EINVAL;
}

int64_t system_call_epoll_create1(const uint64_t arguments[6]) {
    uint32_t flags = (uint32_t)arguments[0];
    return (flags & ~LINUX_O_CLOEXEC) == 0 ? create(flags) : -LINUX_EINVAL;
}

/* ---- changing the set ---- */

static int check(const struct open_file *set, const struct open_file *file, uint32_t operation,
                 const struct linux_epoll_event *event) {
    if (file->operations == NULL || file->operations->poll == NULL)
        return -LINUX_EPERM;
    if (set == file || set->operations != &epoll_operations)
        return -LINUX_EINVAL;
    if (operation == EPOLL_CTL_DEL || (event->events & LINUX_EPOLLEXCLUSIVE) == 0)
        return 0;
    if (operation == EPOLL_CTL_MOD || file->operations == &epoll_operations || (event->events & ~EXCLUSIVE_GOOD) != 0)
        return -LINUX_EINVAL;
    return 0;
}

static int change(struct open_file *set, struct open_file *file, uint32_t operation, int32_t number,
                  const struct linux_epoll_event *event) {
    struct epoll *epoll = set->object;
    int status = -LINUX_EINVAL;
    sleep_lock_take(&epoll->scanning, epoll->vfs->machine);
    if (operation == EPOLL_CTL_ADD)
        status = epoll_add(epoll, file, number, event);
    else if (operation == EPOLL_CTL_MOD)
        status = epoll_change(epoll, file, number, event);
    else if (operation == EPOLL_CTL_DEL)
        status = epoll_remove(epoll, file, number);
    sleep_lock_give_up(&epoll->scanning, epoll->vfs->machine);
    return status;
}

int64_t system_call_epoll_ctl(const uint64_t arguments[6]) {
    struct files files = files_of_current();
    struct linux_epoll_event event = {.events = 0};
    uint32_t operation = (uint32_t)arguments[1];
    struct open_file *set, *file;
    if (operation != EPOLL_CTL_DEL && !process_read(&event, arguments[3], sizeof(event)))
        return -LINUX_EFAULT;
    int status = get_usable_file(&files, arguments[0], &set);
    if (status != 0)
        return status;
    status = get_usable_file(&files, arguments[2], &file);
    if (status == 0) {
        status = check(set, file, operation, &event);
        if (status == 0)
            status = change(set, file, operation, (int32_t)arguments[2], &event);
        file_unref(file);
    }
    file_unref(set);
    return status;
}

/* ---- waiting ---- */

static int64_t collect(struct epoll *epoll, uint64_t to, uint32_t most) {
    sleep_lock_take(&epoll->scanning, epoll->vfs->machine);
    int64_t count = epoll_collect(epoll, to, most);
    sleep_lock_give_up(&epoll->scanning, epoll->vfs->machine);
    return count;
}

/* Until the ready list has something. Who puts something in tells it after that. */
static int sleep_until_ready(struct epoll *epoll, uint64_t until_ns) {
    int status = 0;
    spinlock_lock(&epoll->lock);
    if (list_is_empty(&epoll->ready))
        status = thread_sleep(&epoll->changed, &epoll->lock, until_ns);
    spinlock_unlock(&epoll->lock);
    return status;
}

static int64_t wait(struct epoll *epoll, uint64_t to, uint32_t most, uint64_t until_ns) {
    for (;;) {
        int64_t count = collect(epoll, to, most);
        if (count != 0 || until_ns == 0)
            return count;
        int status = sleep_until_ready(epoll, until_ns);
        if (status == -LINUX_ETIMEDOUT)
            return collect(epoll, to, most);
        if (status != 0)
            return status;
    }
}

static int64_t wait_for_descriptor(const uint64_t arguments[6], uint64_t until_ns) {
    struct files files = files_of_current();
    int32_t most = (int32_t)arguments[2];
    struct open_file *set;
    int64_t answer = get_usable_file(&files, arguments[0], &set);
    if (answer != 0)
        return answer;
    if (most <= 0 || (uint32_t)most > INT32_MAX / sizeof(struct linux_epoll_event) ||
        set->operations != &epoll_operations)
        answer = -LINUX_EINVAL;
    else
        answer = wait(set->object, arguments[1], (uint32_t)most, until_ns);
    file_unref(set);
    return answer;
}

static uint64_t until_ms(uint64_t timeout) {
    int32_t timeout_ms = (int32_t)timeout;
    uint64_t until_ns = WAIT_FOREVER;
    if (timeout_ms >= 0)
        (void)watch_until_from(process_call_began_ns(), timeout_ms / MS_PER_S, timeout_ms % MS_PER_S * NS_PER_MS,
                               &until_ns);
    return until_ns;
}

int64_t system_call_epoll_wait(const uint64_t arguments[6]) {
    return wait_for_descriptor(arguments, until_ms(arguments[3]));
}

int64_t system_call_epoll_pwait(const uint64_t arguments[6]) {
    int status = files_block_signals(arguments[4], arguments[5]);
    return status != 0 ? status : wait_for_descriptor(arguments, until_ms(arguments[3]));
}

int64_t system_call_epoll_pwait2(const uint64_t arguments[6]) {
    uint64_t until_ns = WAIT_FOREVER;
    int64_t span[2];
    if (arguments[3] != 0) {
        if (!process_read(span, arguments[3], sizeof(span)))
            return -LINUX_EFAULT;
        if (!watch_until_from(process_call_began_ns(), span[0], span[1], &until_ns))
            return -LINUX_EINVAL;
    }
    int status = files_block_signals(arguments[4], arguments[5]);
    return status != 0 ? status : wait_for_descriptor(arguments, until_ns);
}
