/*
 * The service whose handler `bus-handover-bench` measures: tells how long each event of bench.handover was under way. What an event
 * carries is when it was published, on the clock that all processes share.
 */
#include <grove/bus.h>
#include <string.h>

static int on_event(const struct grove_event *event, void *context) {
    (void)context;
    uint64_t now_ns = grove_now_ns(), sent_ns;
    if (event->length_bytes != sizeof sent_ns)
        return GROVE_INVALID;
    memcpy(&sent_ns, event->data, sizeof sent_ns);
    uint64_t took_ns = now_ns - sent_ns;
    return grove_bus_emit("bench.took", &took_ns, sizeof took_ns);
}

int main(void) {
    struct grove_service *service;
    if (grove_service_create(NULL, &service) < 0 ||
        grove_bus_subscribe(service, &(struct grove_subscribe){.pattern = "bench.handover"}, on_event, NULL, NULL) < 0)
        return grove_report("bench-handler");
    return grove_service_run(service) < 0;
}
