/*
 * Timers of the loop, see heap.h.
 *
 * Invariant: for every used slot s, timers[s.position].number carries s; timers[0, count) is a heap under `is_before`.
 * Both arrays grow by doubling and have the same capacity, since every timer has one slot.
 */
#include "kernel/machine/linux/loop/heap.h"

#include "grove/abi/status.h"

#include <stdlib.h>
#include <string.h>

#define NO_SLOT UINT32_MAX

void heap_init(struct heap *heap) {
    memset(heap, 0, sizeof *heap);
    heap->first_free = NO_SLOT;
}

void heap_deinit(struct heap *heap) {
    free(heap->timers);
    free(heap->slots);
    heap_init(heap);
}

static bool is_before(const struct heap_timer *a, const struct heap_timer *b) {
    return a->when_ns != b->when_ns ? a->when_ns < b->when_ns : a->order < b->order;
}

static struct heap_slot *slot_of(struct heap *heap, uint64_t number) {
    uint32_t index = (uint32_t)number;
    if (index >= heap->slots_made)
        return NULL;
    struct heap_slot *slot = &heap->slots[index];
    return slot->is_used && slot->generation == number >> 32 ? slot : NULL;
}

static void put(struct heap *heap, uint32_t position, const struct heap_timer *timer) {
    heap->timers[position] = *timer;
    heap->slots[(uint32_t)timer->number].position = position;
}

static void sift_up(struct heap *heap, uint32_t position) {
    struct heap_timer moving = heap->timers[position];
    while (position > 0) {
        uint32_t parent = (position - 1) / 2;
        if (!is_before(&moving, &heap->timers[parent]))
            break;
        put(heap, position, &heap->timers[parent]);
        position = parent;
    }
    put(heap, position, &moving);
}

static void sift_down(struct heap *heap, uint32_t position) {
    struct heap_timer moving = heap->timers[position];
    for (;;) {
        uint32_t child = 2 * position + 1;
        if (child >= heap->count)
            break;
        if (child + 1 < heap->count && is_before(&heap->timers[child + 1], &heap->timers[child]))
            child++;
        if (!is_before(&heap->timers[child], &moving))
            break;
        put(heap, position, &heap->timers[child]);
        position = child;
    }
    put(heap, position, &moving);
}

static int grow(struct heap *heap) {
    uint32_t capacity = heap->capacity == 0 ? 32 : heap->capacity * 2;
    struct heap_timer *timers = realloc(heap->timers, capacity * sizeof *timers);
    if (timers == NULL)
        return GROVE_NO_MEMORY;
    heap->timers = timers;
    struct heap_slot *slots = realloc(heap->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return GROVE_NO_MEMORY;
    heap->slots = slots;
    heap->capacity = capacity;
    return 0;
}

static uint32_t take_slot(struct heap *heap) {
    uint32_t index = heap->first_free;
    if (index != NO_SLOT) {
        heap->first_free = heap->slots[index].next_free;
    } else {
        index = heap->slots_made++;
        heap->slots[index] = (struct heap_slot){.generation = 1};
    }
    heap->slots[index].is_used = true;
    return index;
}

static void remove_at(struct heap *heap, uint32_t position) {
    uint32_t index = (uint32_t)heap->timers[position].number;
    struct heap_slot *slot = &heap->slots[index];
    slot->is_used = false;
    slot->generation++;
    slot->next_free = heap->first_free;
    heap->first_free = index;
    heap->count--;
    if (position == heap->count)
        return;
    put(heap, position, &heap->timers[heap->count]);
    sift_down(heap, position);
    sift_up(heap, position);
}

int heap_add(struct heap *heap, uint64_t when_ns, loop_timer *handler, void *context, uint64_t *number) {
    if (heap->count == heap->capacity) {
        int status = grow(heap);
        if (status < 0)
            return status;
    }
    uint32_t index = take_slot(heap);
    struct heap_timer timer = {
        .when_ns = when_ns,
        .order = heap->next_order++,
        .number = (uint64_t)heap->slots[index].generation << 32 | index,
        .handler = handler,
        .context = context,
    };
    put(heap, heap->count++, &timer);
    sift_up(heap, heap->count - 1);
    *number = timer.number;
    return 0;
}

void heap_cancel(struct heap *heap, uint64_t number) {
    const struct heap_slot *slot = slot_of(heap, number);
    if (slot != NULL)
        remove_at(heap, slot->position);
}

uint64_t heap_next(const struct heap *heap) {
    return heap->count == 0 ? UINT64_MAX : heap->timers[0].when_ns;
}

bool heap_take_due(struct heap *heap, uint64_t now_ns, uint64_t order_limit, struct heap_timer *timer) {
    if (heap->count == 0 || heap->timers[0].when_ns > now_ns || heap->timers[0].order >= order_limit)
        return false;
    *timer = heap->timers[0];
    remove_at(heap, 0);
    return true;
}
