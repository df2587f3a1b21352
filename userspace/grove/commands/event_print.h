/* How an event of the bus is shown: `grove sub` and `grove events`. */
#ifndef GROVE_EVENT_PRINT_H
#define GROVE_EVENT_PRINT_H

#include "grove/bus.h"
#include "userspace/grove/command.h"

enum event_form {
    EVENT_FULL, /* when, subject, number, publisher, data */
    EVENT_DATA, /* the data alone, and a new line */
    EVENT_STORY /* a system event for a person: when, subject, and the members of its JSON object */
};

void event_print(const struct invocation *invocation, const struct grove_event *event, enum event_form form);

#endif
