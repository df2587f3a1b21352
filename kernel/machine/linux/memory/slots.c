/* A growing table of pointers; see slots.h. */
#include "kernel/machine/linux/memory/slots.h"

#include "grove/abi/status.h"

#include <stdlib.h>

#define SLOTS_FIRST 64u

int slots_reach(struct slots *slots, uint32_t number) {
    if (number < slots->count)
        return 0;
    uint32_t wanted = slots->count == 0 ? SLOTS_FIRST : slots->count;
    while (wanted <= number)
        wanted *= 2;
    void **grown = realloc(slots->at, wanted * sizeof *grown);
    if (grown == NULL)
        return GROVE_NO_MEMORY;
    for (uint32_t i = slots->count; i < wanted; i++)
        grown[i] = NULL;
    slots->at = grown;
    slots->count = wanted;
    return 0;
}

void slots_set(struct slots *slots, uint32_t number, void *pointer) {
    slots->at[number] = pointer;
}

void *slots_get(const struct slots *slots, uint32_t number) {
    return number < slots->count ? slots->at[number] : NULL;
}

void slots_deinit(struct slots *slots) {
    free(slots->at);
    *slots = (struct slots){0};
}
