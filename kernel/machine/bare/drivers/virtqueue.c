/* A split virtqueue: see virtqueue.h. */
#include "kernel/machine/bare/drivers/virtqueue.h"

#include "grove/abi/status.h"

#define FLAG_NEXT 1u
#define FLAG_WRITE 2u
#define USED_NO_NOTICE 1u

_Static_assert(VIRTQUEUE_OFFSET_AVAILABLE == (size_t)16 * VIRTQUEUE_SIZE_MAX, "as the standard has it");
_Static_assert(VIRTQUEUE_OFFSET_USED % 4 == 0, "as the standard wants it");

void virtqueue_init(struct virtqueue *queue, struct virtqueue_memory *memory, uint16_t size) {
    *queue = (struct virtqueue){.memory = memory, .size = size, .free_count = size};
    for (uint16_t i = 0; i < size; i++)
        queue->slots[i].next = i + 1 < size ? (uint16_t)(i + 1) : VIRTQUEUE_SIZE_NONE;
}

static uint16_t take_slot(struct virtqueue *queue) {
    uint16_t slot = queue->free_first;
    queue->free_first = queue->slots[slot].next;
    queue->free_count--;
    return slot;
}

/* The chain's descriptors, linked here and, for the device, there. Returns its head. */
static uint16_t fill(struct virtqueue *queue, const struct virtqueue_piece *pieces, uint16_t readable, uint16_t count) {
    uint16_t head = VIRTQUEUE_SIZE_NONE, before = VIRTQUEUE_SIZE_NONE;
    for (uint16_t i = 0; i < count; i++) {
        uint16_t slot = take_slot(queue);
        bool is_last = i + 1 == count;
        queue->memory->descriptors[slot] = (struct virtqueue_descriptor){
            .address = pieces[i].address,
            .size_bytes = pieces[i].size_bytes,
            .flags = (uint16_t)((is_last ? 0 : FLAG_NEXT) | (i >= readable ? FLAG_WRITE : 0))};
        if (before == VIRTQUEUE_SIZE_NONE)
            head = slot;
        else {
            queue->slots[before].next = slot;
            queue->memory->descriptors[before].next = slot;
        }
        before = slot;
    }
    return head;
}

static uint32_t sum(const struct virtqueue_piece *pieces, uint16_t count) {
    uint64_t bytes = 0;
    for (uint16_t i = 0; i < count; i++)
        bytes += pieces[i].size_bytes;
    return bytes < UINT32_MAX ? (uint32_t)bytes : UINT32_MAX;
}

int virtqueue_add(struct virtqueue *queue, const struct virtqueue_piece *pieces, uint16_t readable, uint16_t writable,
                  void *token) {
    uint16_t count = (uint16_t)(readable + writable);
    if (queue->is_broken)
        return GROVE_CLOSED;
    if (count > queue->free_count)
        return GROVE_NO_MEMORY;
    uint16_t head = fill(queue, pieces, readable, count);
    queue->slots[head].token = token;
    queue->slots[head].pieces = count;
    queue->slots[head].writable_bytes = sum(pieces + readable, writable);
    queue->memory->available.ring[queue->next_available++ % queue->size] = head;
    /* The device sees the chain before it sees that there is one. */
    __atomic_store_n(&queue->memory->available.index, queue->next_available, __ATOMIC_RELEASE);
    return 0;
}

bool virtqueue_wants_notice(const struct virtqueue *queue) {
    /* Pairs with the device's own: either it sees the new index, or its wish is seen here. */
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (__atomic_load_n(&queue->memory->used.flags, __ATOMIC_RELAXED) & USED_NO_NOTICE) == 0;
}

static int break_queue(struct virtqueue *queue) {
    queue->is_broken = true;
    return GROVE_INVALID;
}

static void give_slots_back(struct virtqueue *queue, uint16_t head) {
    uint16_t count = queue->slots[head].pieces, last = head;
    for (uint16_t i = 1; i < count; i++)
        last = queue->slots[last].next;
    queue->slots[last].next = queue->free_first;
    queue->free_first = head;
    queue->free_count = (uint16_t)(queue->free_count + count);
    queue->slots[head].token = NULL;
}

int virtqueue_take(struct virtqueue *queue, void **token, uint32_t *written_bytes) {
    if (queue->is_broken)
        return GROVE_CLOSED;
    uint16_t index = __atomic_load_n(&queue->memory->used.index, __ATOMIC_ACQUIRE);
    uint16_t waiting = (uint16_t)(index - queue->next_used);
    if (waiting == 0)
        return GROVE_NOT_FOUND;
    if (waiting > queue->size)
        return break_queue(queue);
    /* Each read once: it may change meanwhile. */
    uint16_t place = queue->next_used % queue->size;
    uint32_t head = __atomic_load_n(&queue->memory->used.ring[place].head, __ATOMIC_RELAXED);
    uint32_t written = __atomic_load_n(&queue->memory->used.ring[place].written_bytes, __ATOMIC_RELAXED);
    if (head >= queue->size || queue->slots[head].token == NULL || written > queue->slots[head].writable_bytes)
        return break_queue(queue);
    queue->next_used++;
    *token = queue->slots[head].token;
    *written_bytes = written;
    give_slots_back(queue, (uint16_t)head);
    return 0;
}
