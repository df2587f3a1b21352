/*
 * Where hooks look at the bus: points.c (publications and rings), delivery_points.c (queues). docs/hooks.md says what hooks
 * may do.
 */
#ifndef SERVERS_BUS_POINTS_H
#define SERVERS_BUS_POINTS_H

#include "grove/hooks.h"
#include "servers/bus/bus.h"

/* What hooks made of the publication under way; `bus->verdict` while it is handled. */
struct verdict {
    uint8_t *data; /* instead of its own; NULL: unchanged */
    uint32_t data_bytes;
    uint8_t *ring_data; /* the same, for those who read rings */
    uint32_t ring_bytes;
    bool is_ring_vetoed;
};
void verdict_free(struct verdict *verdict); /* NULL is ignored */

/* One load where no hook is set. */
static inline bool point_is_set(const struct bus *bus, enum grove_hook_point point) {
    return (*bus->points >> (unsigned)point & 1u) != 0;
}
static inline bool points_are_set(const struct bus *bus) {
    return (*bus->points & (1u << GROVE_HOOK_BEFORE_PUBLISH | 1u << GROVE_HOOK_BEFORE_DELIVER)) != 0;
}

void points_open(struct bus *bus);
/* Open them if there was no service of hooks; now and then. */
void points_try(struct bus *bus);
/* Do hooks look at this subject? */
bool points_mean(const struct subject *subject);
/* Tell the hooks of a point after what was done; `who` NULL: nobody in particular. */
void points_tell(struct bus *bus, enum grove_hook_point point, const struct subject *subject, const char *who,
                 const struct incoming *incoming);
/*
 * Called first by the handler of a publication. True: the handler returns *status; if that is 0 the publication waits for
 * hooks, and the handler is called again when they have looked. False: it goes on.
 */
bool points_hold(struct bus *bus, struct grove_request *request, grove_handler *handler, int *status);
/* Its client is gone. */
void points_drop(struct client *client);
/* An answer came: ask what the hooks took no more of before, publications and deliveries. */
void points_ask_more(struct bus *bus);
/* The hooks take no more questions for now. */
void points_are_full(struct bus *bus);
/* The bytes of a change, to be freed; NULL: no memory. */
uint8_t *points_copy(const struct grove_hook_outcome *outcome);

/* ---- delivery_points.c ---- */

/* Ask about what a queue has that was not asked about; what needs no answer goes on. */
void points_ask_queue(struct bus *bus, struct queue *queue);
/* The same for all queues, as far as the hooks take it. */
void points_ask_queues(struct bus *bus);
/* Those that an earlier instance left. */
void points_resume(struct bus *bus);
/* A subscriber is done with it. */
void points_delivered(struct bus *bus, const struct delivery *delivery);

#endif
