/* Maps: what is put is read, a change is seen whole or not at all, and bad memory is an error. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/map/layout.h"
#include "lib/map/map.h"

#define MAP_BYTES (64u << 10)

struct fixture {
    uint64_t *memory;
    struct map_writer writer;
    struct map_view view;
};

static int set_up(void **state) {
    struct fixture *fixture = calloc(1, sizeof *fixture);
    fixture->memory = calloc(1, MAP_BYTES);
    assert_int_equal(map_create(&fixture->writer, fixture->memory, MAP_BYTES, 64, 7, 100), 0);
    assert_int_equal(map_attach(&fixture->view, fixture->memory, MAP_BYTES), 0);
    *state = fixture;
    return 0;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    free(fixture->memory);
    free(fixture);
    return 0;
}

static int put(struct fixture *fixture, const char *key, const char *value) {
    return map_put(&fixture->writer, key, strlen(key), 1, value, strlen(value) + 1);
}

static int get(const struct fixture *fixture, const char *key, char *value, size_t room) {
    uint32_t kind;
    return map_get(&fixture->view, key, strlen(key), value, room, NULL, &kind);
}

static void assert_value(const struct fixture *fixture, const char *key, const char *expected) {
    char value[8192];
    assert_int_equal(get(fixture, key, value, sizeof value), 0);
    assert_string_equal(value, expected);
}

static void test_a_change_is_seen_when_published(void **state) {
    struct fixture *fixture = *state;
    char value[16];
    assert_int_equal(put(fixture, "limit", "49.0"), 0);
    assert_int_equal(get(fixture, "limit", value, sizeof value), GROVE_NOT_FOUND);
    assert_int_equal(map_version(&fixture->view), 100);
    map_publish(&fixture->writer);
    assert_value(fixture, "limit", "49.0");
    assert_int_equal(map_version(&fixture->view), 101);
    assert_int_equal(put(fixture, "limit", "48.8"), 0);
    assert_value(fixture, "limit", "49.0");
    assert_int_equal(put(fixture, "limit", "48.6"), 0); /* twice in one change */
    map_publish(&fixture->writer);
    assert_value(fixture, "limit", "48.6");
    assert_int_equal(get(fixture, "other", value, sizeof value), GROVE_NOT_FOUND);
}

static void test_a_value_outgrows_its_slot(void **state) {
    struct fixture *fixture = *state;
    struct map_place place;
    char large[4001], value[8192];
    uint32_t kind;
    memset(large, 'x', sizeof large - 1);
    large[sizeof large - 1] = '\0';
    assert_int_equal(put(fixture, "name", "short"), 0);
    map_publish(&fixture->writer);
    assert_int_equal(map_find(&fixture->view, "name", 4, &place), 0);
    assert_int_equal(put(fixture, "name", large), 0);
    assert_value(fixture, "name", "short");
    assert_int_equal(map_read(&fixture->view, &place, value, sizeof value, NULL, &kind), 0);
    map_publish(&fixture->writer);
    assert_int_equal(map_read(&fixture->view, &place, value, sizeof value, NULL, &kind), GROVE_WRONG_STATE);
    assert_value(fixture, "name", large);
    assert_int_equal(put(fixture, "name", "short again"), 0);
    map_publish(&fixture->writer);
    assert_value(fixture, "name", "short again");
}

static void test_removed_and_put_again(void **state) {
    struct fixture *fixture = *state;
    char value[16];
    assert_int_equal(put(fixture, "key", "one"), 0);
    map_publish(&fixture->writer);
    assert_int_equal(map_put(&fixture->writer, "key", 3, MAP_KIND_ABSENT, NULL, 0), 0);
    assert_value(fixture, "key", "one");
    map_publish(&fixture->writer);
    assert_int_equal(get(fixture, "key", value, sizeof value), GROVE_NOT_FOUND);
    assert_int_equal(put(fixture, "key", "two"), 0);
    map_publish(&fixture->writer);
    assert_value(fixture, "key", "two");
}

static void test_many_keys_until_it_is_full(void **state) {
    struct fixture *fixture = *state;
    char key[32];
    unsigned count = 0;
    int status = 0;
    while (status == 0 && count < 100000) {
        (void)snprintf(key, sizeof key, "key.number.%u", count);
        status = put(fixture, key, key);
        if (status == 0)
            count++;
    }
    assert_int_equal(status, GROVE_EXHAUSTED);
    assert_true(count >= 64);
    map_publish(&fixture->writer);
    struct map_place place;
    uint32_t cursor = 0;
    unsigned met = 0;
    while ((status = map_next(&fixture->view, &cursor, &place)) == 0) {
        assert_memory_equal(map_key(&fixture->view, &place), "key.number.", 11);
        met++;
    }
    assert_int_equal(status, GROVE_NOT_FOUND);
    assert_int_equal(met, count);
    for (unsigned index = 0; index < count; index++) {
        (void)snprintf(key, sizeof key, "key.number.%u", index);
        assert_value(fixture, key, key);
    }
}

static void test_the_size_that_is_computed_is_enough(void **state) {
    (void)state;
    struct map_writer writer;
    char key[32], value[100] = "";
    uint64_t bytes = map_size_for(200, 200 * (12 + sizeof value));
    void *memory = calloc(1, bytes);
    assert_int_equal(map_create(&writer, memory, bytes, 200, 1, 1), 0);
    for (unsigned index = 0; index < 200; index++) {
        (void)snprintf(key, sizeof key, "key.%05u", index);
        assert_int_equal(map_put(&writer, key, strlen(key), 1, value, sizeof value), 0);
    }
    free(memory);
}

