/* Looking at the bus: counts and lists. */
#include "lib/bus/bus.h"

int grove_bus_metrics(struct grove_session *session, struct grove_bus_metrics *metrics) {
    const struct grove_bus_member asked = {.version = GROVE_BUS_PROTOCOL_VERSION};
    struct bus_client *client = NULL;
    int status = bus_client_of(session, &client);
    return status < 0 ? status : bus_call(client, GROVE_BUS_METRICS, &asked, sizeof asked, metrics, sizeof *metrics, 0);
}

/* By ring only the reader knows what became of the events. */
int grove_bus_subscription_metrics(struct grove_subscription *subscription,
                                   struct grove_subscription_metrics *metrics) {
    const struct grove_bus_member asked = {.version = GROVE_BUS_PROTOCOL_VERSION, .member = subscription->member};
    struct grove_subscription_metrics told;
    int status =
        bus_call(subscription->client, GROVE_BUS_SUBSCRIPTION_METRICS, &asked, sizeof asked, &told, sizeof told, 0);
    if (status < 0)
        return status;
    if (subscription->ring.id != 0) {
        told.delivered = subscription->local.delivered;
        told.completed = subscription->local.completed;
        told.failed = subscription->local.failed;
        told.dropped = subscription->local.dropped;
        told.last_sequence = subscription->local.last_sequence;
    }
    told.handled_ns = subscription->local.handled_ns;
    *metrics = told;
    return 0;
}

int grove_bus_subscription_next(struct grove_session *session, uint64_t *cursor,
                                struct grove_subscription_record *record) {
    const struct grove_bus_member asked = {.version = GROVE_BUS_PROTOCOL_VERSION, .value = *cursor};
    struct {
        uint64_t cursor;
        struct grove_subscription_record record;
    } told;
    struct bus_client *client = NULL;
    int status = bus_client_of(session, &client);
    if (status == 0)
        status = bus_call(client, GROVE_BUS_SUBSCRIPTION_NEXT, &asked, sizeof asked, &told, sizeof told, 0);
    if (status != 0)
        return status;
    *cursor = told.cursor;
    *record = told.record;
    return 0;
}

int grove_bus_direct_next(struct grove_session *session, uint64_t *cursor, struct grove_direct_record *record) {
    const struct grove_bus_member asked = {.version = GROVE_BUS_PROTOCOL_VERSION, .value = *cursor};
    struct {
        uint64_t cursor;
        struct grove_direct_record record;
    } told;
    struct bus_client *client = NULL;
    int status = bus_client_of(session, &client);
    if (status == 0)
        status = bus_call(client, GROVE_BUS_DIRECT_NEXT, &asked, sizeof asked, &told, sizeof told, 0);
    if (status != 0)
        return status;
    *cursor = told.cursor;
    *record = told.record;
    return 0;
}
