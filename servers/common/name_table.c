/*
 * Linear probing. Invariant: between a name's home slot (hash mod size) and its place no slot is free.
 */
#include "servers/common/name_table.h"

#include <stdlib.h>
#include <string.h>

#include "grove/abi/status.h"

#define SIZE_FIRST 64u

static uint64_t hash_of(const char *name) {
    uint64_t hash = UINT64_C(14695981039346656037); /* FNV-1a */
    for (; *name != '\0'; name++)
        hash = (hash ^ (unsigned char)*name) * UINT64_C(1099511628211);
    return hash ^ hash >> 32;
}

void name_table_deinit(struct name_table *table) {
    free(table->slots);
    *table = (struct name_table){0};
}

/* The slot that holds the name, or the free one where it would go. The table has a free slot. */
static struct name_slot *place_of(const struct name_table *table, const char *name, uint64_t hash) {
    size_t mask = table->size - 1;
    size_t index = hash & mask;
    while (table->slots[index].name != NULL &&
           (table->slots[index].hash != hash || strcmp(table->slots[index].name, name) != 0))
        index = (index + 1) & mask;
    return &table->slots[index];
}

void *name_table_find(const struct name_table *table, const char *name) {
    if (table->size == 0)
        return NULL;
    return place_of(table, name, hash_of(name))->value;
}

static int grow(struct name_table *table) {
    struct name_table larger = {.size = table->size == 0 ? SIZE_FIRST : table->size * 2, .used = table->used};
    larger.slots = calloc(larger.size, sizeof *larger.slots);
    if (larger.slots == NULL)
        return GROVE_NO_MEMORY;
    for (size_t index = 0; index < table->size; index++) {
        const struct name_slot *slot = &table->slots[index];
        if (slot->name != NULL)
            *place_of(&larger, slot->name, slot->hash) = *slot;
    }
    free(table->slots);
    *table = larger;
    return 0;
}

int name_table_add(struct name_table *table, const char *name, void *value) {
    if (name_table_find(table, name) != NULL)
        return GROVE_EXISTS;
    if ((table->used + 1) * 3 > table->size * 2) {
        int status = grow(table);
        if (status < 0)
            return status;
    }
    uint64_t hash = hash_of(name);
    *place_of(table, name, hash) = (struct name_slot){.name = name, .value = value, .hash = hash};
    table->used++;
    return 0;
}

/* May the entry at `index` move back to `hole` without passing its home slot? */
static int may_fill(const struct name_table *table, size_t hole, size_t index) {
    size_t mask = table->size - 1;
    size_t home = table->slots[index].hash & mask;
    return ((index - home) & mask) >= ((index - hole) & mask);
}

void *name_table_remove(struct name_table *table, const char *name) {
    if (table->size == 0)
        return NULL;
    struct name_slot *slot = place_of(table, name, hash_of(name));
    void *value = slot->value;
    if (slot->name == NULL)
        return NULL;
    size_t mask = table->size - 1;
    size_t hole = (size_t)(slot - table->slots);
    for (size_t index = (hole + 1) & mask; table->slots[index].name != NULL; index = (index + 1) & mask) {
        if (!may_fill(table, hole, index))
            continue;
        table->slots[hole] = table->slots[index];
        hole = index;
    }
    table->slots[hole] = (struct name_slot){0};
    table->used--;
    return value;
}
