/* What all memory objects have in common: see object.h. */
#include "kernel/machine/bare/mm/object.h"

#include "kernel/machine/bare/mm/areas.h"
#include "kernel/machine/bare/mm/space_inside.h"

void memory_object_init(struct memory_object *object, const struct memory_object_operations *operations,
                        uint32_t flags) {
    *object = (struct memory_object){.operations = operations, .references = 1, .flags = flags};
    list_init(&object->mappings);
}

struct memory_object *memory_object_ref(struct memory_object *object) {
    __atomic_add_fetch(&object->references, 1, __ATOMIC_RELAXED);
    return object;
}

bool memory_object_try_ref(struct memory_object *object) {
    uint32_t now = __atomic_load_n(&object->references, __ATOMIC_RELAXED);
    while (now > 0)
        if (__atomic_compare_exchange_n(&object->references, &now, now + 1, true, __ATOMIC_RELAXED, __ATOMIC_RELAXED))
            return true;
    return false;
}

void memory_object_unref(struct memory_object *object) {
    /* Whoever takes the last one sees what all others did with it. */
    if (object != NULL && __atomic_sub_fetch(&object->references, 1, __ATOMIC_ACQ_REL) == 0)
        object->operations->release(object);
}

static uint64_t larger(uint64_t a, uint64_t b) {
    return a > b ? a : b;
}

static uint64_t least(uint64_t a, uint64_t b) {
    return a < b ? a : b;
}

void memory_object_cut(struct memory_object *object, uint64_t first, uint64_t end) {
    /* Pairs with the load in space_fault: a page that it got before this is either not put into a table, or found there. */
    __atomic_add_fetch(&object->cuts, 1, __ATOMIC_SEQ_CST);
    share_lock_take(&object->mappings_lock);
    for (struct list *link = object->mappings.next; link != &object->mappings; link = link->next) {
        const struct area *area = list_item(link, struct area, mapping);
        uint64_t from = area->offset / PAGE_BYTES, to = from + (area->end - area->start) / PAGE_BYTES;
        from = larger(from, first);
        to = least(to, end);
        if (from < to)
            space_drop_pages(area->space, area->start + from * PAGE_BYTES - area->offset,
                             area->start + to * PAGE_BYTES - area->offset);
    }
    share_lock_give_up(&object->mappings_lock);
}
