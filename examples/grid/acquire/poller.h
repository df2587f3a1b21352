/*
 * Polling: each cycle, every feeder of every device is read once and gives one reading.
 *
 * Devices are asked side by side; the feeders of one device one after the other, one request at a time, because many
 * bay controllers cannot do more. Every feeder gives a reading in every cycle: with its values, or with the last known
 * ones and a quality that says why. A device that is still busy with the last cycle is left out of this one.
 */
#ifndef GRID_ACQUIRE_POLLER_H
#define GRID_ACQUIRE_POLLER_H

#include "examples/grid/common/modbus_client.h"
#include "examples/grid/common/protocol.h"

/* A reading is made; epoch and sequence are still 0. `feeder` is the index in the configuration. */
typedef void poller_handler(unsigned feeder, const struct reading *reading, void *context);

struct poller;
struct poller_device {
    struct poller *poller;
    struct modbus_client *client; /* set by the owner */
    unsigned feeder_count, feeders[GRID_FEEDERS_MAX]; /* indexes in the configuration */
    bool is_busy;
    unsigned at, request; /* the one under way: index into feeders, and into that feeder's plan */
    uint16_t quality; /* of the feeder so far */
};
struct poller {
    const struct grid_config *config;
    poller_handler *handler;
    void *context;
    struct poller_device device[GRID_DEVICES_MAX];
    struct register_plan plan[GRID_FEEDERS_MAX];
    struct reading latest[GRID_FEEDERS_MAX];
};

/* The configuration must outlive the poller; the owner then sets each device's client. */
void poller_init(struct poller *poller, const struct grid_config *config, poller_handler *handler, void *context);
/* Begin a cycle. Returns how many devices were left out because they were busy. */
unsigned poller_cycle(struct poller *poller, uint64_t now_ns);

#endif
