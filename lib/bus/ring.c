/*
 * Reading a ring in place, while the bus, or a publisher whose own it is, writes it and may overtake.
 *
 *         reserved - size            position              written        reserved
 *     ----------|-----------------------|---------------------|---------------|----
 *      being overwritten   whole, read       whole, not read     being written
 *
 * What is there is copied, as many images at a time as fit, and then it is looked whether `reserved` has come so far that
 * it may have been overwritten meanwhile. Only then is anything in the copy believed, and checked. A reader that was
 * overtaken goes on at the oldest mark that is still whole; how much it missed it finds in the count of the next image. A
 * copy is of one place of one ring, so what is left of it is used up whenever that ring is read on, and otherwise forgotten.
 */
#include "lib/bus/bus.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* Copied at once: a few dozen events of the usual size. */
#define COPY_BYTES 6144u
/* The smallest thing in a ring is what fills it up. */
#define PIECE_BYTES 16u

int bus_ring_open(struct bus_client *client, uint64_t id, uint64_t position, struct bus_ring *ring) {
    return bus_ring_map(client, id, GROVE_BUS_RING_MAGIC, position, ring);
}

int bus_ring_map(struct bus_client *client, uint64_t id, uint32_t magic, uint64_t position, struct bus_ring *ring) {
    struct grove_region *region = NULL;
    uint64_t region_bytes = 0;
    int status = session_take_region(client->session, id, &region);
    if (status < 0)
        return status;
    const struct grove_bus_ring *head = grove_region_data(region, &region_bytes);
    uint64_t size_bytes = region_bytes > GROVE_BUS_RING_HEAD_BYTES ? head->size_bytes : 0;
    if (size_bytes < 4096 || (size_bytes & (size_bytes - 1)) != 0 || head->magic != magic ||
        head->version != GROVE_BUS_RING_VERSION || size_bytes > region_bytes - GROVE_BUS_RING_HEAD_BYTES ||
        position % PIECE_BYTES != 0) {
        grove_region_close(region);
        return error_set(GROVE_CORRUPT, "a ring was granted that makes no sense");
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

static int make_room(struct bus_copy *copy, size_t size_bytes) {
    size_t room_bytes = copy->room_bytes == 0 ? COPY_BYTES : copy->room_bytes;
    while (room_bytes < size_bytes)
        room_bytes *= 2;
    if (room_bytes == copy->room_bytes)
        return 0;
    uint8_t *bytes = realloc(copy->bytes, room_bytes);
    if (bytes == NULL)
        return error_set(GROVE_NO_MEMORY, "no memory is left for an event of %zu bytes", size_bytes);
    copy->bytes = bytes;
    copy->room_bytes = room_bytes;
    return 0;
}

/* Copy what comes next, `least_bytes` of it if there are as many. Nothing is copied where the reader has been overtaken. */
static int copy_next(struct bus_copy *copy, struct bus_ring *ring, size_t least_bytes) {
    uint64_t written = __atomic_load_n(&ring->head->written, __ATOMIC_ACQUIRE);
    uint64_t offset = ring->position & (ring->size_bytes - 1), readable_bytes = written - ring->position;
    copy->length_bytes = 0;
    if (readable_bytes == 0)
        return GROVE_AGAIN;
    if (written < ring->position || written % PIECE_BYTES != 0)
        return error_set(GROVE_CORRUPT, "a ring runs backwards");
    if (readable_bytes > ring->size_bytes) {
        catch_up(ring, written);
        return 0;
    }
    if (readable_bytes > ring->size_bytes - offset)
        readable_bytes = ring->size_bytes - offset;
    size_t wanted_bytes = least_bytes > COPY_BYTES ? least_bytes : COPY_BYTES;
    size_t length_bytes = readable_bytes < wanted_bytes ? (size_t)readable_bytes : wanted_bytes;
    int status = make_room(copy, length_bytes);
    if (status < 0)
        return status;
    memcpy(copy->bytes, ring->images + offset, length_bytes);
    if (!was_whole(ring, ring->position)) {
        catch_up(ring, written);
        return 0;
    }
    copy->ring = ring->id;
    copy->position = ring->position;
    copy->length_bytes = length_bytes;
    copy->readable_bytes = readable_bytes;
    return 0;
}

int bus_ring_take(struct bus_client *client, struct bus_ring *ring, const struct grove_bus_image **image) {
    const void *piece = NULL;
    int status = bus_ring_take_piece(client, ring, sizeof **image, &piece);
    if (status == 0)
        *image = piece;
    return status;
}

/* Images of all rings begin with their size and flags. */
_Static_assert(offsetof(struct grove_bus_image, flags) == 4 && offsetof(struct grove_bus_direct_image, flags) == 4,
               "one way to look at all images");

int bus_ring_take_piece(struct bus_client *client, struct bus_ring *ring, size_t head_bytes, const void **taken) {
    struct bus_copy *copy = &client->copy;
    size_t least_bytes = 0;
    for (;;) {
        uint64_t at = copy->ring == ring->id ? ring->position - copy->position : UINT64_MAX;
        if (at < copy->length_bytes) {
            const struct grove_bus_image *piece = (const void *)(copy->bytes + at);
            bool is_pad = (piece->flags & GROVE_BUS_IMAGE_PAD) != 0;
            size_t least = is_pad ? PIECE_BYTES : head_bytes;
            if (piece->size_bytes < least || piece->size_bytes % PIECE_BYTES != 0 ||
                piece->size_bytes > copy->readable_bytes - at)
                return error_set(GROVE_CORRUPT, "a ring makes no sense");
            if (is_pad || piece->size_bytes <= copy->length_bytes - at) {
                ring->position += piece->size_bytes;
                if (is_pad)
                    continue;
                *taken = piece;
                return 0;
            }
            least_bytes = piece->size_bytes; /* it goes on behind what was copied */
        }
        int status = copy_next(copy, ring, least_bytes);
        if (status < 0)
            return status;
    }
}
