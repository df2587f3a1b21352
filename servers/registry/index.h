/*
 * Who has what: sets of records, each in the order of registration.
 *
 *     all   by state   by kind of capability   by tag   by project (and those above it)   by owner   by required endpoint
 *
 * A set is an array of pointers ordered by the records' numbers. Appending what was registered last, and finding the place
 * of a number, takes no longer in a large set; taking one out of the middle moves what follows, 8 bytes for each, which for
 * ten thousand services is a few microseconds. So a search begins anywhere and goes on where it stopped, whatever has come
 * and gone meanwhile.
 *
 * Invariant: a record that is in has its place in each set that its spec, owner and state name, and in no other. Room for a
 * change of state is made when the record comes in: afterwards only index_add can fail.
 */
#ifndef SERVERS_REGISTRY_INDEX_H
#define SERVERS_REGISTRY_INDEX_H

#include "grove/registry.h"
#include "servers/common/name_table.h"

struct record;

struct record_set {
    struct record **records;
    uint32_t count, size;
    char *key; /* of those in a table; behind the set */
};

/* Zero is an empty index. */
struct record_index {
    struct record_set all;
    struct record_set states[GROVE_SERVICE_STATE_COUNT];
    struct record_set capabilities[GROVE_CAP_KIND_COUNT];
    struct name_table tags, projects, owners, requirers; /* of struct record_set */
};

/* By the record's number, spec, owner and state. GROVE_NO_MEMORY, and then it is in none. */
int index_add(struct record_index *index, struct record *record);
void index_remove(struct record_index *index, struct record *record);
/* The record's state was `before`. */
void index_state_changed(struct record_index *index, struct record *record, uint32_t before);
/* NULL: no record has it. */
const struct record_set *index_find(const struct name_table *table, const char *key);
/* The place of the first record with this number or a larger one. */
uint32_t index_place(const struct record_set *set, uint64_t number);
void index_deinit(struct record_index *index);

#endif
