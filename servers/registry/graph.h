/*
 * What requires what: the order of starting, and why there is none.
 *
 * Pure: a node is a checked spec and room for the walk; where a required endpoint leads is asked of the caller, so the
 * same code orders ten services in a unit test and ten thousand in the registry. Nothing is allocated, and nothing recurses: the path
 * of the walk is kept in the nodes, so a chain of 10,000 needs no deep stack.
 */
#ifndef SERVERS_REGISTRY_GRAPH_H
#define SERVERS_REGISTRY_GRAPH_H

#include <stddef.h>

#include "grove/abi/spec.h"

struct graph_node {
    const struct grove_spec *spec;
    /* Room for the walk; zero before the first one. */
    struct graph_node *parent; /* who required it on the path being walked */
    struct graph_node *next; /* in the order found */
    uint32_t requirement; /* the next of spec->requires to look at */
    uint32_t colour;
};

/* Who provides an endpoint, and in which version; NULL if nobody does. */
typedef struct graph_node *graph_provider(const char *endpoint, struct grove_version *version, void *context);

struct graph_order {
    struct graph_node *first, *last; /* linked by next: what is required comes before who requires it */
    size_t count;
};
/* Zero it before the first graph_visit of an order. */

/*
 * Add `node` and all that it requires, directly or not, behind what the order holds already. On failure the order is as it was before, and
 * `problem` has a sentence for a person: GROVE_NOT_FOUND (missing), GROVE_VERSION (conflict, with both versions and who
 * wants what), GROVE_CYCLE (a -> b -> a).
 */
int graph_visit(struct graph_order *order, struct graph_node *node, graph_provider *provider, void *context,
                char *problem, size_t problem_bytes);
/* Give the nodes back: they may be visited for another order. */
void graph_release(struct graph_order *order);

/* "1.2.0". Returns `text`, of at least GRAPH_VERSION_BYTES. */
#define GRAPH_VERSION_BYTES 24u
const char *graph_version(struct grove_version version, char *text);
/* Does a provided version satisfy a requirement? */
int graph_version_fits(struct grove_version provided, const struct grove_spec_interface *requirement);

#endif
