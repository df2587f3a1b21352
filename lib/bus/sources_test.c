/*
 * Rings of publishers as a subscription reads them: the order that the bus's ring says, what may not be believed of a
 * publisher, and rings that outlive the bus which showed them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/bus/bus.h"
#include "lib/bus/ring_writer.h"

#include <stdlib.h>
#include <string.h>

#define RING_BYTES UINT64_C(16384)
#define ID 77u

struct scene {
    struct grove_session session;
    struct grove_kernel_page page;
    struct bus_client client;
    struct grove_subscription subscription;
    struct bus_source *source;
    struct grove_bus_direct_ring *head;
    struct ring_writer writer;
    unsigned count;
    char heard[64]; /* the first byte of each event */
    struct grove_event last;
};

static int hear(const struct grove_event *event, void *context) {
    struct scene *scene = context;
    assert_true(scene->count + 1 < sizeof scene->heard);
    scene->heard[scene->count++] = *(const char *)event->data;
    scene->last = *event;
    return 0;
}

static int begin(void **state) {
    struct scene *scene = calloc(1, sizeof *scene);
    struct bus_source *source = calloc(1, sizeof *source);
    void *memory = aligned_alloc(4096, GROVE_BUS_RING_HEAD_BYTES + RING_BYTES);
    if (scene == NULL || source == NULL || memory == NULL) {
        free(scene);
        free(source);
        free(memory);
        return -1;
    }
    memset(memory, 0, GROVE_BUS_RING_HEAD_BYTES + RING_BYTES);
    scene->session.page = &scene->page;
    scene->session.bus = &scene->client;
    scene->session.expiry_ns = GROVE_FOREVER;
    scene->client.session = &scene->session;
    scene->client.subscriptions = &scene->subscription;
    scene->subscription.client = &scene->client;
    scene->subscription.handler = hear;
    scene->subscription.context = scene;
    scene->subscription.sources = source;
    strcpy(scene->subscription.wanted.pattern, "grid.*");
    scene->head = memory;
    scene->writer = (struct ring_writer){
        .head = &scene->head->ring, .images = (uint8_t *)memory + GROVE_BUS_RING_HEAD_BYTES, .size_bytes = RING_BYTES};
    scene->source = source;
    source->id = ID;
    source->head = scene->head;
    source->ring = (struct bus_ring){
        .id = 5, .head = &scene->head->ring, .images = scene->writer.images, .size_bytes = RING_BYTES};
    strcpy(source->shown.pattern, "grid.>");
    strcpy(source->shown.publisher.text, "grid.acquire");
    *state = scene;
    return 0;
}

static int end(void **state) {
    struct scene *scene = *state;
    bus_sources_close(&scene->subscription);
    free(scene->client.copy.bytes);
    free(scene->head);
    free(scene);
    return 0;
}

/* One event: `mark` is its data. */
static void say_at(struct scene *scene, const char *subject, char mark, uint64_t time_ns) {
    uint16_t subject_bytes = (uint16_t)strlen(subject);
    uint32_t data_at = ((uint32_t)sizeof(struct grove_bus_direct_image) + subject_bytes + 2u + 7u) & ~7u;
    uint32_t size_bytes = (data_at + 1u + 15u) & ~15u;
    uint8_t *place = ring_writer_begin(&scene->writer, size_bytes);
    const struct grove_bus_direct_image image = {.size_bytes = size_bytes,
                                                 .subject_bytes = subject_bytes,
                                                 .data_bytes = 1,
                                                 .time_ns = time_ns,
                                                 .token = scene->writer.count};
    memset(place, 0, size_bytes);
    memcpy(place, &image, sizeof image);
    memcpy(place + sizeof image, subject, subject_bytes + 1u);
    place[data_at] = (uint8_t)mark;
    ring_writer_publish(&scene->writer);
}

static void say(struct scene *scene, char mark) {
    say_at(scene, "grid.one", mark, bus_wall_ns());
}

static bool control(struct scene *scene, uint32_t kind, uint64_t position) {
    const struct grove_bus_control told = {.kind = kind, .id = ID, .position = position};
    scene->subscription.held = told;
    scene->subscription.is_held = !bus_source_control(&scene->subscription, &told);
    return !scene->subscription.is_held;
}

