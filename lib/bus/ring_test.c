/*
 * Reading a ring: every image once and in order, whatever the copies that it comes in; overtaken, it goes on with what is
 * whole; and nothing that the writer says of sizes leads out of the ring.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "lib/bus/bus.h"

#define RING_BYTES 65536u
#define RING_ID 7u

struct writer {
    struct grove_bus_ring *head;
    uint8_t *images;
    uint64_t written, count, marked;
    struct bus_ring ring; /* of the reader */
    struct bus_client client;
};

static int begin(void **state) {
    struct writer *writer = calloc(1, sizeof *writer);
    void *memory = writer != NULL ? calloc(1, GROVE_BUS_RING_HEAD_BYTES + RING_BYTES) : NULL;
    if (memory == NULL) {
        free(writer);
        return -1;
    }
    writer->head = memory;
    writer->images = (uint8_t *)memory + GROVE_BUS_RING_HEAD_BYTES;
    writer->ring =
        (struct bus_ring){.id = RING_ID, .head = writer->head, .images = writer->images, .size_bytes = RING_BYTES};
    *state = writer;
    return 0;
}

static int end(void **state) {
    struct writer *writer = *state;
    free(writer->client.copy.bytes);
    free(writer->head);
    free(writer);
    return 0;
}

/* Whole, as the bus writes it: padded where it would wrap, with the marks of the parts that it is the first in. */
static void write_image(struct writer *writer, uint32_t size_bytes) {
    uint64_t to_end = RING_BYTES - writer->written % RING_BYTES, pad = size_bytes <= to_end ? 0 : to_end;
    uint64_t start = writer->written + pad, part = RING_BYTES / GROVE_BUS_RING_MARKS;
    writer->head->reserved = start + size_bytes;
    if (pad > 0)
        memcpy(writer->images + writer->written % RING_BYTES,
               &(struct grove_bus_image){.size_bytes = (uint32_t)pad, .flags = GROVE_BUS_IMAGE_PAD}, 16);
    struct grove_bus_image image = {.size_bytes = size_bytes, .token = writer->count};
    memcpy(writer->images + start % RING_BYTES, &image, sizeof image);
    memset(writer->images + start % RING_BYTES + sizeof image, (int)writer->count, size_bytes - sizeof image);
    for (; writer->marked * part <= start; writer->marked++)
        writer->head->marks[writer->marked % GROVE_BUS_RING_MARKS] = start;
    writer->written = writer->head->written = start + size_bytes;
    writer->head->count = ++writer->count;
}

static int take(struct writer *writer, const struct grove_bus_image **image) {
    return bus_ring_take(&writer->client, &writer->ring, image);
}

static void assert_is(const struct grove_bus_image *image, uint64_t count, uint32_t size_bytes) {
    assert_int_equal(image->token, count);
    assert_int_equal(image->size_bytes, size_bytes);
    const uint8_t *bytes = (const uint8_t *)(image + 1);
    for (size_t i = 0; i < size_bytes - sizeof *image; i++)
        assert_int_equal(bytes[i], (uint8_t)count);
}

static uint32_t some_size(uint64_t number) {
    return 96 + (uint32_t)(number * 7919 % 97) * 16;
}

static void every_image_comes_once_and_in_order(void **state) {
    struct writer *writer = *state;
    const struct grove_bus_image *image;
    uint64_t read = 0;
    for (unsigned round = 0; round < 300; round++) {
        for (unsigned i = 0; i < 1 + round % 40; i++)
            write_image(writer, some_size(writer->count));
        while (take(writer, &image) == 0) {
            assert_is(image, read, some_size(read));
            read++;
        }
        assert_int_equal(read, writer->count);
        assert_int_equal(writer->ring.position, writer->written);
    }
}

static void an_image_larger_than_a_copy_comes_whole(void **state) {
    struct writer *writer = *state;
    const struct grove_bus_image *image;
    write_image(writer, 112);
    write_image(writer, RING_BYTES / 2);
    write_image(writer, 112);
    const uint32_t sizes[] = {112, RING_BYTES / 2, 112};
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(take(writer, &image), 0);
        assert_is(image, i, sizes[i]);
    }
    assert_int_equal(take(writer, &image), GROVE_AGAIN);
}

static void who_is_overtaken_goes_on_with_what_is_whole(void **state) {
    struct writer *writer = *state;
    const struct grove_bus_image *image;
    for (unsigned i = 0; i < 10; i++)
        write_image(writer, 176);
    assert_int_equal(take(writer, &image), 0);
    assert_is(image, 0, 176);
    uint64_t first = writer->count;
    for (unsigned i = 0; i < 2000; i++)
        write_image(writer, 176);
    /* What was copied before is whole still. */
    for (uint64_t i = 1; i < first; i++) {
        assert_int_equal(take(writer, &image), 0);
        assert_is(image, i, 176);
    }
    assert_int_equal(take(writer, &image), 0);
    uint64_t next = image->token;
    assert_true(next > writer->count - RING_BYTES / 176 && next < writer->count);
    for (; next < writer->count; next++) {
        assert_is(image, next, 176);
        assert_int_equal(take(writer, &image), next + 1 < writer->count ? 0 : GROVE_AGAIN);
    }
}

/* The writer has reserved room that reaches into what is being read: none of it may be used, although it looks whole. */
static void what_is_being_overwritten_is_not_used(void **state) {
    struct writer *writer = *state;
    const struct grove_bus_image *image;
    while (writer->written + 176 <= RING_BYTES)
        write_image(writer, 176);
    writer->head->reserved = RING_BYTES + 176;
    int status = take(writer, &image);
    assert_true(status == GROVE_AGAIN || (status == 0 && image->token > 0));
}

static void a_copy_is_of_its_own_ring_only(void **state) {
    struct writer *writer = *state;
    const struct grove_bus_image *image;
    write_image(writer, 112);
    write_image(writer, 112);
    assert_int_equal(take(writer, &image), 0);
    struct bus_ring other = writer->ring;
    other.id++;
    memset(writer->images + other.position + sizeof(struct grove_bus_image), 'n', 16);
    assert_int_equal(bus_ring_take(&writer->client, &other, &image), 0);
    assert_int_equal(((const uint8_t *)(image + 1))[0], 'n');
}

static void what_makes_no_sense_is_refused(void **state) {
    struct writer *writer = *state;
    const struct grove_bus_image *image;
    static const uint32_t sizes[] = {0, 8, 80, 113, RING_BYTES, UINT32_MAX, UINT32_MAX - 15, 240};
    write_image(writer, 112);
    write_image(writer, 112);
    for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        memcpy(writer->images, &sizes[i], sizeof sizes[i]);
        writer->client.copy.length_bytes = 0;
        writer->ring.position = 0;
        assert_int_equal(take(writer, &image), GROVE_CORRUPT);
        assert_int_equal(writer->ring.position, 0);
    }
    writer->head->written = 24;
    assert_int_equal(take(writer, &image), GROVE_CORRUPT);
    writer->ring.position = 48;
    assert_int_equal(take(writer, &image), GROVE_CORRUPT);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(every_image_comes_once_and_in_order, begin, end),
        cmocka_unit_test_setup_teardown(an_image_larger_than_a_copy_comes_whole, begin, end),
        cmocka_unit_test_setup_teardown(who_is_overtaken_goes_on_with_what_is_whole, begin, end),
        cmocka_unit_test_setup_teardown(what_is_being_overwritten_is_not_used, begin, end),
        cmocka_unit_test_setup_teardown(a_copy_is_of_its_own_ring_only, begin, end),
        cmocka_unit_test_setup_teardown(what_makes_no_sense_is_refused, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
