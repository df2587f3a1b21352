/* A modbus_client in a service's run loop; see client_watch.h. */
#include "examples/grid/common/client_watch.h"

/* A descriptor must leave the loop before it is closed: its number may come again at once. */
static void on_close(struct modbus_client *client) {
    struct client_watch *watch = client->owner;
    if (watch->descriptor >= 0)
        (void)grove_service_watch(watch->service, watch->descriptor, 0, NULL, NULL);
    watch->descriptor = -1;
    watch->events = 0;
}

void client_watch_init(struct client_watch *watch, struct grove_service *service, const struct config_device *device) {
    *watch = (struct client_watch){.service = service, .descriptor = -1};
    modbus_client_init(&watch->client, device);
    watch->client.on_close = on_close;
    watch->client.owner = watch;
}

static void on_ready(struct grove_service *service, int descriptor, short events, void *context) {
    struct client_watch *watch = context;
    (void)service;
    if (descriptor == watch->client.descriptor)
        modbus_client_ready(&watch->client, events, grove_now_ns());
    client_watch_update(watch);
}

void client_watch_update(struct client_watch *watch) {
    const struct modbus_client *client = &watch->client;
    if (watch->changed != NULL)
        watch->changed(watch);
    if (client->descriptor < 0 || (watch->descriptor == client->descriptor && watch->events == client->events))
        return;
    if (grove_service_watch(watch->service, client->descriptor, client->events, on_ready, watch) < 0) {
        modbus_client_close(&watch->client, grove_now_ns());
        return;
    }
    watch->descriptor = client->descriptor;
    watch->events = client->events;
}

void client_watch_tick(struct client_watch *watch) {
    modbus_client_tick(&watch->client, grove_now_ns());
    client_watch_update(watch);
}
