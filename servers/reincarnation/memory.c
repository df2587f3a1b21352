/*
 * The ladders of all services that ever failed, in the state region. Written by one thread in plain stores: a death in the
 * middle of one leaves a ladder a step too low or too high, which is harmless. Without a region they lie in private
 * memory, and a new instance begins at the bottom of all ladders.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "servers/common/names.h"
#include "servers/reincarnation/reincarnation.h"

#define MEMORY_MAGIC UINT64_C(0x314e434e52475247) /* "GRGRNCN1" */
#define MEMORY_MAX 1024u

static struct memory {
    uint64_t magic;
    struct remembered services[MEMORY_MAX];
} * memory;

int memory_open(struct grove_session *session) {
    struct grove_region *region;
    bool is_fresh = true;
    if (grove_region_state(session, sizeof *memory, &region, &is_fresh) == 0)
        memory = grove_region_data(region, NULL);
    else
        (void)fprintf(stderr, "reincarnation: no state region, a restart begins at the bottom of all ladders: %s\n",
                      grove_last_error());
    if (memory == NULL)
        memory = calloc(1, sizeof *memory);
    if (memory == NULL)
        return GROVE_NO_MEMORY;
    if (memory->magic != MEMORY_MAGIC && !is_fresh)
        memset(memory, 0, sizeof *memory);
    memory->magic = MEMORY_MAGIC;
    return 0;
}

struct remembered *memory_find(const char *service) {
    for (uint32_t index = 0; index < MEMORY_MAX && memory->services[index].service.text[0] != '\0'; index++)
        if (strcmp(memory->services[index].service.text, service) == 0)
            return &memory->services[index];
    return NULL;
}

/* Places are taken from the front, and never given back but to another. */
struct remembered *memory_take(const char *service) {
    struct remembered *quietest = &memory->services[0], *known = memory_find(service);
    if (known != NULL)
        return known;
    for (uint32_t index = 0; index < MEMORY_MAX; index++) {
        struct remembered *place = &memory->services[index];
        if (place->service.text[0] == '\0' || place->last_ns < quietest->last_ns)
            quietest = place;
        if (place->service.text[0] == '\0')
            break;
    }
    memset(quietest, 0, sizeof *quietest);
    name_set(&quietest->service, service);
    return quietest;
}

const struct remembered *memory_next(uint32_t *cursor) {
    if (*cursor >= MEMORY_MAX || memory->services[*cursor].service.text[0] == '\0')
        return NULL;
    return &memory->services[(*cursor)++];
}
