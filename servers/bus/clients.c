/*
 * Who is connected: one entry for a container, whatever number of channels it has.
 *
 * When an instance of a client ends, what it had of its queues goes back; by ring it is subscribed no more. The next
 * instance says its generation with its first message and takes over the queues that it subscribes to again; those that it
 * does not are ended some time after that. When the container is gone, all of it goes.
 */
#include "servers/bus/directs.h"
#include "servers/bus/durable.h"
#include "servers/bus/points.h"

#include <stdlib.h>
#include <string.h>

/* A new instance has this long to subscribe again to what the one before had. */
#define SWEEP_NS (30 * GROVE_SECOND)

static unsigned bucket_of(grove_object_id id) {
    return (unsigned)((id ^ id >> 32) % 256u);
}

struct client *client_find(const struct bus *bus, grove_object_id id) {
    struct client *client = bus->clients[bucket_of(id)];
    while (client != NULL && client->id != id)
        client = client->next;
    return client;
}

struct client *client_make(struct bus *bus, grove_object_id id, const char *name, uint32_t ring) {
    struct client *client = bus->client_count < BUS_CLIENTS_MAX ? calloc(1, sizeof *client) : NULL;
    if (client == NULL)
        return NULL;
    client->id = id;
    client->ring = ring;
    strncpy(client->name.text, name, GROVE_NAME_MAX);
    client->name_bytes = (uint16_t)strlen(client->name.text);
    client->next = bus->clients[bucket_of(id)];
    bus->clients[bucket_of(id)] = client;
    bus->client_count++;
    return client;
}

struct client *client_of(struct bus *bus, const struct grove_request *request) {
    grove_object_id id = grove_request_client_id(request);
    if (bus->last_client != NULL && bus->last_client->id == id)
        return bus->last_client;
    struct client *client = client_find(bus, id);
    if (client == NULL)
        client = client_make(bus, id, grove_request_client(request), grove_request_client_ring(request));
    bus->last_client = client;
    return client;
}

void client_let_go(struct bus *bus, struct client *client) {
    if (client->channels > 0 || client->members != NULL || client->held > 0 || client->durables > 0 ||
        client->kept_bytes > 0 || client->asked != NULL)
        return;
    struct client **place = &bus->clients[bucket_of(client->id)];
    while (*place != client)
        place = &(*place)->next;
    *place = client->next;
    bus->client_count--;
    if (bus->last_client == client)
        bus->last_client = NULL;
    free(client);
}

/* By ring nothing is owed; by queue the next instance may go on. */
static void instance_ended(struct bus *bus, struct client *client) {
    struct member *next;
    directs_gone(bus, client);
    for (struct member *member = client->members; member != NULL; member = next) {
        next = member->next_in_client;
        if (member->queue == NULL) {
            member_end(bus, member);
            continue;
        }
        member->saved->is_left = 1;
        queue_take_back(bus, member);
    }
    polls_drop(bus, client);
}

static void gone(struct bus *bus, struct client *client) {
    directs_gone(bus, client);
    points_drop(client);
    held_drop(bus, client);
    polls_drop(bus, client);
    while (client->members != NULL)
        member_end(bus, client->members);
    client_let_go(bus, client);
}

static void sweep(struct grove_service *service, void *context) {
    struct bus *bus = context;
    (void)service;
    bus->is_sweep_due = false;
    for (uint32_t i = 0; i < bus->state.head->members_used; i++) {
        struct member *member = bus->members[i];
        if (member == NULL)
            continue;
        struct client *client = member->client;
        bool is_left = member->saved->is_left && member->saved->generation != client->generation;
        if (is_left || client->channels == 0) /* the latter never came back to this instance of the bus */
            member_end(bus, member);
        client_let_go(bus, client);
    }
}

void clients_sweep_later(struct bus *bus) {
    if (bus->is_sweep_due)
        return;
    uint32_t timer = 0;
    bus->is_sweep_due = grove_service_after(bus->service, SWEEP_NS, sweep, bus, &timer) == 0;
}

void client_is_instance(struct bus *bus, struct client *client, uint32_t generation) {
    if (generation == client->generation)
        return;
    if (client->generation != 0) {
        instance_ended(bus, client);
        clients_sweep_later(bus);
    }
    client->generation = generation;
}

void client_changed(struct grove_service *service, enum grove_client_change change, const struct grove_client *told,
                    void *context) {
    struct bus *bus = context;
    struct client *client = client_find(bus, told->id);
    (void)service;
    if (client == NULL && change == GROVE_CLIENT_CONNECTED)
        client = client_make(bus, told->id, told->name, told->ring);
    if (client == NULL)
        return; /* as many as there may be are here already; its messages find the same */
    if (change == GROVE_CLIENT_CONNECTED) {
        client->channels++;
        client->channel = told->channel;
    } else if (change == GROVE_CLIENT_ENDED) {
        /* On the channel of its subscriptions only: there it comes before whatever the next instance says. */
        if (told->channel == client->main_channel)
            instance_ended(bus, client);
    } else {
        durable_gone(bus, told->channel);
        if (client->channels > 0 && --client->channels == 0)
            gone(bus, client);
    }
}
