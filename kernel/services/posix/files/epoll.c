/* epoll's sets: see epoll.h. */
#include "kernel/services/posix/files/epoll.h"

#define ALWAYS (LINUX_POLLERR | LINUX_POLLHUP)
#define WRITE_BITS (LINUX_POLLOUT | LINUX_POLLWRNORM | LINUX_POLLWRBAND)

struct epoll *epoll_create(struct vfs *vfs) {
    struct epoll *epoll = machine_take(vfs->machine, sizeof(*epoll));
    if (epoll == NULL)
        return NULL;
    *epoll = (struct epoll){.vfs = vfs, .holders = 1};
    list_init(&epoll->ready);
    list_init(&epoll->watches_epolls);
    list_init(&epoll->watched_by);
    return epoll;
}

/* Takes over the epoll's lock. */
static void drop_holder(struct epoll *epoll) {
    bool is_last = --epoll->holders == 0;
    spinlock_unlock(&epoll->lock);
    if (is_last)
        machine_give_back(epoll->vfs->machine, epoll, sizeof(*epoll));
}

void epoll_item_drop(struct epoll_item *item) {
    struct epoll *epoll = item->epoll;
    spinlock_lock(&epoll->lock);
    if (--item->references > 0) {
        spinlock_unlock(&epoll->lock);
        return;
    }
    machine_give_back(epoll->vfs->machine, item, sizeof(*item));
    drop_holder(epoll);
}

/* ---- by file and number ---- */

struct item_key {
    const struct open_file *file;
    int32_t number;
};

static int compare(const void *key, struct tree_node *node) {
    const struct item_key *wanted = key;
    const struct epoll_item *item = list_item(node, struct epoll_item, node);
    if (wanted->file != item->file)
        return (uintptr_t)wanted->file < (uintptr_t)item->file ? -1 : 1;
    return wanted->number < item->number ? -1 : wanted->number > item->number;
}

static const struct tree_kind kind = {.order = compare};

/* The lock is held. */
static struct epoll_item *find(const struct epoll *epoll, const struct open_file *file, int32_t number) {
    struct item_key key = {.file = file, .number = number};
    struct tree_node *node = tree_find(epoll->items, &kind, &key);
    return node != NULL ? list_item(node, struct epoll_item, node) : NULL;
}

/* The lock is held. False: it was no member any more. */
static bool take_out(struct epoll_item *item) {
    struct epoll *epoll = item->epoll;
    struct item_key key = {.file = item->file, .number = item->number};
    if (!item->is_member)
        return false;
    item->is_member = false;
    tree_remove(&epoll->items, &kind, &key);
    list_remove(&item->ready);
    epoll->count--;
    return true;
}

/* ---- being told ---- */

/* The lock is held. */
static bool make_ready(struct epoll_item *item, uint32_t reason) {
    if (!item->is_member || (item->events & ~EPOLL_HOW) == 0) /* it was for once */
        return false;
    item->reasons |= reason;
    if (!list_is_linked(&item->ready))
        list_append(&item->epoll->ready, &item->ready);
    return true;
}

static void tell(struct wait_entry *entry) {
    const struct epoll_entry *told = (struct epoll_entry *)entry;
    struct epoll *epoll = told->item->epoll;
    spinlock_lock(&epoll->lock);
    bool is_ready = make_ready(told->item, told->reason);
    spinlock_unlock(&epoll->lock);
    if (is_ready)
        wait_wake(&epoll->changed);
}

/* ---- asking ---- */

uint32_t epoll_item_ask(struct epoll_item *item, uint32_t wanted) {
    struct wait_queue *queues[FILE_QUEUES];
    if (!file_watch_hold(item->epoll->vfs, &item->watch))
        return 0;
    uint32_t mask = file_poll(item->file, queues) & wanted;
    file_unref(item->file);
    return mask;
}

/* Of an edge only what could have brought it about is one. */
static bool is_new(uint32_t mask, uint32_t events, uint32_t reasons) {
    if ((events & LINUX_EPOLLET) == 0 || reasons == EPOLL_ANY)
        return mask != 0;
    uint32_t relevant = reasons == EPOLL_MAY_READ ? ~WRITE_BITS : WRITE_BITS | ALWAYS;
    return (mask & relevant) != 0;
}

/* The first that was not looked at in this scan, off the list and with a reference; NULL: none is left. */
static struct epoll_item *next_ready(struct epoll *epoll, struct epoll_item *asked) {
    spinlock_lock(&epoll->lock);
    struct epoll_item *item = list_first_item(&epoll->ready, struct epoll_item, ready);
    if (item != NULL && item->scanned == epoll->scan)
        item = NULL;
    if (item != NULL) {
        list_remove(&item->ready);
        item->references++;
        item->scanned = epoll->scan;
        asked->events = item->events;
        asked->data = item->data;
        asked->reasons = item->reasons;
        item->reasons = 0;
    }
    spinlock_unlock(&epoll->lock);
    return item;
}

