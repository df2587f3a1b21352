/* Interned texts, names, and what it costs to find one among many: counted in steps, not measured in time. */
#include "kernel/core/test/world.h"

#include "kernel/core/test/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void texts_are_kept_once(void **state) {
    (void)state;
    enum { BYTES = 65536 };
    static _Alignas(64) uint8_t memory[BYTES];
    static uint8_t marks[BYTES / 32];
    static uint32_t buckets[BYTES / 64];
    const uint64_t key[2] = {1, 2};
    struct texts texts;
    text_id first = 0;
    text_id second = 0;
    text_id third = 0;
    texts_init(&texts, memory, BYTES, marks, buckets, key);
    assert_int_equal(text_intern(&texts, "grid.one", 8, &first), 0);
    uint32_t used = texts.heap.used;
    assert_int_equal(text_intern(&texts, "grid.one", 8, &second), 0);
    assert_int_equal(first, second);
    assert_int_equal(texts.heap.used, used);
    assert_int_equal(text_intern(&texts, "grid.on", 7, &third), 0);
    assert_int_not_equal(first, third);
    text_bind(&texts, first, TEXT_ENDPOINT, 9);
    assert_int_equal(text_bound(&texts, &(struct grove_name){"grid.one"}, TEXT_ENDPOINT), 9);
    assert_int_equal(text_bound(&texts, &(struct grove_name){"grid.on"}, TEXT_ENDPOINT), 0);
    text_unref(&texts, first);
    assert_int_equal(text_find(&texts, "grid.one", 8), second);
    text_unref(&texts, second);
    assert_int_equal(text_find(&texts, "grid.one", 8), 0);
    text_unref(&texts, third);
    assert_int_equal(texts.heap.used, 0);
}

/* The reference vector of the SipHash paper: key 00..0f, message 00..0e. */
static void the_hash_is_siphash(void **state) {
    (void)state;
    const uint64_t key[2] = {UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)};
    uint8_t message[15];
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    assert_true(text_hash(key, message, sizeof(message)) == UINT64_C(0xa129ca6149be45e5));
}

static void names_are_checked(void **state) {
    (void)state;
    static const char *const bad[] = {"", ".", "a.", ".a", "a..b", "a b", "a/b", "*"};
    struct grove_name name = world_name("Grid-1.a_b.c");
    assert_true(name_is_valid(&name));
    for (size_t i = 0; i < ITEMS(bad); i++) {
        name = world_name(bad[i]);
        assert_false(name_is_valid(&name));
    }
    memset(name.text, 'a', sizeof(name.text)); /* no terminator */
    assert_false(name_is_valid(&name));
}

/* ---- steps ---- */

enum { MANY_BYTES = 16 << 20 };

/* Looking for each text once takes `steps`, for the one that is hardest to find `most`. */
struct census {
    uint32_t count, steps, most;
};

static struct census take_census(const struct texts *texts) {
    struct census census = {0};
    for (uint32_t bucket = 0; bucket < texts->bucket_max; bucket++) {
        uint32_t place = 0;
        for (text_id id = texts->buckets[bucket]; id != 0; census.count++) {
            census.steps += ++place;
            id = ((const struct text *)(const void *)(texts->heap.base + (size_t)(id - 1) * 32))->next;
        }
        census.most = place > census.most ? place : census.most;
    }
    return census;
}

static text_id intern_number(struct texts *texts, uint32_t number) {
    char name[32];
    text_id id = 0;
    int length = snprintf(name, sizeof(name), "scale.s%u", number);
    assert_int_equal(text_intern(texts, name, (uint32_t)length, &id), 0);
    return id;
}