static void test_a_short_buffer_gets_the_beginning(void **state) {
    struct fixture *fixture = *state;
    struct map_place place;
    char value[4] = "";
    size_t length = 0;
    uint32_t kind = 0;
    assert_int_equal(put(fixture, "word", "electricity"), 0);
    map_publish(&fixture->writer);
    assert_int_equal(map_find(&fixture->view, "word", 4, &place), 0);
    assert_int_equal(map_read(&fixture->view, &place, value, 3, &length, &kind), 0);
    assert_string_equal(value, "ele");
    assert_int_equal(length, 12);
    assert_int_equal(kind, 1);
}

/* ---- bad memory ---- */

static void test_bad_headers(void **state) {
    struct fixture *fixture = *state;
    struct map_header *header = (struct map_header *)(void *)fixture->memory, good = *header;
    struct map_view view;
    assert_int_equal(map_attach(&view, fixture->memory, sizeof good - 1), GROVE_CORRUPT);
    assert_int_equal(map_attach(&view, fixture->memory, MAP_BYTES - 8), GROVE_CORRUPT);
    header->format = 2;
    assert_int_equal(map_attach(&view, fixture->memory, MAP_BYTES), GROVE_VERSION);
    *header = good;
    header->magic = 1;
    assert_int_equal(map_attach(&view, fixture->memory, MAP_BYTES), GROVE_CORRUPT);
    *header = good;
    const uint32_t bad_counts[] = {0, 3, 1u << 30};
    for (unsigned index = 0; index < 3; index++) {
        header->bucket_count = bad_counts[index];
        assert_int_equal(map_attach(&view, fixture->memory, MAP_BYTES), GROVE_CORRUPT);
    }
}

static void test_a_bucket_that_points_outside(void **state) {
    struct fixture *fixture = *state;
    struct map_place place;
    assert_int_equal(put(fixture, "key", "one"), 0);
    map_publish(&fixture->writer);
    uint32_t *bucket =
        (uint32_t *)(uintptr_t)&map_buckets(fixture->view.base)[map_hash("key", 3) & (fixture->view.bucket_count - 1)];
    const uint32_t bad[] = {1, MAP_BYTES / 8 - 1, MAP_BYTES / 8, UINT32_MAX};
    for (unsigned index = 0; index < 4; index++) {
        *bucket = bad[index];
        int status = map_find(&fixture->view, "key", 3, &place);
        assert_true(status == GROVE_CORRUPT || status == GROVE_NOT_FOUND);
    }
}

static void test_a_length_larger_than_its_room(void **state) {
    struct fixture *fixture = *state;
    struct map_place place;
    char value[64];
    uint32_t kind;
    assert_int_equal(put(fixture, "key", "one"), 0);
    map_publish(&fixture->writer);
    assert_int_equal(map_find(&fixture->view, "key", 3, &place), 0);
    for (unsigned index = 0; index < 2; index++) {
        struct map_cell *cell =
            (struct map_cell *)(uintptr_t)slot_cell(fixture->view.base + place.offset_bytes, place.room_bytes, index);
        cell->length_bytes = UINT32_MAX;
    }
    assert_int_equal(map_read(&fixture->view, &place, value, sizeof value, NULL, &kind), GROVE_CORRUPT);
}

/* ---- a reader beside the writer ---- */

struct race {
    struct fixture *fixture;
    bool is_over;
    uint64_t whole; /* pairs that were read without a change in between */
};

/* Both keys are changed together and are as long as each other; values hold one letter only. */
static void *read_pairs(void *context) {
    struct race *race = context;
    char one[256], two[256];
    while (!__atomic_load_n(&race->is_over, __ATOMIC_ACQUIRE)) {
        uint64_t before = map_version(&race->fixture->view);
        if (get(race->fixture, "one", one, sizeof one) < 0 || get(race->fixture, "two", two, sizeof two) < 0)
            abort();
        size_t length = strlen(one);
        for (size_t index = 1; index < length; index++)
            if (one[index] != one[0])
                abort(); /* torn */
        if (map_version(&race->fixture->view) != before)
            continue;
        if (strcmp(one, two) != 0)
            abort(); /* half a change */
        race->whole++;
    }
    return NULL;
}

static void test_a_reader_beside_the_writer(void **state) {
    struct race race = {.fixture = *state};
    pthread_t reader;
    char value[201];
    unsigned seed = 4711;
    assert_int_equal(put(race.fixture, "one", "a") | put(race.fixture, "two", "a"), 0);
    map_publish(&race.fixture->writer);
    assert_int_equal(pthread_create(&reader, NULL, read_pairs, &race), 0);
    for (unsigned change = 0; change < 200000; change++) {
        size_t length = 1 + (size_t)rand_r(&seed) % (sizeof value - 1);
        memset(value, 'a' + (int)(change % 26), length);
        value[length] = '\0';
        assert_int_equal(put(race.fixture, "one", value) | put(race.fixture, "two", value), 0);
        map_publish(&race.fixture->writer);
    }
    __atomic_store_n(&race.is_over, true, __ATOMIC_RELEASE);
    (void)pthread_join(reader, NULL);
    char last[256];
    assert_int_equal(get(race.fixture, "two", last, sizeof last), 0);
    assert_string_equal(last, value);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_a_change_is_seen_when_published, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_value_outgrows_its_slot, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_removed_and_put_again, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_many_keys_until_it_is_full, set_up, tear_down),
        cmocka_unit_test(test_the_size_that_is_computed_is_enough),
        cmocka_unit_test_setup_teardown(test_a_short_buffer_gets_the_beginning, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_bad_headers, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_bucket_that_points_outside, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_length_larger_than_its_room, set_up, tear_down),
        cmocka_unit_test_setup_teardown(test_a_reader_beside_the_writer, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