/* What was told of it: for once it is not told again, at edges when there is another, else as long as it is so. */
static void settle(struct epoll_item *item, const struct epoll_item *asked) {
    spinlock_lock(&item->epoll->lock);
    if ((asked->events & LINUX_EPOLLONESHOT) != 0)
        item->events &= EPOLL_HOW;
    else if ((asked->events & LINUX_EPOLLET) == 0)
        (void)make_ready(item, EPOLL_ANY);
    spinlock_unlock(&item->epoll->lock);
}

/* As if it had not been asked. */
static void put_back(struct epoll_item *item, const struct epoll_item *asked) {
    spinlock_lock(&item->epoll->lock);
    if (make_ready(item, asked->reasons)) {
        list_remove(&item->ready);
        list_prepend(&item->epoll->ready, &item->ready);
    }
    spinlock_unlock(&item->epoll->lock);
}

/* 1: an event was written; 0: there was none; -LINUX_EFAULT. */
static int collect_one(struct epoll_item *item, const struct epoll_item *asked, uint64_t to) {
    uint32_t mask = epoll_item_ask(item, asked->events);
    if (!is_new(mask, asked->events, asked->reasons))
        return 0;
    struct linux_epoll_event event = {.events = mask, .data = asked->data};
    if (!process_write(to, &event, sizeof(event))) {
        put_back(item, asked);
        return -LINUX_EFAULT;
    }
    settle(item, asked);
    return 1;
}

static void begin_scan(struct epoll *epoll) {
    spinlock_lock(&epoll->lock);
    epoll->scan++;
    spinlock_unlock(&epoll->lock);
}

int64_t epoll_collect(struct epoll *epoll, uint64_t to, uint32_t most) {
    struct epoll_item asked, *item;
    int64_t count = 0;
    int status = 0;
    begin_scan(epoll);
    while (count < most && status >= 0 && (item = next_ready(epoll, &asked)) != NULL) {
        status = collect_one(item, &asked, to + (uint64_t)count * sizeof(struct linux_epoll_event));
        count += status > 0;
        epoll_item_drop(item);
    }
    return count > 0 ? count : status < 0 ? status : 0;
}

/* Is any of the ready ones really so? What it finds stays in the list. */
static uint32_t poll(struct open_file *file, struct wait_queue **queues) {
    struct epoll *epoll = file->object;
    struct epoll_item asked, *item;
    bool is_ready = false;
    queues[FILE_QUEUE_READ] = &epoll->changed;
    sleep_lock_take(&epoll->scanning, epoll->vfs->machine);
    begin_scan(epoll);
    while (!is_ready && (item = next_ready(epoll, &asked)) != NULL) {
        is_ready = is_new(epoll_item_ask(item, asked.events), asked.events, asked.reasons);
        if (is_ready)
            put_back(item, &asked);
        epoll_item_drop(item);
    }
    sleep_lock_give_up(&epoll->scanning, epoll->vfs->machine);
    return is_ready ? LINUX_POLLIN | LINUX_POLLRDNORM : 0;
}

static void close(struct open_file *file) {
    epoll_close(file->object);
}

static int64_t control(struct open_file *file, uint32_t request, uint64_t argument) {
    (void)file;
    (void)request;
    (void)argument;
    return -LINUX_EINVAL;
}

const struct file_operations epoll_operations = {
    .poll = poll, .close = close, .control = control, .name = "anon_inode:[eventpoll]"};

/* ---- items ---- */

static void leave_queues(struct epoll_item *item) {
    for (uint32_t i = 0; i < FILE_QUEUES; i++)
        wait_remove(&item->entries[i].entry);
}

/* Out of the set. The lock is not held. */
static void end_membership(struct epoll_item *item) {
    spinlock_lock(&item->epoll->lock);
    bool was_member = take_out(item);
    spinlock_unlock(&item->epoll->lock);
    if (was_member)
        epoll_item_drop(item);
}

/* The file ends. It has its queues until this returns. */
static void gone(struct file_watch *watch) {
    struct epoll_item *item = list_item(watch, struct epoll_item, watch);
    leave_queues(item);
    epoll_nests_remove(item);
    end_membership(item);
    epoll_item_drop(item);
}

/* Unless the file ends at this moment: then `gone` does the same. */
static void detach(struct epoll_item *item) {
    struct vfs *vfs = item->epoll->vfs;
    struct open_file *file = item->file;
    bool is_alive = file_watch_hold(vfs, &item->watch);
    if (is_alive) {
        leave_queues(item);
        epoll_nests_remove(item);
        file_watch_remove(vfs, &item->watch);
    }
    end_membership(item);
    if (!is_alive)
        return;
    epoll_item_drop(item);
    file_unref(file);
}

