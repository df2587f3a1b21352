/*
 * Writing a ring that others read in place: room, marks, publishing by position. grove/bus_protocol.h says what a reader may
 * rely on. The bus's own rings and those of publishers are written in this way. One thread; a crash leaves what was below
 * `written` whole, and nothing of what was not.
 */
#ifndef GROVE_LIB_BUS_RING_WRITER_H
#define GROVE_LIB_BUS_RING_WRITER_H

#include "grove/bus_protocol.h"

#include <string.h>

/* Behind each store, for the test that dies there. */
#ifndef RING_WRITER_STORED
#define RING_WRITER_STORED() ((void)0)
#endif

/* The writer's own idea of its ring; what lies in the ring is for readers, and never read. */
struct ring_writer {
    struct grove_bus_ring *head;
    uint8_t *images;
    uint64_t size_bytes, written, count;
    uint64_t marked; /* the mark that is set next */
    uint64_t end; /* of the image under way */
};

/* Every mark that lies behind the image before and not behind this one is where this one starts. */
static inline void ring_writer_mark(struct ring_writer *writer, uint64_t start) {
    const uint64_t part = writer->size_bytes / GROVE_BUS_RING_MARKS;
    for (; writer->marked * part <= start; writer->marked++) {
        __atomic_store_n(&writer->head->marks[writer->marked % GROVE_BUS_RING_MARKS], start, __ATOMIC_RELAXED);
        RING_WRITER_STORED();
    }
}

/* Where the next image of so many bytes, a multiple of 16 and at most half of the ring, is to be written. */
static inline uint8_t *ring_writer_begin(struct ring_writer *writer, uint32_t image_bytes) {
    uint64_t place = writer->written & (writer->size_bytes - 1), to_end = writer->size_bytes - place;
    uint64_t pad_bytes = image_bytes <= to_end ? 0 : to_end;
    uint64_t start = writer->written + pad_bytes;
    writer->end = start + image_bytes;
    /* All below may be overwritten, said before any of it is. Pairs with the reader's look after its copy. */
    __atomic_store_n(&writer->head->reserved, writer->end, __ATOMIC_RELAXED);
    __atomic_thread_fence(__ATOMIC_RELEASE);
    RING_WRITER_STORED();
    if (pad_bytes > 0) { /* at least 16: sizes are multiples of that */
        const uint64_t pad[2] = {pad_bytes | (uint64_t)GROVE_BUS_IMAGE_PAD << 32, 0};
        memcpy(writer->images + place, pad, sizeof pad);
        RING_WRITER_STORED();
    }
    ring_writer_mark(writer, start);
    return writer->images + (start & (writer->size_bytes - 1));
}

static inline void ring_writer_publish(struct ring_writer *writer) {
    writer->written = writer->end;
    writer->head->count = ++writer->count;
    RING_WRITER_STORED();
    /* Pairs with the reader's load: what lies below is whole. */
    __atomic_store_n(&writer->head->written, writer->end, __ATOMIC_RELEASE);
    RING_WRITER_STORED();
}

#endif
