/*
 * Which epoll watches which: see epoll.h. One lock guards this graph, which has no circles and is at most EPOLL_NESTS_MAX
 * deep, so that telling goes on in steps that end.
 */
#include "kernel/services/posix/files/epoll.h"

#define VISITS_MAX 500u /* of one search, as all hold the lock */

static struct spinlock nests;

/* How deep epolls lie below this one. More than EPOLL_NESTS_MAX: too deep, too many, or `wanted` is among them. */
static uint32_t depth_below(const struct epoll *epoll, const struct epoll *wanted, uint32_t limit, uint32_t *visits) {
    uint32_t deepest = 0;
    if (epoll == wanted || limit == 0 || ++*visits > VISITS_MAX)
        return EPOLL_NESTS_MAX + 1;
    for (struct list *link = epoll->watches_epolls.next; link != &epoll->watches_epolls; link = link->next) {
        const struct epoll_item *item = list_item(link, struct epoll_item, as_watcher);
        uint32_t depth = 1 + depth_below(item->file->object, wanted, limit - 1, visits);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

static uint32_t depth_above(const struct epoll *epoll, uint32_t limit, uint32_t *visits) {
    uint32_t deepest = 0;
    if (limit == 0 || ++*visits > VISITS_MAX)
        return EPOLL_NESTS_MAX + 1;
    for (struct list *link = epoll->watched_by.next; link != &epoll->watched_by; link = link->next) {
        const struct epoll_item *item = list_item(link, struct epoll_item, as_watched);
        uint32_t depth = 1 + depth_above(item->epoll, limit - 1, visits);
        deepest = depth > deepest ? depth : deepest;
    }
    return deepest;
}

int epoll_nests_add(struct epoll_item *item, struct epoll *watched) {
    uint32_t visits = 0, limit = EPOLL_NESTS_MAX + 1;
    spinlock_lock(&nests);
    uint32_t depth = 1 + depth_below(watched, item->epoll, limit, &visits) + depth_above(item->epoll, limit, &visits);
    bool is_good = depth <= EPOLL_NESTS_MAX;
    if (is_good) {
        list_append(&item->epoll->watches_epolls, &item->as_watcher);
        list_append(&watched->watched_by, &item->as_watched);
    }
    spinlock_unlock(&nests);
    return is_good ? 0 : -LINUX_ELOOP;
}

void epoll_nests_remove(struct epoll_item *item) {
    spinlock_lock(&nests);
    list_remove(&item->as_watcher);
    list_remove(&item->as_watched);
    spinlock_unlock(&nests);
}
