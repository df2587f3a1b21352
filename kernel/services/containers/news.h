/*
 * News for the core from contexts that do not take its lock: a bit for each kind, on a thing that is queued once.
 */
#ifndef GROVE_CONTAINERS_NEWS_H
#define GROVE_CONTAINERS_NEWS_H

#include "kernel/core/list.h"
#include "kernel/services/vfs/machine.h"

#include <stdbool.h>

enum news_bits {
    NEWS_RUNS = 1,
    NEWS_FAILED = 2,
    NEWS_FROZEN = 4,
    NEWS_ENDED = 8,
    NEWS_LIMIT = 128, /* of an allowance (warnings.h) */
    NEWS_READY = 64, /* what it said on its readiness socket (notify.h) */
    NEWS_ROOM = 16, /* of a port, as the next */
    NEWS_HUNG_UP = 32,
};

enum news_kind { NEWS_OF_INSTANCE, NEWS_OF_PORT, NEWS_OF_LIMITS };

/* Part of what it is about, which stays while it is queued. */
struct news {
    struct list link;
    enum news_kind kind;
    uint32_t bits;
};

struct news_queue {
    struct spinlock lock;
    struct list queue;
    bool is_due; /* the core has work */
    struct wait_queue changed; /* the thread waits there */
};

void news_init(struct news_queue *queue);
/* Locked by the caller, as news_take. Queues it if it is not. */
void news_add(struct news_queue *queue, const struct vfs_machine *machine, struct news *news, uint32_t bits);
/* The next one, taken off with all its bits; NULL: there is none. */
struct news *news_take(struct news_queue *queue, uint32_t *bits);
/* Take this one off, if it is on. Returns its bits; 0: it was not. Locks. */
uint32_t news_take_off(struct news_queue *queue, struct news *news);
/* Wake the thread. Locks. */
void news_call(struct news_queue *queue, const struct vfs_machine *machine);
/* Sleep until there is something, or a moment. Locks. */
void news_wait(struct news_queue *queue, const struct vfs_machine *machine, uint64_t until_ns);

#endif
