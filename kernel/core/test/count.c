/*
 * Requests to count instructions of: what the core does for a look-up and for a connect among this many endpoints.
 *
 *     valgrind --tool=callgrind --toggle-collect=core_request core-count ENDPOINTS look-up|connect
 *
 * Callgrind prints what was collected; a thousand requests are made, after a thousand others that are not counted, and
 * the numbers of two runs with and without the counted ones differ by them: set REQUESTS=0 for the second.
 */
#include "kernel/core/test/world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define STRIDE 7919u /* a prime: neighbours in the order of requests are none in memory */

static void look_up(struct world *world, uint32_t number) {
    struct grove_endpoint_read body = {0};
    struct fake_packet reply;
    snprintf(body.name.text, sizeof(body.name.text), "scale.s%u", number);
    if (world_ask(world, world->init, GROVE_REQUEST_ENDPOINT_READ, &body, sizeof(body), &reply) != 0)
        abort();
}

/* Both ends are this container's; both close, so that nothing is left. */
static void connect_and_close(struct world *world, uint32_t number) {
    char name[32];
    struct fake_packet reply;
    struct fake_packet notice;
    snprintf(name, sizeof(name), "scale.s%u", number);
    if (world_connect(world, world->init, name, &reply) != 0 ||
        !fake_take(world->init, GROVE_NOTICE_CHANNEL_NEW, 0, &notice))
        abort();
    const grove_handle ends[] = {reply.message.body.channel.channel, notice.message.body.channel_new.channel.channel};
    for (unsigned i = 0; i < 2; i++)
        if (world_handle_request(world, world->init, GROVE_REQUEST_CHANNEL_CLOSE, ends[i]) != 0)
            abort();
    fake_drop_packets(world->init);
}

int main(int count, char **arguments) {
    static const struct core_limits limits = {.containers = 8,
                                              .endpoints = 12000,
                                              .channels = 1024,
                                              .regions = 8,
                                              .projects = 8,
                                              .capabilities = 32768,
                                              .text_bytes = 16u << 20,
                                              .spec_bytes = 1u << 16,
                                              .pending = 64,
                                              .audit = 64};
    struct world world;
    char name[32];
    if (count != 3)
        return 2;
    uint32_t endpoints = (uint32_t)strtoul(arguments[1], NULL, 10);
    if (endpoints == 0)
        return 2;
    const char *requests = getenv("REQUESTS");
    uint32_t total = 1000 + (requests != NULL ? (uint32_t)strtoul(requests, NULL, 10) : 1000);
    void (*request)(struct world * world, uint32_t number) =
        strcmp(arguments[2], "connect") == 0 ? connect_and_close : look_up;
    world_open(&world, &limits);
    for (uint32_t i = 0; i < endpoints; i++) {
        snprintf(name, sizeof(name), "scale.s%u", i);
        if (world_endpoint(&world, world.init, name, 0, NULL) != 0)
            return 1;
    }
    for (uint32_t i = 0; i < total; i++)
        request(&world, i * STRIDE % endpoints);
    return 0;
}