static void read_all(struct scene *scene) {
    while (bus_sources_read(&scene->subscription, 4) > 0)
        continue;
}

static void a_ring_is_read_from_where_the_bus_says(void **state) {
    struct scene *scene = *state;
    say(scene, 'a');
    read_all(scene);
    assert_int_equal(scene->count, 0);
    assert_false(bus_sources_have_more(&scene->subscription));
    assert_true(control(scene, GROVE_BUS_CONTROL_BEGINS, 0));
    read_all(scene);
    assert_string_equal(scene->heard, "a");
    assert_true((scene->last.flags & GROVE_EVENT_DIRECT) != 0);
    assert_string_equal(scene->last.publisher, "grid.acquire");
    assert_int_equal(scene->last.sequence, 1);
}

/* What follows in the bus's ring waits until the ring has been read to its end there, and no further. */
static void a_ring_that_ends_is_read_to_there_first(void **state) {
    struct scene *scene = *state;
    assert_true(control(scene, GROVE_BUS_CONTROL_BEGINS, 0));
    say(scene, 'a');
    say(scene, 'b');
    uint64_t position = scene->writer.written;
    assert_false(control(scene, GROVE_BUS_CONTROL_ENDS, position));
    say(scene, 'c');
    read_all(scene);
    assert_string_equal(scene->heard, "ab");
    assert_true(control(scene, GROVE_BUS_CONTROL_ENDS, position));
    read_all(scene);
    assert_string_equal(scene->heard, "ab");
    assert_true(control(scene, GROVE_BUS_CONTROL_BEGINS, position));
    read_all(scene);
    assert_string_equal(scene->heard, "abc");
}

/* Whoever says that there was more than there is holds nobody up. */
static void an_end_that_never_comes_is_not_waited_for(void **state) {
    struct scene *scene = *state;
    assert_true(control(scene, GROVE_BUS_CONTROL_BEGINS, 0));
    say(scene, 'a');
    assert_false(control(scene, GROVE_BUS_CONTROL_ENDS, UINT64_MAX));
    read_all(scene);
    assert_true(control(scene, GROVE_BUS_CONTROL_ENDS, UINT64_MAX));
}

static void a_ring_that_nobody_knows_is_waited_for_until_it_is_over(void **state) {
    struct scene *scene = *state;
    struct grove_bus_control strange = {.kind = GROVE_BUS_CONTROL_BEGINS, .id = ID + 1};
    assert_false(bus_source_control(&scene->subscription, &strange));
    scene->subscription.held = strange;
    scene->subscription.is_held = true;
    bus_source_over(&scene->subscription, ID + 1);
    assert_true(bus_source_control(&scene->subscription, &strange));
    strange.kind = GROVE_BUS_CONTROL_ENDS;
    assert_true(bus_source_control(&scene->subscription, &strange));
}

static void what_is_not_its_publishers_to_say_is_left_out(void **state) {
    struct scene *scene = *state;
    scene->source->is_begun = true;
    say(scene, 'a');
    say_at(scene, "capability.started.fake", 'x', 1);
    say_at(scene, "grid.*", 'x', 1);
    say_at(scene, "grid.a b", 'x', 1);
    say_at(scene, "grid.one.two", 'n', 1); /* lawful, and not subscribed to */
    say(scene, 'b');
    read_all(scene);
    assert_string_equal(scene->heard, "ab");
    assert_true(scene->subscription.strange >= 3);
}

static void a_clock_runs_neither_ahead_nor_back(void **state) {
    struct scene *scene = *state;
    scene->source->is_begun = true;
    uint64_t before_ns = bus_wall_ns();
    say_at(scene, "grid.one", 'a', UINT64_MAX);
    read_all(scene);
    assert_true(scene->last.time_ns >= before_ns && scene->last.time_ns <= bus_wall_ns());
    uint64_t first_ns = scene->last.time_ns;
    say_at(scene, "grid.one", 'b', first_ns - 1000);
    read_all(scene);
    assert_int_equal(scene->last.time_ns, first_ns);
    assert_int_equal(scene->subscription.strange, 2);
    say_at(scene, "grid.one", 'c', bus_wall_ns());
    read_all(scene);
    assert_int_equal(scene->subscription.strange, 2);
}