void epoll_close(struct epoll *epoll) {
    for (;;) {
        spinlock_lock(&epoll->lock);
        struct epoll_item *item = epoll->items != NULL ? list_item(epoll->items, struct epoll_item, node) : NULL;
        if (item == NULL)
            break;
        item->references++;
        spinlock_unlock(&epoll->lock);
        detach(item);
        epoll_item_drop(item);
    }
    drop_holder(epoll);
}

/* A member from now on, unless there is one already. References: of membership and of the watch. */
static int insert(struct epoll *epoll, struct epoll_item *item) {
    struct item_key key = {.file = item->file, .number = item->number};
    int status = 0;
    spinlock_lock(&epoll->lock);
    if (find(epoll, item->file, item->number) != NULL)
        status = -LINUX_EEXIST;
    else if (epoll->count >= EPOLL_ITEMS_MAX)
        status = -LINUX_ENOSPC;
    if (status == 0) {
        tree_insert(&epoll->items, &kind, &key, &item->node);
        item->is_member = true;
        item->references = 2;
        epoll->count++;
        epoll->holders++;
    }
    spinlock_unlock(&epoll->lock);
    return status;
}

/* Told of all that changes from now on; what is so already is found by asking after that. */
static void enter_queues(struct epoll_item *item) {
    static const uint32_t reasons[FILE_QUEUES] = {
        [FILE_QUEUE_READ] = EPOLL_MAY_READ, [FILE_QUEUE_WRITE] = EPOLL_MAY_WRITE};
    struct wait_queue *queues[FILE_QUEUES];
    (void)file_poll(item->file, queues);
    bool has_one = queues[FILE_QUEUE_WRITE] == NULL;
    for (uint32_t i = 0; i < FILE_QUEUES; i++) {
        item->entries[i] = (struct epoll_entry){
            .entry = {.woken = tell}, .item = item, .reason = has_one ? (uint32_t)EPOLL_ANY : reasons[i]};
        if (queues[i] != NULL)
            wait_add(queues[i], &item->entries[i].entry);
    }
}

/* It may be so already, whatever it was told. */
static void look(struct epoll_item *item, uint32_t events) {
    struct epoll *epoll = item->epoll;
    struct wait_queue *queues[FILE_QUEUES];
    if ((file_poll(item->file, queues) & events) == 0)
        return;
    spinlock_lock(&epoll->lock);
    bool is_ready = make_ready(item, EPOLL_ANY);
    spinlock_unlock(&epoll->lock);
    if (is_ready)
        wait_wake(&epoll->changed);
}

int epoll_add(struct epoll *epoll, struct open_file *file, int32_t number, const struct linux_epoll_event *event) {
    const struct vfs_machine *machine = epoll->vfs->machine;
    struct epoll_item *item = machine_take(machine, sizeof(*item));
    if (item == NULL)
        return -LINUX_ENOMEM;
    *item = (struct epoll_item){.watch = {.gone = gone},
                                .epoll = epoll,
                                .file = file,
                                .number = number,
                                .events = event->events | ALWAYS,
                                .data = event->data};
    int status = file->operations == &epoll_operations ? epoll_nests_add(item, file->object) : 0;
    if (status == 0)
        status = insert(epoll, item);
    if (status != 0) {
        epoll_nests_remove(item);
        machine_give_back(machine, item, sizeof(*item));
        return status;
    }
    enter_queues(item);
    file_watch_add(&item->watch, file);
    look(item, item->events);
    return 0;
}

int epoll_change(struct epoll *epoll, struct open_file *file, int32_t number, const struct linux_epoll_event *event) {
    int status = 0;
    spinlock_lock(&epoll->lock);
    struct epoll_item *item = find(epoll, file, number);
    if (item == NULL)
        status = -LINUX_ENOENT;
    else if ((item->events & LINUX_EPOLLEXCLUSIVE) != 0)
        status = -LINUX_EINVAL;
    if (status == 0) {
        item->events = event->events | ALWAYS;
        item->data = event->data;
    }
    spinlock_unlock(&epoll->lock);
    if (status == 0)
        look(item, event->events | ALWAYS); /* nobody takes it out: `scanning` and the file are held */
    return status;
}

int epoll_remove(struct epoll *epoll, struct open_file *file, int32_t number) {
    spinlock_lock(&epoll->lock);
    struct epoll_item *item = find(epoll, file, number);
    if (item != NULL)
        item->references++;
    spinlock_unlock(&epoll->lock);
    if (item == NULL)
        return -LINUX_ENOENT;
    detach(item);
    epoll_item_drop(item);
    return 0;
}
