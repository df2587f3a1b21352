/*
 * The Modbus/TCP side of the substation: registers of the feeders, over libmodbus.
 *
 * Feeder n (from 1) has, at base 16 * (n - 1):
 *
 *     input 0 voltage V | 1 current 0.1 A | 2 frequency mHz | 3, 4 power W, signed, high word first
 *     discrete input 0  1 = breaker closed
 *     coil 0            1 = breaker open; writing it opens and closes
 *
 * Any unit number is answered. A client is input: a frame is gathered until it is whole, so that one that sends half a
 * request stops nobody; one that sends no Modbus/TCP, or does not read its answers, is hung up on.
 */
#ifndef GRID_SUBSTATION_DEVICE_H
#define GRID_SUBSTATION_DEVICE_H

#include "examples/grid/substation/grid_model.h"

struct device;

/* Listen on an IPv4 address and play the profile on the state. GROVE_NO_MEMORY, GROVE_IO with *problem set. */
int device_create(const char *host, unsigned port, const struct profile *profile, struct grid_state *state,
                  struct device **device, struct problem *problem);
void device_destroy(struct device *device);
/* Readable when device_turn has something to do. */
int device_descriptor(const struct device *device);
/* Answer what has come in; a bounded amount of it. */
void device_turn(struct device *device, uint64_t now_ns);

#endif
