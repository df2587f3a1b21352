/*
 * A depth-first walk with its stack in the nodes.
 *
 * Colours: white is untouched, grey is on the path from the node being visited, black is in an order. A requirement that
 * leads to a grey node closes a cycle; the parents from there back up to it are its members. Whatever the outcome, no
 * node stays grey.
 */
#include "servers/registry/graph.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "grove/abi/status.h"

enum colour { WHITE, GREY, BLACK };

const char *graph_version(struct grove_version version, char *text) {
    (void)snprintf(text, GRAPH_VERSION_BYTES, "%u.%u.%u", version.major, version.minor, version.patch);
    return text;
}

static bool is_unbounded(struct grove_version version) {
    return version.major == 0 && version.minor == 0 && version.patch == 0;
}

int graph_version_fits(struct grove_version provided, const struct grove_spec_interface *requirement) {
    return grove_version_compare(provided, requirement->version) >= 0 &&
           (is_unbounded(requirement->below) || grove_version_compare(provided, requirement->below) < 0);
}

static const char *name_of(const struct graph_node *node) {
    return grove_spec_text(node->spec, node->spec->name);
}

/* ---- what is wrong, in a sentence ---- */

static int missing(const struct graph_node *node, const struct grove_spec_interface *requirement, char *problem,
                   size_t problem_bytes) {
    const char *endpoint = grove_spec_text(node->spec, requirement->name);
    (void)snprintf(
        problem, problem_bytes,
        "%s requires %s, which no registered service provides; register one, or mark the requirement optional",
        name_of(node), endpoint);
    return GROVE_NOT_FOUND;
}

static int conflict(const struct graph_node *node, const struct grove_spec_interface *requirement,
                    const struct graph_node *provider, struct grove_version provided, char *problem,
                    size_t problem_bytes) {
    char has[GRAPH_VERSION_BYTES], least[GRAPH_VERSION_BYTES], below[GRAPH_VERSION_BYTES];
    bool is_open = is_unbounded(requirement->below);
    (void)snprintf(problem, problem_bytes, "%s requires %s >=%s%s%s, but %s provides version %s", name_of(node),
                   grove_spec_text(node->spec, requirement->name), graph_version(requirement->version, least),
                   is_open ? "" : " <", is_open ? "" : graph_version(requirement->below, below), name_of(provider),
                   graph_version(provided, has));
    return GROVE_VERSION;
}

struct sentence {
    char *text;
    size_t size_bytes, length_bytes;
};

static void append(struct sentence *sentence, const char *before, const char *word) {
    size_t room_bytes = sentence->size_bytes - sentence->length_bytes;
    int written = snprintf(sentence->text + sentence->length_bytes, room_bytes, "%s%s", before, word);
    if (written > 0)
        sentence->length_bytes += (size_t)written < room_bytes ? (size_t)written : room_bytes - 1;
}

/* Turn a path round: the parents, which led from this node to a last one that has none, lead from that one to this. */
static void turn_round(struct graph_node *node) {
    struct graph_node *before = NULL;
    while (node != NULL) {
        struct graph_node *parent = node->parent;
        node->parent = before;
        before = node;
        node = parent;
    }
}

/* The parents lead from the end of the cycle back to its beginning; turning them round for a moment prints it forwards. */
static int cycle(struct graph_node *end, struct graph_node *begin, char *problem, size_t problem_bytes) {
    struct sentence sentence = {problem, problem_bytes, 0};
    struct graph_node *above = begin->parent;
    begin->parent = NULL;
    append(&sentence, "the requirements form a cycle: ", name_of(begin));
    turn_round(end);
    for (const struct graph_node *node = begin->parent; node != NULL; node = node->parent)
        append(&sentence, " -> ", name_of(node));
    append(&sentence, " -> ", name_of(begin));
    turn_round(begin);
    begin->parent = above;
    return GROVE_CYCLE;
}

/* ---- the walk ---- */

/* Look at one requirement. *step is the node to go into, or NULL where there is nothing to do. */
static int follow(struct graph_node *node, graph_provider *provider, void *context, struct graph_node **step,
                  char *problem, size_t problem_bytes) {
    const struct grove_spec_interface *requirement = grove_spec_required(node->spec, node->requirement++);
    bool is_optional = (requirement->flags & GROVE_INTERFACE_OPTIONAL) != 0;
    struct grove_version provided = {0};
    struct graph_node *next = provider(grove_spec_text(node->spec, requirement->name), &provided, context);
    *step = NULL;
    if (next == NULL)
        return is_optional ? 0 : missing(node, requirement, problem, problem_bytes);
    if (!graph_version_fits(provided, requirement))
        return is_optional ? 0 : conflict(node, requirement, next, provided, problem, problem_bytes);
    if (next->colour == GREY && next != node)
        return is_optional ? 0 : cycle(node, next, problem, problem_bytes);
    if (next->colour == WHITE)
        *step = next;
    return 0;
}

static void enter(struct graph_node *node, struct graph_node *parent) {
    node->parent = parent;
    node->next = NULL;
    node->requirement = 0;
    node->colour = GREY;
}

static void leave(struct graph_order *order, struct graph_node *node) {
    node->colour = BLACK;
    if (order->last != NULL)
        order->last->next = node;
    else
        order->first = node;
    order->last = node;
    order->count++;
}

static void cut_behind(struct graph_order *order, struct graph_node *last, size_t count) {
    struct graph_node *node = last != NULL ? last->next : order->first;
    while (node != NULL) {
        struct graph_node *next = node->next;
        node->colour = WHITE;
        node->next = NULL;
        node = next;
    }
    if (last != NULL)
        last->next = NULL;
    else
        order->first = NULL;
    order->last = last;
    order->count = count;
}

int graph_visit(struct graph_order *order, struct graph_node *node, graph_provider *provider, void *context,
                char *problem, size_t problem_bytes) {
    if (node->colour != WHITE)
        return 0;
    struct graph_node *last = order->last;
    size_t count = order->count;
    int status = 0;
    enter(node, NULL);
    while (node != NULL && status == 0) {
        struct graph_node *step = NULL;
        if (node->requirement < node->spec->requires.count) {
            status = follow(node, provider, context, &step, problem, problem_bytes);
            if (step != NULL) {
                enter(step, node);
                node = step;
            }
        } else {
            leave(order, node);
            node = node->parent;
        }
    }
    if (status == 0)
        return 0;
    for (; node != NULL; node = node->parent)
        node->colour = WHITE;
    cut_behind(order, last, count);
    return status;
}

void graph_release(struct graph_order *order) {
    cut_behind(order, NULL, 0);
}
