/*
 * Modbus/TCP frames, as a client writes and reads them.
 *
 * "MODBUS Messaging on TCP/IP Implementation Guide 1.0b": a header of transaction, protocol 0, length and unit, then
 * the function code and its data, big-endian. Answers come from the network: nothing in them is trusted, not even their
 * length. Pure.
 */
#ifndef GRID_COMMON_MODBUS_FRAME_H
#define GRID_COMMON_MODBUS_FRAME_H

#include "examples/grid/common/registers.h"

#include <stddef.h>

#define MODBUS_FRAME_BYTES_MAX 260u
#define MODBUS_WORDS_MAX 125u

/* What a client asks: read `count` words or bits of a table, or write one coil. */
struct modbus_request {
    uint16_t transaction;
    uint8_t unit;
    bool is_write; /* of the coil at `address`: `value` */
    bool value;
    enum register_table table; /* of a read */
    uint16_t address, count;
};

struct modbus_answer {
    unsigned exception; /* Modbus exception code; 0: none */
    unsigned count;
    uint16_t words[MODBUS_WORDS_MAX]; /* registers, or one bit each */
};

/* Writes the request; returns its length. */
size_t modbus_frame_write(const struct modbus_request *request, unsigned char frame[MODBUS_FRAME_BYTES_MAX]);
/*
 * Length of the frame at the start of what was received. GROVE_AGAIN: more must come; GROVE_CORRUPT: this is no
 * Modbus/TCP, and the connection is of no more use.
 */
int modbus_frame_length(const unsigned char *received, size_t received_bytes, size_t *length_bytes);
/*
 * Read a whole frame as the answer to `request`. GROVE_STALE_HANDLE: it answers another transaction (an earlier one that
 * came too late); GROVE_CORRUPT: it does not fit the request. An exception is an answer.
 */
int modbus_frame_read(const unsigned char *frame, size_t length_bytes, const struct modbus_request *request,
                      struct modbus_answer *answer);

#endif
