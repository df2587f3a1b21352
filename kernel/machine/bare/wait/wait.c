/* Queues of those who wait: see wait.h. */
#include "kernel/machine/bare/wait/wait.h"

#include <stddef.h>

void wait_add(struct wait_queue *queue, struct wait_entry *entry) {
    spinlock_lock(&queue->lock);
    entry->queue = queue;
    entry->previous = NULL;
    entry->next = queue->first;
    if (entry->next != NULL)
        entry->next->previous = entry;
    __atomic_store_n(&queue->first, entry, __ATOMIC_RELAXED);
    spinlock_unlock(&queue->lock);
    /* Pairs with the one in wait_wake: what the owner looks at is read after this. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

void wait_remove(struct wait_entry *entry) {
    struct wait_queue *queue = entry->queue;
    if (queue == NULL)
        return;
    spinlock_lock(&queue->lock);
    if (entry->next != NULL)
        entry->next->previous = entry->previous;
    if (entry->previous != NULL)
        entry->previous->next = entry->next;
    else
        __atomic_store_n(&queue->first, entry->next, __ATOMIC_RELAXED);
    entry->queue = NULL;
    spinlock_unlock(&queue->lock);
}

void wait_wake(struct wait_queue *queue) {
    __atomic_thread_fence(__ATOMIC_SEQ_CST); /* what was made true is seen before it is looked who waits */
    if (__atomic_load_n(&queue->first, __ATOMIC_RELAXED) == NULL)
        return;
    spinlock_lock(&queue->lock);
    for (struct wait_entry *entry = queue->first; entry != NULL; entry = entry->next)
        entry->woken(entry);
    spinlock_unlock(&queue->lock);
}
