#include "lib/service/timer.h"

#include "lib/session/error.h"

#include <stdlib.h>

#define SLOT_BITS 16
#define SLOT_MASK 0xffffu

static bool is_earlier(const struct timer_heap *heap, uint32_t a, uint32_t b) {
    return heap->timers[heap->heap[a]].due_ns < heap->timers[heap->heap[b]].due_ns;
}

static void swap(struct timer_heap *heap, uint32_t a, uint32_t b) {
    uint32_t slot = heap->heap[a];
    heap->heap[a] = heap->heap[b];
    heap->heap[b] = slot;
    heap->timers[heap->heap[a]].place = a;
    heap->timers[heap->heap[b]].place = b;
}

static void move_up(struct timer_heap *heap, uint32_t place) {
    while (place > 0 && is_earlier(heap, place, (place - 1) / 2)) {
        swap(heap, place, (place - 1) / 2);
        place = (place - 1) / 2;
    }
}

static void move_down(struct timer_heap *heap, uint32_t place) {
    for (;;) {
        uint32_t earliest = place;
        for (uint32_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap->count; child++)
            if (is_earlier(heap, child, earliest))
                earliest = child;
        if (earliest == place)
            return;
        swap(heap, place, earliest);
        place = earliest;
    }
}

static int grow(struct timer_heap *heap) {
    uint32_t capacity = heap->capacity == 0 ? 8 : heap->capacity * 2;
    if (heap->capacity >= TIMERS_MAX)
        return error_set(GROVE_EXHAUSTED, "a service has at most %u timers", TIMERS_MAX);
    capacity = capacity > TIMERS_MAX ? TIMERS_MAX : capacity;
    struct timer *timers = realloc(heap->timers, capacity * sizeof *timers);
    if (timers != NULL)
        heap->timers = timers;
    uint32_t *slots = realloc(heap->heap, capacity * sizeof *slots);
    if (slots != NULL)
        heap->heap = slots;
    if (timers == NULL || slots == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for a timer");
    for (uint32_t slot = heap->capacity; slot < capacity; slot++) {
        timers[slot] = (struct timer){.place = TIMER_FREE};
        slots[slot] = slot;
    }
    heap->capacity = capacity;
    return 0;
}

int timer_add(struct timer_heap *heap, const struct timer *timer, uint32_t *number) {
    int status = heap->count == heap->capacity ? grow(heap) : 0;
    if (status < 0)
        return status;
    uint32_t slot = heap->heap[heap->count];
    uint32_t uses = (heap->timers[slot].uses + 1) & SLOT_MASK;
    heap->timers[slot] = *timer;
    heap->timers[slot].uses = uses;
    heap->timers[slot].place = heap->count;
    heap->count++;
    move_up(heap, heap->count - 1);
    if (number != NULL)
        *number = uses << SLOT_BITS | slot;
    return 0;
}

static void take_out(struct timer_heap *heap, uint32_t place) {
    uint32_t slot = heap->heap[place];
    heap->count--;
    if (place != heap->count) {
        swap(heap, place, heap->count);
        move_up(heap, place);
        move_down(heap, place);
    }
    heap->timers[slot].place = TIMER_FREE;
}

void timer_cancel(struct timer_heap *heap, uint32_t number) {
    uint32_t slot = number & SLOT_MASK;
    if (slot < heap->capacity && heap->timers[slot].place != TIMER_FREE &&
        heap->timers[slot].uses == number >> SLOT_BITS)
        take_out(heap, heap->timers[slot].place);
}

uint64_t timer_next_ns(const struct timer_heap *heap) {
    return heap->count == 0 ? GROVE_FOREVER : heap->timers[heap->heap[0]].due_ns;
}

bool timer_take_due(struct timer_heap *heap, uint64_t now_ns, struct timer *due) {
    if (timer_next_ns(heap) > now_ns)
        return false;
    struct timer *first = &heap->timers[heap->heap[0]];
    *due = *first;
    if (first->period_ns == 0) {
        take_out(heap, 0);
    } else {
        /* On the grid of the first turn: no drift, and turns that were missed are not made up for. */
        first->due_ns += (1 + (now_ns - first->due_ns) / first->period_ns) * first->period_ns;
        move_down(heap, 0);
    }
    return true;
}

void timer_deinit(struct timer_heap *heap) {
    free(heap->timers);
    free(heap->heap);
    *heap = (struct timer_heap){0};
}
