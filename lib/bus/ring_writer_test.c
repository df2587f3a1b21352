/*
 * A ring whose writer dies after any of its stores, and one that is written and read at once: what a reader gets is whole, in
 * order, and once; what is missing is at the end, or has been overtaken and is counted.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void stored(void);
#define RING_WRITER_STORED() stored()

#include "lib/bus/bus.h"
#include "lib/bus/ring_writer.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define RING_BYTES UINT64_C(16384)
#define EVENTS 200u
#define FLOOD 200000u

static struct {
    jmp_buf dead;
    unsigned long count, dies_at; /* dies_at 0: never */
} life;

static void stored(void) {
    if (life.dies_at != 0 && ++life.count == life.dies_at)
        longjmp(life.dead, 1);
}

struct scene {
    _Alignas(4096) uint8_t memory[GROVE_BUS_RING_HEAD_BYTES + RING_BYTES];
    struct ring_writer writer;
    struct bus_client client;
    struct bus_ring ring;
    uint64_t read; /* events */
};

static struct scene *open_scene(void) {
    struct scene *scene = aligned_alloc(4096, (sizeof *scene + 4095u) & ~4095u);
    assert_non_null(scene);
    memset(scene, 0, sizeof *scene);
    struct grove_bus_ring *head = (void *)scene->memory;
    uint8_t *images = scene->memory + GROVE_BUS_RING_HEAD_BYTES;
    scene->writer = (struct ring_writer){.head = head, .images = images, .size_bytes = RING_BYTES};
    scene->ring = (struct bus_ring){.id = 1, .head = head, .images = images, .size_bytes = RING_BYTES};
    return scene;
}

static void close_scene(struct scene *scene) {
    free(scene->client.copy.bytes);
    free(scene);
}

static uint32_t size_of(uint64_t number) {
    return (uint32_t)sizeof(struct grove_bus_direct_image) + 8u + 16u * (uint32_t)(number * 7919 % 23);
}

/* Every word of an event is made of its number, and each piece of it may be the last thing that its writer does. */
static void write_event(struct ring_writer *writer) {
    uint64_t number = writer->count;
    uint32_t size_bytes = size_of(number);
    uint8_t *place = ring_writer_begin(writer, size_bytes);
    const struct grove_bus_direct_image head = {.size_bytes = size_bytes, .token = number};
    memcpy(place, &head, sizeof head);
    stored();
    for (uint32_t at = sizeof head; at < size_bytes; at += 8) {
        memcpy(place + at, &number, sizeof number);
        stored();
    }
    ring_writer_publish(writer);
}

/* GROVE_AGAIN at the end; *number is that of the event. */
static int read_event(struct scene *scene, uint64_t *number) {
    const void *piece = NULL;
    uint64_t word = 0;
    int status = bus_ring_take_piece(&scene->client, &scene->ring, sizeof(struct grove_bus_direct_image), &piece);
    if (status != 0)
        return status;
    const struct grove_bus_direct_image *image = piece;
    assert_int_equal(image->size_bytes, size_of(image->token));
    for (uint32_t at = sizeof *image; at < image->size_bytes; at += 8) {
        memcpy(&word, (const uint8_t *)piece + at, sizeof word);
        assert_int_equal(word, image->token);
    }
    *number = image->token;
    return 0;
}

static void read_all(struct scene *scene) {
    uint64_t number = 0;
    int status;
    while ((status = read_event(scene, &number)) == 0) {
        assert_true(number >= scene->read);
        scene->read = number + 1;
    }
    assert_int_equal(status, GROVE_AGAIN);
}

static void write_until_death(struct scene *scene, unsigned long dies_at, unsigned lag) {
    life.count = 0;
    life.dies_at = dies_at;
    if (setjmp(life.dead) == 0)
        while (scene->writer.count < EVENTS) {
            write_event(&scene->writer);
            if (lag > 0 && scene->writer.count % lag == 0)
                read_all(scene);
        }
    life.dies_at = 0;
}

/* A reader that keeps up has all that was published; one that begins after the death, what the ring still holds. */
static void nothing_half_written_is_read_wherever_the_writer_dies(void **state) {
    (void)state;
    for (unsigned lag = 0; lag <= 3; lag += 3) {
        unsigned long dies_at = 1;
        for (bool is_over = false; !is_over; dies_at++) {
            struct scene *scene = open_scene();
            write_until_death(scene, dies_at, lag);
            is_over = life.count < dies_at;
            read_all(scene);
            uint64_t published = scene->writer.head->written == 0 ? 0 : scene->read;
            assert_true(published <= EVENTS && published + 1 >= scene->writer.count);
            uint64_t before = scene->read;
            read_all(scene);
            assert_int_equal(scene->read, before);
            close_scene(scene);
        }
        assert_true(dies_at > 10 * (unsigned long)EVENTS);
    }
}

static void *flood(void *context) {
    struct scene *scene = context;
    while (scene->writer.count < FLOOD)
        write_event(&scene->writer);
    return NULL;
}

static void what_is_read_while_it_is_overtaken_is_whole(void **state) {
    (void)state;
    struct scene *scene = open_scene();
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, flood, scene), 0);
    while (scene->read < FLOOD)
        read_all(scene);
    assert_int_equal(pthread_join(thread, NULL), 0);
    close_scene(scene);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_half_written_is_read_wherever_the_writer_dies),
        cmocka_unit_test(what_is_read_while_it_is_overtaken_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
