/* Ties a modbus_client to a service's run loop: what it wants watched follows its state. */
#ifndef GRID_COMMON_CLIENT_WATCH_H
#define GRID_COMMON_CLIENT_WATCH_H

#include "examples/grid/common/modbus_client.h"
#include "grove/grove.h"

struct client_watch {
    struct grove_service *service;
    struct modbus_client client;
    int descriptor; /* watched now, -1: none */
    short events;
    void (*changed)(struct client_watch *watch); /* the client's state may have changed; may be NULL */
    void *context;
};

void client_watch_init(struct client_watch *watch, struct grove_service *service, const struct config_device *device);
/* Call after everything that touched the client. */
void client_watch_update(struct client_watch *watch);
void client_watch_tick(struct client_watch *watch);

#endif
