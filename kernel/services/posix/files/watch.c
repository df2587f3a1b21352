/* Waiting for any of many files: see watch.h. */
#include "kernel/services/posix/files/watch.h"

#include "kernel/machine/bare/thread/thread.h"

#include <string.h>

#define FEW 4u
#define ALWAYS (LINUX_POLLERR | LINUX_POLLHUP)
#define NANOSECONDS UINT64_C(1000000000)

/* Of one call. */
struct waiter {
    struct thread *thread;
    bool is_woken; /* atomic */
};

struct waiter_entry {
    struct wait_entry entry; /* first */
    struct waiter *waiter;
};

struct watched {
    struct open_file *file; /* counted; NULL: not looked at, or not open */
    struct waiter_entry entries[FILE_QUEUES];
};

/* Pairs with the exchange in watch_items: what was made true before is seen by whoever sees this. */
static void tell(struct wait_entry *entry) {
    struct waiter *waiter = ((struct waiter_entry *)entry)->waiter;
    __atomic_store_n(&waiter->is_woken, true, __ATOMIC_RELEASE);
    thread_wake(waiter->thread);
}

static void open_all(const struct files *files, const struct watch_item *items, struct watched *all, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        if (items[i].descriptor < 0 || get_file(files, (uint32_t)items[i].descriptor, &all[i].file) != 0)
            all[i].file = NULL;
    }
}

/* O_PATH says nothing of contents, and so is no descriptor here. */
static uint32_t ask(const struct watch_item *item, const struct watched *watched, struct wait_queue **queues) {
    if (item->descriptor < 0)
        return 0;
    if (watched->file == NULL || (file_flags(watched->file) & LINUX_O_PATH) != 0)
        return LINUX_POLLNVAL;
    return file_poll(watched->file, queues) & (item->wanted | ALWAYS);
}

static int ask_all(struct watch_item *items, const struct watched *all, uint32_t count) {
    struct wait_queue *queues[FILE_QUEUES];
    int found = 0;
    for (uint32_t i = 0; i < count; i++) {
        items[i].found = (uint16_t)ask(&items[i], &all[i], queues);
        found += items[i].found != 0;
    }
    return found;
}

static void enter_all(const struct watch_item *items, struct watched *all, uint32_t count, struct waiter *waiter) {
    for (uint32_t i = 0; i < count; i++) {
        struct wait_queue *queues[FILE_QUEUES] = {NULL};
        (void)ask(&items[i], &all[i], queues);
        for (uint32_t j = 0; j < FILE_QUEUES; j++) {
            all[i].entries[j] = (struct waiter_entry){.entry = {.woken = tell}, .waiter = waiter};
            if (queues[j] != NULL)
                wait_add(queues[j], &all[i].entries[j].entry);
        }
    }
}

static void leave_all(struct watched *all, uint32_t count) {
    for (uint32_t i = 0; i < count; i++) {
        for (uint32_t j = 0; j < FILE_QUEUES; j++)
            wait_remove(&all[i].entries[j].entry);
        if (all[i].file != NULL)
            file_unref(all[i].file);
    }
}

static int wait_for_any(struct watch_item *items, struct watched *all, uint32_t count, uint64_t until_ns) {
    struct waiter waiter = {.thread = thread_current()};
    enter_all(items, all, count, &waiter);
    for (;;) {
        (void)__atomic_exchange_n(&waiter.is_woken, false, __ATOMIC_ACQUIRE);
        int found = ask_all(items, all, count);
        if (found > 0)
            return found;
        int status = thread_sleep_unless(&waiter.is_woken, until_ns);
        if (status != 0) /* what came with the end counts all the same */
            found = ask_all(items, all, count);
        if (found > 0)
            return found;
        if (status != 0)
            return status == -LINUX_ETIMEDOUT ? 0 : status;
    }
}

int watch_items(const struct files *files, struct watch_item *items, uint32_t count, uint64_t until_ns) {
    struct watched few[FEW] = {{.file = NULL}}, *all = few;
    if (count > FEW) {
        all = machine_take(files->vfs->machine, count * sizeof(*all));
        if (all == NULL)
            return -LINUX_ENOMEM;
        memset(all, 0, count * sizeof(*all));
    }
    open_all(files, items, all, count);
    int found = ask_all(items, all, count);
    if (found == 0 && until_ns != 0)
        found = wait_for_any(items, all, count, until_ns);
    leave_all(all, count);
    if (count > FEW)
        machine_give_back(files->vfs->machine, all, count * sizeof(*all));
    return found;
}

/* ---- times ---- */

bool watch_until_from(uint64_t from_ns, int64_t seconds, int64_t nanoseconds, uint64_t *until_ns) {
    uint64_t span, until;
    if (seconds < 0 || nanoseconds < 0 || nanoseconds >= (int64_t)NANOSECONDS)
        return false;
    *until_ns = WAIT_FOREVER;
    if (seconds == 0 && nanoseconds == 0)
        *until_ns = 0;
    else if (!__builtin_mul_overflow((uint64_t)seconds, NANOSECONDS, &span) &&
             !__builtin_add_overflow(span, (uint64_t)nanoseconds, &span) &&
             !__builtin_add_overflow(span, from_ns, &until) && until < WAIT_FOREVER / 8)
        *until_ns = until;
    return true;
}

bool watch_until(int64_t seconds, int64_t nanoseconds, uint64_t *until_ns) {
    return watch_until_from(clock_now_ns(), seconds, nanoseconds, until_ns);
}

void watch_left(uint64_t until_ns, int64_t left[2]) {
    uint64_t now = clock_now_ns(), span = until_ns > now ? until_ns - now : 0;
    left[0] = (int64_t)(span / NANOSECONDS);
    left[1] = (int64_t)(span % NANOSECONDS);
}