static void garbage_ends_the_ring_and_nothing_else(void **state) {
    struct scene *scene = *state;
    static const struct grove_bus_direct_image wrong[] = {
        {.size_bytes = 48, .subject_bytes = 60000},
        {.size_bytes = 48, .subject_bytes = 3, .data_bytes = UINT32_MAX},
        {.size_bytes = 48, .subject_bytes = 3, .headers_bytes = UINT32_MAX},
        {.size_bytes = 48},
        {.size_bytes = 0, .subject_bytes = 3},
        {.size_bytes = 24, .subject_bytes = 3},
        {.size_bytes = UINT32_MAX - 15, .subject_bytes = 3},
        {.size_bytes = 48, .flags = GROVE_BUS_IMAGE_TRACED, .subject_bytes = 3},
    };
    struct bus_ring ring = scene->source->ring;
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        scene->source->ring = ring;
        scene->source->head = scene->head;
        scene->source->is_begun = true;
        scene->client.copy.length_bytes = 0;
        memset(scene->writer.images, 0, 64);
        memcpy(scene->writer.images, &wrong[i], sizeof wrong[i]);
        scene->head->ring.written = 48;
        read_all(scene);
        assert_int_equal(scene->count, 0);
        assert_int_equal(scene->source->ring.id, 0);
        assert_true(control(scene, GROVE_BUS_CONTROL_ENDS, 4096));
    }
}

static void what_was_overtaken_is_counted(void **state) {
    struct scene *scene = *state;
    scene->source->is_begun = true;
    for (unsigned i = 0; i < 2000; i++)
        say(scene, 'o');
    assert_int_equal(bus_sources_read(&scene->subscription, 1), 1);
    assert_true(scene->last.missed > 1000);
    assert_int_equal(scene->last.sequence, scene->last.missed + 1);
    assert_int_equal(scene->subscription.local.dropped, scene->last.missed);
}

static void a_ring_of_a_bus_that_died_is_read_until_it_is_closed(void **state) {
    struct scene *scene = *state;
    say(scene, 'a');
    bus_sources_orphan(&scene->subscription, 0);
    assert_false(bus_sources_have_orphans(&scene->subscription));
    bus_sources_orphan(&scene->subscription, 1);
    assert_true(bus_orphans_have_more(&scene->subscription));
    read_all(scene);
    say(scene, 'b');
    read_all(scene);
    assert_string_equal(scene->heard, "ab");
    assert_true(bus_sources_have_orphans(&scene->subscription));
    say(scene, 'c');
    scene->head->is_closed = 1;
    read_all(scene);
    assert_string_equal(scene->heard, "abc");
    assert_false(bus_sources_have_orphans(&scene->subscription));
}

static void a_sleep_is_on_the_rings_word_unless_there_is_more(void **state) {
    struct scene *scene = *state;
    struct session_word words[4];
    unsigned count = 4;
    scene->source->is_begun = scene->source->is_armed = true;
    assert_true(bus_sources_sleep(&scene->session, words, &count));
    assert_int_equal(count, 1);
    assert_ptr_equal(words[0].word, &scene->head->signal);
    say(scene, 'a');
    count = 4;
    assert_false(bus_sources_sleep(&scene->session, words, &count));
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define CASE(name) cmocka_unit_test_setup_teardown(name, begin, end)
        CASE(a_ring_is_read_from_where_the_bus_says),
        CASE(a_ring_that_ends_is_read_to_there_first),
        CASE(an_end_that_never_comes_is_not_waited_for),
        CASE(a_ring_that_nobody_knows_is_waited_for_until_it_is_over),
        CASE(what_is_not_its_publishers_to_say_is_left_out),
        CASE(a_clock_runs_neither_ahead_nor_back),
        CASE(garbage_ends_the_ring_and_nothing_else),
        CASE(what_was_overtaken_is_counted),
        CASE(a_ring_of_a_bus_that_died_is_read_until_it_is_closed),
        CASE(a_sleep_is_on_the_rings_word_unless_there_is_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
