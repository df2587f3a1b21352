/* Subscribing until it works; see subscriber.h. */
#include "examples/grid/common/subscriber.h"

#include <stdio.h>
#include <stdlib.h>

#define RETRY_NS (200 * GROVE_MILLISECOND)

static void on_due(struct grove_service *service, void *context) {
    struct subscriber *subscriber = context;
    uint32_t timer;
    int status = grove_bus_subscribe(service, &subscriber->subscribe, subscriber->handler, subscriber->context, NULL);
    if (status < 0 && !subscriber->has_complained)
        fprintf(stderr, "%s cannot be subscribed to: %s; trying again\n", subscriber->what, grove_last_error());
    subscriber->has_complained = status < 0;
    /* Without a timer it would never hear anything: begin anew. */
    if (status < 0 && grove_service_after(service, RETRY_NS, on_due, subscriber, &timer) < 0)
        exit(grove_report(subscriber->what));
}

int subscriber_start(struct subscriber *subscriber, struct grove_service *service) {
    uint32_t timer;
    return grove_service_after(service, 1, on_due, subscriber, &timer);
}
