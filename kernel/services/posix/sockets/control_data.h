/*
 * What travels beside the bytes of a message, as programs lay it out: a row of items, each
 *
 *     0 size with this header, 8 bytes   8 level, 4   12 kind, 4   16 contents, filled up to a multiple of 8 bytes
 *
 * cmsg(3), unix(7). All of it is input from a program.
 */
#ifndef GROVE_POSIX_CONTROL_DATA_H
#define GROVE_POSIX_CONTROL_DATA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONTROL_HEADER_BYTES 16u
#define CONTROL_BYTES_MAX 20480u /* of a message that is sent */

struct control_item {
    int32_t level, kind;
    const uint8_t *contents;
    size_t size_bytes;
};

/* The next item, *at is moved behind it. 1; 0: there is none; -1: what is there is none. */
int control_next(const uint8_t *bytes, size_t size_bytes, size_t *at, struct control_item *item);
/*
 * Lay an item out behind what is in the buffer already; *used grows. What has no room is cut. False: all or some of it was.
 */
bool control_add(uint8_t *bytes, size_t room_bytes, size_t *used, const struct control_item *item);

#endif
