/*
 * A hash table by name: finding one of 10,000 takes as long as finding one of ten.
 *
 * Open addressing with linear probing; at most two thirds full; removal shifts back, so there are no tombstones and the
 * table never degrades. The names belong to the values: a value stays in place, with its name unchanged, while it is in.
 */
#ifndef SERVERS_NAME_TABLE_H
#define SERVERS_NAME_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct name_slot {
    const char *name; /* NULL: free */
    void *value;
    uint64_t hash;
};
/* Zero is an empty table. */
struct name_table {
    struct name_slot *slots;
    size_t size; /* power of two, or 0 */
    size_t used;
};

void name_table_deinit(struct name_table *table);
/* NULL if there is none. */
void *name_table_find(const struct name_table *table, const char *name);
/* GROVE_EXISTS, GROVE_NO_MEMORY. */
int name_table_add(struct name_table *table, const char *name, void *value);
/* The value removed, or NULL. */
void *name_table_remove(struct name_table *table, const char *name);

#endif
