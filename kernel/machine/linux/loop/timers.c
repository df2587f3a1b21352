/*
 * Timers of the loop, see timers.h.
 *
 * Invariant: for every used slot s, entries[s.position].number carries s; entries[0, count) is a heap under `is_before`.
 * Both arrays grow by doubling and have the same capacity, since every timer has one slot.
 */
#include "kernel/machine/linux/loop/timers.h"

#include "grove/abi/status.h"

#include <stdlib.h>
#include <string.h>

#define NO_SLOT UINT32_MAX

void loop_timers_init(struct loop_timers *timers) {
    memset(timers, 0, sizeof *timers);
    timers->first_free = NO_SLOT;
}

void loop_timers_deinit(struct loop_timers *timers) {
    free(timers->entries);
    free(timers->slots);
    loop_timers_init(timers);
}

static bool is_before(const struct timer_entry *a, const struct timer_entry *b) {
    return a->when_ns != b->when_ns ? a->when_ns < b->when_ns : a->order < b->order;
}

static struct timer_slot *slot_of(struct loop_timers *timers, uint64_t number) {
    uint32_t index = (uint32_t)number;
    if (index >= timers->slots_made)
        return NULL;
    struct timer_slot *slot = &timers->slots[index];
    return slot->is_used && slot->generation == number >> 32 ? slot : NULL;
}

static void put(struct loop_timers *timers, uint32_t position, const struct timer_entry *timer) {
    timers->entries[position] = *timer;
    timers->slots[(uint32_t)timer->number].position = position;
}

static void sift_up(struct loop_timers *timers, uint32_t position) {
    struct timer_entry moving = timers->entries[position];
    while (position > 0) {
        uint32_t parent = (position - 1) / 2;
        if (!is_before(&moving, &timers->entries[parent]))
            break;
        put(timers, position, &timers->entries[parent]);
        position = parent;
    }
    put(timers, position, &moving);
}

static void sift_down(struct loop_timers *timers, uint32_t position) {
    struct timer_entry moving = timers->entries[position];
    for (;;) {
        uint32_t child = 2 * position + 1;
        if (child >= timers->count)
            break;
        if (child + 1 < timers->count && is_before(&timers->entries[child + 1], &timers->entries[child]))
            child++;
        if (!is_before(&timers->entries[child], &moving))
            break;
        put(timers, position, &timers->entries[child]);
        position = child;
    }
    put(timers, position, &moving);
}

static int grow(struct loop_timers *timers) {
    uint32_t capacity = timers->capacity == 0 ? 32 : timers->capacity * 2;
    struct timer_entry *entries = realloc(timers->entries, capacity * sizeof *entries);
    if (entries == NULL)
        return GROVE_NO_MEMORY;
    timers->entries = entries;
    struct timer_slot *slots = realloc(timers->slots, capacity * sizeof *slots);
    if (slots == NULL)
        return GROVE_NO_MEMORY;
    timers->slots = slots;
    timers->capacity = capacity;
    return 0;
}

static uint32_t take_slot(struct loop_timers *timers) {
    uint32_t index = timers->first_free;
    if (index != NO_SLOT) {
        timers->first_free = timers->slots[index].next_free;
    } else {
        index = timers->slots_made++;
        timers->slots[index] = (struct timer_slot){.generation = 1};
    }
    timers->slots[index].is_used = true;
    return index;
}

static void remove_at(struct loop_timers *timers, uint32_t position) {
    uint32_t index = (uint32_t)timers->entries[position].number;
    struct timer_slot *slot = &timers->slots[index];
    slot->is_used = false;
    slot->generation++;
    slot->next_free = timers->first_free;
    timers->first_free = index;
    timers->count--;
    if (position == timers->count)
        return;
    put(timers, position, &timers->entries[timers->count]);
    sift_down(timers, position);
    sift_up(timers, position);
}

int loop_timers_add(struct loop_timers *timers, uint64_t when_ns, loop_timer *handler, void *context,
                    uint64_t *number) {
    if (timers->count == timers->capacity) {
        int status = grow(timers);
        if (status < 0)
            return status;
    }
    uint32_t index = take_slot(timers);
    struct timer_entry timer = {
        .when_ns = when_ns,
        .order = timers->next_order++,
        .number = (uint64_t)timers->slots[index].generation << 32 | index,
        .handler = handler,
        .context = context,
    };
    put(timers, timers->count++, &timer);
    sift_up(timers, timers->count - 1);
    *number = timer.number;
    return 0;
}

void loop_timers_cancel(struct loop_timers *timers, uint64_t number) {
    const struct timer_slot *slot = slot_of(timers, number);
    if (slot != NULL)
        remove_at(timers, slot->position);
}

uint64_t loop_timers_next(const struct loop_timers *timers) {
    return timers->count == 0 ? UINT64_MAX : timers->entries[0].when_ns;
}

bool loop_timers_take_due(struct loop_timers *timers, uint64_t now_ns, uint64_t order_limit,
                          struct timer_entry *timer) {
    if (timers->count == 0 || timers->entries[0].when_ns > now_ns || timers->entries[0].order >= order_limit)
        return false;
    *timer = timers->entries[0];
    remove_at(timers, 0);
    return true;
}
