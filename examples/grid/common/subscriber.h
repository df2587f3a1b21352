/*
 * A subscription that a service has as soon as there is a bus: asked for from the run loop, until it is had. From then on
 * it goes on by itself, also when the bus is killed.
 */
#ifndef GRID_COMMON_SUBSCRIBER_H
#define GRID_COMMON_SUBSCRIBER_H

#include "grove/bus.h"

struct subscriber {
    const char *what; /* for complaints: "alarms" */
    struct grove_subscribe subscribe;
    grove_event_handler *handler;
    void *context;
    bool has_complained; /* on standard error */
};

/* The subscriber must outlive the service's loop. The errors of grove_service_after. */
int subscriber_start(struct subscriber *subscriber, struct grove_service *service);

#endif
