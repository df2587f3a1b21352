/*
 * Reading a ring in place, while the bus writes it and may overtake.
 *
 *         reserved - size            position              written        reserved
 *     ----------|-----------------------|---------------------|---------------|----
 *      being overwritten   whole, read       whole, not read     being written
 *
 * An image is copied, and then it is looked whether `reserved` has come so far that it may have been overwritten meanwhile.
 * Only then is anything in the copy believed, and checked. A reader that was overtaken goes on at the oldest mark that is
 * still whole; how much it missed it finds in the count of the next image.
 */
#include "lib/bus/bus.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE_ROOM_FIRST 4096u
/* The smallest thing in a ring is what fills it up. */
#define PIECE_BYTES 16u

int bus_ring_open(struct bus_client *client, uint64_t id, uint64_t position, struct bus_ring *ring) {
    struct grove_region *region = NULL;
    uint64_t region_bytes = 0;
    int status = session_take_region(client->session, id, &region);
    if (status < 0)
        return status;
    const struct grove_bus_ring *head = grove_region_data(region, &region_bytes);
    uint64_t size_bytes = region_bytes > GROVE_BUS_RING_HEAD_BYTES ? head->size_bytes : 0;
    if (size_bytes < 4096 || (size_bytes & (size_bytes - 1)) != 0 || head->magic != GROVE_BUS_RING_MAGIC ||
        head->version != GROVE_BUS_RING_VERSION || size_bytes > region_bytes - GROVE_BUS_RING_HEAD_BYTES ||
        position % PIECE_BYTES != 0) {
        grove_region_close(region);
        return error_set(GROVE_CORRUPT, "the bus granted a ring that makes no sense");
    }
    *ring = (struct bus_ring){.id = id,
                              .region = region,
                              .head = head,
                              .images = (const uint8_t *)head + GROVE_BUS_RING_HEAD_BYTES,
                              .size_bytes = size_bytes,
                              .position = position,
                              .instance = head->instance};
    return 0;
}

void bus_ring_close(struct bus_ring *ring) {
    grove_region_close(ring->region);
    *ring = (struct bus_ring){0};
}

static uint64_t load(const uint64_t *word) {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
}

/* After a copy: is what lay at `position` whole in it? Pairs with the fence of the bus between `reserved` and its bytes. */
static bool was_whole(const struct bus_ring *ring, uint64_t position) {
    __atomic_thread_fence(__ATOMIC_ACQUIRE);
    return load(&ring->head->reserved) - position <= ring->size_bytes;
}

/* Go on at the first mark that is safe for a while, or else where the bus writes. */
static void catch_up(struct bus_ring *ring, uint64_t written) {
    uint64_t part = ring->size_bytes / GROVE_BUS_RING_MARKS;
    uint64_t first = (load(&ring->head->reserved) - ring->size_bytes) / part + 3;
    uint64_t mark = load(&ring->head->marks[first % GROVE_BUS_RING_MARKS]);
    bool is_safe = mark >= first * part && mark < written && mark % PIECE_BYTES == 0 && mark > ring->position;
    ring->position = is_safe ? mark : written;
}

static int make_room(struct bus_client *client, size_t size_bytes) {
    size_t room = client->image_room == 0 ? IMAGE_ROOM_FIRST : client->image_room;
    while (room < size_bytes)
        room *= 2;
    if (room == client->image_room)
        return 0;
    uint8_t *image = realloc(client->image, room);
    if (image == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for an event of %zu bytes", size_bytes);
    client->image = image;
    client->image_room = room;
    return 0;
}

/* How much lies at the position, without having been overwritten: checked. 0: overtaken. */
static int piece_at(const struct bus_ring *ring, uint64_t written, uint32_t *size_bytes, bool *is_pad) {
    uint64_t offset = ring->position & (ring->size_bytes - 1), left = written - ring->position;
    struct grove_bus_image head;
    memcpy(&head, ring->images + offset, PIECE_BYTES);
    *size_bytes = 0;
    if (!was_whole(ring, ring->position))
        return 0;
    *is_pad = (head.flags & GROVE_BUS_IMAGE_PAD) != 0;
    uint32_t least = *is_pad ? PIECE_BYTES : (uint32_t)sizeof head;
    if (head.size_bytes < least || head.size_bytes % PIECE_BYTES != 0 || head.size_bytes > left ||
        head.size_bytes > ring->size_bytes - offset)
        return GROVE_CORRUPT;
    *size_bytes = head.size_bytes;
    return 0;
}

int bus_ring_take(struct bus_client *client, struct bus_ring *ring) {
    for (;;) {
        uint64_t written = __atomic_load_n(&ring->head->written, __ATOMIC_ACQUIRE);
        uint32_t size_bytes = 0;
        bool is_pad = false;
        if (written == ring->position)
            return GROVE_AGAIN;
        if (written < ring->position)
            return error_set(GROVE_CORRUPT, "the bus's ring runs backwards");
        if (written - ring->position > ring->size_bytes) {
            catch_up(ring, written);
            continue;
        }
        int status = piece_at(ring, written, &size_bytes, &is_pad);
        if (status == 0 && !is_pad && size_bytes > 0)
            status = make_room(client, size_bytes);
        if (status < 0)
            return status == GROVE_CORRUPT ? error_set(status, "the bus's ring makes no sense") : status;
        if (!is_pad && size_bytes > 0)
            memcpy(client->image, ring->images + (ring->position & (ring->size_bytes - 1)), size_bytes);
        if (size_bytes == 0 || !was_whole(ring, ring->position)) {
            catch_up(ring, written);
            continue;
        }
        ring->position += size_bytes;
        if (!is_pad)
            return 0;
    }
}
