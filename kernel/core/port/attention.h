/*
 * What a container still has to be told, as state and not as messages.
 *
 * News about channels, about the states of owned containers and about endpoints that are wanted can come in any number
 * from others, so they are not queued: the object that has news is linked into the attention list of the container that
 * wants to know, once, and the packet is made from the object's present state when the port has room. That needs no
 * memory, cannot overrun, and a reader that is slow sees the latest state.
 */
#ifndef GROVE_CORE_ATTENTION_H
#define GROVE_CORE_ATTENTION_H

#include "kernel/core/list.h"

#include <stdint.h>

enum attention_kind { ATTENTION_CHANNEL, ATTENTION_STATE, ATTENTION_WANTED, ATTENTION_KINDS };

struct attention {
    struct list link;
    uint32_t kind; /* enum attention_kind */
};

struct core;
struct container;

/*
 * Have `to` told of it as soon as its port has room; nothing happens if it is to be told already. Removing the link takes
 * it back.
 */
void attention_raise(struct core *core, struct container *to, struct attention *attention, enum attention_kind kind);

#endif
