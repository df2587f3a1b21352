/*
 * Fuzz target: a publisher's ring, all of which is the publisher's, as a subscription reads it. The input is a control image of
 * the bus's ring (24 bytes), where the reading begins (8), the ring's words `reserved`, `written` and `signal` (8, 8, 4), and
 * the images of a ring of 4 KiB. Whatever reaches the handler lies within the reader's own copy, is on a subject that its publisher
 * may use, has no time ahead of the clock, and comes at most as often as images fit.
 */
#include <stdlib.h>
#include <string.h>

#include "lib/bus/bus.h"

#define RING_BYTES UINT64_C(4096)
#define ID 9u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes);

struct input {
    struct grove_bus_control control;
    uint64_t position, reserved, written;
    uint32_t signal;
};

static struct {
    struct grove_session session;
    struct grove_kernel_page page;
    struct bus_client client;
    struct grove_subscription subscription;
    unsigned events;
} reader;

static void expect(bool is_true) {
    if (!is_true)
        abort();
}

static void expect_within(const void *part, size_t part_bytes) {
    const uint8_t *at = part, *copy = reader.client.copy.bytes;
    size_t room_bytes = reader.client.copy.room_bytes;
    expect(at >= copy && part_bytes <= room_bytes && (size_t)(at - copy) <= room_bytes - part_bytes);
}

static int hear(const struct grove_event *event, void *context) {
    (void)context;
    expect_within(event->subject, strlen(event->subject) + 1);
    if (event->reply_to != NULL)
        expect_within(event->reply_to, strlen(event->reply_to) + 1);
    if (event->headers != NULL)
        expect_within(event->headers, event->headers_bytes);
    expect_within(event->data, event->length_bytes);
    expect(grove_subject_check(event->subject) == 0 && grove_pattern_matches("grid.*", event->subject));
    expect(event->time_ns <= bus_wall_ns() && (event->flags & GROVE_EVENT_DIRECT) != 0);
    expect(++reader.events <= RING_BYTES / sizeof(struct grove_bus_direct_image));
    return 0;
}

static void open_source(const struct input *input, struct grove_bus_direct_ring *ring) {
    struct bus_source *source = calloc(1, sizeof *source);
    expect(source != NULL);
    memset(&reader, 0, sizeof reader);
    reader.session.page = &reader.page;
    reader.session.bus = &reader.client;
    reader.client.session = &reader.session;
    reader.subscription.client = &reader.client;
    reader.subscription.handler = hear;
    strcpy(reader.subscription.wanted.pattern, "grid.*");
    strcpy(source->shown.pattern, "grid.>");
    source->id = ID;
    source->is_begun = true;
    source->head = ring;
    source->ring = (struct bus_ring){.id = 1,
                                     .head = &ring->ring,
                                     .images = (const uint8_t *)ring + GROVE_BUS_RING_HEAD_BYTES,
                                     .size_bytes = RING_BYTES,
                                     .position = input->position & ~UINT64_C(15)};
    reader.subscription.sources = source;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size_bytes) {
    static _Alignas(4096) uint8_t memory[GROVE_BUS_RING_HEAD_BYTES + RING_BYTES];
    struct grove_bus_direct_ring *ring = (struct grove_bus_direct_ring *)(void *)memory;
    struct input input;
    if (size_bytes < sizeof input)
        return 0;
    memcpy(&input, data, sizeof input);
    data += sizeof input;
    size_bytes -= sizeof input;
    memset(memory, 0, sizeof memory);
    memcpy(memory + GROVE_BUS_RING_HEAD_BYTES, data, size_bytes < RING_BYTES ? size_bytes : RING_BYTES);
    ring->ring.reserved = input.reserved;
    ring->ring.written = input.written;
    ring->signal = input.signal;
    open_source(&input, ring);
    while (bus_sources_read(&reader.subscription, 8) > 0)
        continue;
    (void)bus_source_control(&reader.subscription, &input.control);
    while (bus_sources_read(&reader.subscription, 8) > 0)
        continue;
    bus_sources_close(&reader.subscription);
    free(reader.client.copy.bytes);
    return 0;
}
