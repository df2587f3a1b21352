/* The table of machine objects: see objects.h. */
#include "kernel/services/containers/objects.h"

#include "kernel/services/vfs/errors.h"

#define PLACE_BITS 17u
#define PLACE_MASK ((1u << PLACE_BITS) - 1)
#define USES_MASK 0x1fffu /* so that a number is never negative */

int objects_init(struct objects *objects, const struct vfs_machine *machine, uint32_t capacity) {
    struct object_entry *entries = machine_take(machine, capacity * sizeof(*entries));
    if (entries == NULL)
        return -LINUX_ENOMEM;
    *objects =
        (struct objects){.entries = entries, .capacity = capacity, .first_free = capacity, .last_free = capacity};
    return 0;
}

void objects_deinit(struct objects *objects, const struct vfs_machine *machine) {
    for (uint32_t place = 0; place < objects->touched; place++)
        if (objects->entries[place].file != NULL)
            file_unref(objects->entries[place].file);
    machine_give_back(machine, objects->entries, objects->capacity * sizeof(*objects->entries));
    *objects = (struct objects){0};
}

bool objects_have_room(const struct objects *objects, uint32_t count) {
    return objects->capacity - objects->used >= count;
}

/* Places that were never used come first: the longer a closed number stays unused, the better. */
static struct object_entry *take_place(struct objects *objects) {
    struct object_entry *entry;
    if (objects->touched < objects->capacity) {
        entry = &objects->entries[objects->touched++];
        *entry = (struct object_entry){0};
        return entry;
    }
    if (objects->first_free == objects->capacity)
        return NULL;
    entry = &objects->entries[objects->first_free];
    objects->first_free = entry->next_free;
    if (objects->first_free == objects->capacity)
        objects->last_free = objects->capacity;
    return entry;
}

int objects_add(struct objects *objects, struct open_file *file, machine_object *object) {
    struct object_entry *entry = take_place(objects);
    if (entry == NULL)
        return GROVE_NO_DESCRIPTORS;
    entry->file = file;
    entry->uses = (entry->uses + 1) & USES_MASK;
    objects->used++;
    *object = (machine_object)(entry->uses << PLACE_BITS | (uint32_t)(entry - objects->entries));
    return GROVE_OK;
}

static struct object_entry *find(struct objects *objects, machine_object object) {
    uint32_t number = (uint32_t)object, place = number & PLACE_MASK;
    struct object_entry *entry = place < objects->touched ? &objects->entries[place] : NULL;
    if (object >= 0 && entry != NULL && entry->file != NULL && entry->uses == number >> PLACE_BITS)
        return entry;
    objects->stale++;
    return NULL;
}

struct open_file *objects_find(struct objects *objects, machine_object object) {
    const struct object_entry *entry = find(objects, object);
    return entry != NULL ? entry->file : NULL;
}

struct open_file *objects_take(struct objects *objects, machine_object object) {
    struct object_entry *entry = find(objects, object);
    if (entry == NULL)
        return NULL;
    struct open_file *file = entry->file;
    uint32_t place = (uint32_t)(entry - objects->entries);
    entry->file = NULL;
    entry->next_free = objects->capacity;
    if (objects->last_free == objects->capacity)
        objects->first_free = place;
    else
        objects->entries[objects->last_free].next_free = place;
    objects->last_free = place;
    objects->used--;
    return file;
}
