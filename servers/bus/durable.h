/*
 * The seam to durable events: what is kept on disk before it is acknowledged.
 *
 * The engine decodes a publication, checks the right to publish it, and hands it over here; what is on disk comes back
 * through publish_event with GROVE_EVENT_DURABLE.
 */
#ifndef SERVERS_BUS_DURABLE_H
#define SERVERS_BUS_DURABLE_H

#include "servers/bus/bus.h"

/* PUBLISH_DURABLE: answers the request, now or later. */
int on_publish_durable(struct grove_request *request, void *bus);
/* May a subscription begin in the past, or be durable, as this one asks? 0, or a status told with grove_fail. */
int durable_subscribe(struct bus *bus, struct grove_request *request, const struct grove_bus_subscription *wanted);

#endif
