/* Items beside the bytes of a message: see control_data.h. */
#include "kernel/services/posix/sockets/control_data.h"

#include <string.h>

static size_t aligned(size_t size) {
    return (size + 7) & ~(size_t)7;
}

int control_next(const uint8_t *bytes, size_t size_bytes, size_t *at, struct control_item *item) {
    uint64_t size;
    if (*at > size_bytes || size_bytes - *at < CONTROL_HEADER_BYTES)
        return 0;
    const uint8_t *header = bytes + *at;
    memcpy(&size, header, sizeof(size));
    if (size < CONTROL_HEADER_BYTES || size > size_bytes - *at)
        return -1;
    memcpy(&item->level, header + 8, sizeof(item->level));
    memcpy(&item->kind, header + 12, sizeof(item->kind));
    item->contents = header + CONTROL_HEADER_BYTES;
    item->size_bytes = (size_t)size - CONTROL_HEADER_BYTES;
    *at += aligned((size_t)size);
    return 1;
}

bool control_add(uint8_t *bytes, size_t room_bytes, size_t *used, const struct control_item *item) {
    size_t room = room_bytes - *used;
    if (room < CONTROL_HEADER_BYTES)
        return false;
    size_t whole = CONTROL_HEADER_BYTES + item->size_bytes, size = whole < room ? whole : room;
    uint64_t told = size;
    uint8_t *header = bytes + *used;
    memcpy(header, &told, sizeof(told));
    memcpy(header + 8, &item->level, sizeof(item->level));
    memcpy(header + 12, &item->kind, sizeof(item->kind));
    memcpy(header + CONTROL_HEADER_BYTES, item->contents, size - CONTROL_HEADER_BYTES);
    size_t end = *used + aligned(size);
    if (end <= room_bytes)
        memset(header + size, 0, aligned(size) - size);
    *used = end < room_bytes ? end : room_bytes;
    return size == whole;
}
