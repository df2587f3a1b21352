/* There is no log behind this bus: what asks for one is refused, and says so. */
#include "servers/bus/durable.h"

int on_publish_durable(struct grove_request *request, void *bus) {
    (void)bus;
    return grove_fail(request, GROVE_UNSUPPORTED,
                      "this bus keeps no events on disk: publish at least once, which outlives a crash of the bus");
}

int durable_subscribe(struct bus *bus, struct grove_request *request, const struct grove_bus_subscription *wanted) {
    (void)bus;
    if (wanted->quality != GROVE_BUS_DURABLE && wanted->start == GROVE_BUS_START_NEW && wanted->name[0] == '\0' &&
        wanted->slow != GROVE_BUS_SPILL)
        return 0;
    return grove_fail(request, GROVE_UNSUPPORTED,
                      "this bus keeps no events on disk: without a durable quality, a name, a start in the past, and "
                      "spilling it can be subscribed to");
}
