/*
 * Fuzz target: what the bus says to its clients. The input is an image, as it comes in an answer to a poll, in a dead letter
 * and in the log; or, where its first byte is odd, a ring of 4 KiB, read to its end. Nothing that is taken for good lies
 * outside of what was read, texts end where they say, and a ring is at its end after as many pieces as fit into it.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/bus/bus.h"
#include "servers/bus/letters.h"

#define RING_BYTES UINT64_C(4096)
#define PIECE_BYTES 16u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

static void expect_within(const void *part, size_t part_bytes, const uint8_t *image, size_t room_bytes) {
    const uint8_t *at = part;
    expect(at >= image && part_bytes <= room_bytes && (size_t)(at - image) <= room_bytes - part_bytes);
}

static void try_image(const uint8_t *image, size_t room_bytes) {
    struct grove_event event;
    if (bus_image_read(image, room_bytes, &event) < 0)
        return;
    expect_within(event.subject, strlen(event.subject) + 1, image, room_bytes);
    expect_within(event.publisher, strlen(event.publisher) + 1, image, room_bytes);
    if (event.reply_to != NULL)
        expect_within(event.reply_to, strlen(event.reply_to) + 1, image, room_bytes);
    if (event.headers != NULL)
        expect_within(event.headers, event.headers_bytes, image, room_bytes);
    if (event.data != NULL)
        expect_within(event.data, event.length_bytes, image, room_bytes);
}

/* What the service takes from its own disk must be good for clients too. */
static void try_letter(const uint8_t *image, size_t room_bytes) {
    struct grove_event event;
    if (letter_image_is_sound((const struct grove_bus_image *)(const void *)image, room_bytes))
        expect(bus_image_read(image, room_bytes, &event) == 0);
}

static void try_ring(const uint8_t *data, size_t size_bytes) {
    static _Alignas(4096) uint8_t memory[GROVE_BUS_RING_HEAD_BYTES + RING_BYTES];
    struct bus_client client = {0};
    struct grove_bus_ring *head = (struct grove_bus_ring *)(void *)memory;
    memset(memory, 0, sizeof memory);
    memcpy(memory, data, size_bytes < sizeof memory ? size_bytes : sizeof memory);
    struct bus_ring ring = {
        .id = 1, .head = head, .images = memory + GROVE_BUS_RING_HEAD_BYTES, .size_bytes = RING_BYTES};
    ring.position = head->instance % (4 * RING_BYTES) & ~(uint64_t)(PIECE_BYTES - 1);
    unsigned pieces = 0;
    const struct grove_bus_image *image;
    while (bus_ring_take(&client, &ring, &image) == 0) {
        expect_within(image, image->size_bytes, client.copy.bytes, client.copy.room_bytes);
        try_image((const uint8_t *)image, image->size_bytes);
        expect(++pieces <= RING_BYTES / PIECE_BYTES);
    }
    free(client.copy.bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    if (size_bytes == 0)
        return 0;
    if ((data[0] & 1) != 0) {
        try_ring(data + 1, size_bytes - 1);
        return 0;
    }
    /* A copy of its own, aligned as in the memory of those who read it, and no byte longer. */
    uint8_t *image = malloc(size_bytes);
    expect(image != NULL);
    memcpy(image, data + 1, size_bytes - 1);
    try_image(image, size_bytes - 1);
    if (size_bytes - 1 >= sizeof(struct grove_bus_image))
        try_letter(image, size_bytes - 1);
    free(image);
    return 0;
}