static void finding_takes_no_more_steps_among_many(void **state) {
    (void)state;
    static const uint32_t counts[] = {10, 100, 1000, 10000, 100000};
    const uint64_t key[2] = {1, 2};
    struct texts texts;
    uint8_t *memory = aligned_alloc(64, MANY_BYTES);
    uint8_t *marks = calloc(1, heap_mark_bytes(MANY_BYTES, 32));
    uint32_t *buckets = calloc(texts_bucket_count(MANY_BYTES), sizeof(*buckets));
    text_id *ids = calloc(counts[ITEMS(counts) - 1], sizeof(*ids));
    uint32_t made = 0;
    texts_init(&texts, memory, MANY_BYTES, marks, buckets, key);
    for (size_t i = 0; i < ITEMS(counts); i++) {
        for (; made < counts[i]; made++)
            ids[made] = intern_number(&texts, made);
        struct census census = take_census(&texts);
        assert_int_equal(census.count, counts[i]);
        assert_true(census.steps < 2 * counts[i]);
        assert_true(census.most <= 10);
        for (uint32_t number = 0; number < made; number++)
            assert_int_equal(intern_number(&texts, number), ids[number]);
        for (uint32_t number = 0; number < made; number++)
            text_unref(&texts, ids[number]);
    }
    /* What is left are the buckets; every text can go, in any order. */
    for (uint32_t number = 0; number < made; number += 2)
        text_unref(&texts, ids[number]);
    for (uint32_t number = 1; number < made; number += 2)
        text_unref(&texts, ids[number]);
    assert_int_equal(take_census(&texts).count, 0);
    assert_int_equal(texts.heap.used, 0);
    free(ids);
    free(buckets);
    free(marks);
    free(memory);
}

/* ---- the same through the port ---- */

static const struct world_permission permissions[] = {
    {.kind = GROVE_CAP_IPC_SEND, .text = "scale.>"},
    {.kind = GROVE_CAP_IPC_RECV, .text = "scale.>"},
};

static void open_many(struct world *world) {
    static const struct core_limits many = {.containers = 8,
                                            .endpoints = 12000,
                                            .channels = 1024,
                                            .regions = 8,
                                            .projects = 8,
                                            .capabilities = 16384,
                                            .text_bytes = 4u << 20,
                                            .spec_bytes = 1u << 16,
                                            .pending = 64,
                                            .audit = 64};
    char name[32];
    world_open(world, &many);
    for (uint32_t i = 0; i < 10000; i++) {
        snprintf(name, sizeof(name), "scale.s%u", i);
        assert_int_equal(world_endpoint(world, world->init, name, 0, NULL), 0);
    }
}

static void each_of_many_names_is_found(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    open_many(&world);
    for (uint32_t i = 0; i < 10000; i += 97) {
        struct grove_endpoint_read body = {0};
        snprintf(body.name.text, sizeof(body.name.text), "scale.s%u", i);
        assert_int_equal(world_ask(&world, world.init, GROVE_REQUEST_ENDPOINT_READ, &body, sizeof(body), &reply), 0);
        assert_string_equal(reply.message.body.endpoint_record.name.text, body.name.text);
    }
    assert_true(take_census(&world.core->texts).most <= 10);
    assert_int_equal(world_endpoint(&world, world.init, "scale.s9999", 0, NULL), GROVE_EXISTS);
    world_close(&world);
}

/* A client that has many channels finds the one that it has already as quickly as one that has few. */
static void a_client_finds_its_channel_among_many(void **state) {
    (void)state;
    struct world world;
    struct fake_packet reply;
    const struct world_spec spec = {
        .name = "scale.client", .permissions = permissions, .count = 2, .budget = {.channels = 300}};
    open_many(&world);
    machine_container client = world_service(&world, world.init, &spec, NULL);
    uint32_t before = take_census(&world.core->texts).count;
    for (uint64_t tag = 1; tag <= 300; tag++) {
        struct grove_channel_connect body = {
            .endpoint = world_name("scale.s7"), .tag = tag, .arena_bytes = GROVE_ARENA_NONE};
        assert_int_equal(world_ask(&world, client, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), &reply), 0);
        assert_int_equal(world_ask(&world, client, GROVE_REQUEST_CHANNEL_CONNECT, &body, sizeof(body), &reply),
                         GROVE_EXISTS);
    }
    assert_int_equal(take_census(&world.core->texts).count, before + 300);
    assert_true(take_census(&world.core->texts).most <= 10);
    world_close(&world);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texts_are_kept_once),         cmocka_unit_test(the_hash_is_siphash),
        cmocka_unit_test(names_are_checked),           cmocka_unit_test(finding_takes_no_more_steps_among_many),
        cmocka_unit_test(each_of_many_names_is_found), cmocka_unit_test(a_client_finds_its_channel_among_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
