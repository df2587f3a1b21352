/*
 * Queues of those who wait for something to change: threads that sleep, and whoever watches for them (poll, epoll).
 *
 * Waking tells every entry and takes none off: who was told looks for itself whether what it waits for is so, and takes
 * its entry off. An entry is on one queue at most. The lock of a queue is inside of all locks but the scheduler's.
 */
#ifndef GROVE_BARE_WAIT_H
#define GROVE_BARE_WAIT_H

#include "kernel/machine/bare/spinlock.h"

struct wait_queue;

struct wait_entry {
    /* Called by whoever wakes, with the queue's lock held: it does not wait, and takes no entry on or off this queue. */
    void (*woken)(struct wait_entry *entry);
    struct wait_queue *queue; /* NULL: it is on none */
    struct wait_entry *next, *previous;
};

/* All zero: nobody waits. It stays where it is while somebody does. */
struct wait_queue {
    struct spinlock lock;
    struct wait_entry *first; /* atomic where it is read without the lock */
};

/* Put an entry that is on no queue, its `woken` set, on this one. */
void wait_add(struct wait_queue *queue, struct wait_entry *entry);
/* Take it off; nothing if it is on none. Once this has returned, `woken` is not called and not being called. */
void wait_remove(struct wait_entry *entry);
/*
 * Tell all that wait. What they look for was made true before this call; an entry that is added while this looks whether
 * there is any is told, or its owner, who looks after it has added itself, finds it true.
 */
void wait_wake(struct wait_queue *queue);

#endif
