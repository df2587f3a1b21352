/* News for the core: see news.h. */
#include "kernel/services/containers/news.h"

void news_init(struct news_queue *queue) {
    *queue = (struct news_queue){.is_due = false};
    list_init(&queue->queue);
}

void news_add(struct news_queue *queue, const struct vfs_machine *machine, struct news *news, uint32_t bits) {
    if (!list_is_linked(&news->link))
        list_append(&queue->queue, &news->link);
    news->bits |= bits;
    machine->wake(machine->context, &queue->changed);
}

struct news *news_take(struct news_queue *queue, uint32_t *bits) {
    struct news *news = list_first_item(&queue->queue, struct news, link);
    if (news == NULL)
        return NULL;
    list_remove(&news->link);
    *bits = news->bits;
    news->bits = 0;
    return news;
}

uint32_t news_take_off(struct news_queue *queue, struct news *news) {
    spinlock_lock(&queue->lock);
    uint32_t bits = news->bits;
    if (list_is_linked(&news->link))
        list_remove(&news->link);
    news->bits = 0;
    spinlock_unlock(&queue->lock);
    return bits;
}

void news_call(struct news_queue *queue, const struct vfs_machine *machine) {
    spinlock_lock(&queue->lock);
    queue->is_due = true;
    machine->wake(machine->context, &queue->changed);
    spinlock_unlock(&queue->lock);
}

void news_wait(struct news_queue *queue, const struct vfs_machine *machine, uint64_t until_ns) {
    spinlock_lock(&queue->lock);
    if (list_is_empty(&queue->queue) && !queue->is_due)
        (void)machine_sleep_until(machine, &queue->changed, &queue->lock, until_ns);
    queue->is_due = false;
    spinlock_unlock(&queue->lock);
}
