/*
 * A table of pointers by a small number: a container's index, a descriptor. It grows to the largest number used and does
 * not shrink. One thread; a table of zeroes is empty. What the pointers lead to is their user's.
 */
#ifndef GROVE_LINUX_SLOTS_H
#define GROVE_LINUX_SLOTS_H

#include <stdint.h>

struct slots {
    void **at;
    uint32_t count; /* numbers below this have a place */
};

/* Have a place for a number, so that slots_set cannot fail. GROVE_NO_MEMORY. */
int slots_reach(struct slots *slots, uint32_t number);
/* The number was reached before; NULL empties its place. */
void slots_set(struct slots *slots, uint32_t number, void *pointer);
/* NULL where nothing was set. */
void *slots_get(const struct slots *slots, uint32_t number);
void slots_deinit(struct slots *slots);

#endif
