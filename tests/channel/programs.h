/*
 * The two programs of the world: a client that sends a scenario's items and a server that handles them.
 */
#ifndef GROVE_TESTS_CHANNEL_PROGRAMS_H
#define GROVE_TESTS_CHANNEL_PROGRAMS_H

#include "tests/channel/world.h"

bool client_step(struct world *world, struct program *program);
bool server_step(struct world *world, struct program *program);

/* programs_payload.c: what is in the messages, written by one side and checked by the other. */
void payload_fill(struct grove_record *record, unsigned attempt, const struct grove_slice *slices,
                  unsigned slice_count);
/* The attempt that a taken record belongs to; fails the test if a byte of it is wrong. */
unsigned payload_check(struct world *world, const struct channel_taken *taken);
size_t payload_bytes(unsigned slice_count, size_t body_bytes);
/* Fill a block, and check one: every byte is the attempt's. */
void block_fill(uint8_t *block, size_t length_bytes, unsigned attempt);
void block_check(const struct world *world, const uint8_t *block, size_t length_bytes, uint8_t pattern);
/* Check the blocks behind all slices of a taken record. */
void slices_check(struct world *world, struct channel_end *end, const struct channel_taken *taken, unsigned attempt);

#endif
