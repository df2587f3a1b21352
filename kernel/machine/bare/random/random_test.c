/* Unit tests of the random numbers: the RFC's own example, and what a pool must and must not do. */
#include "kernel/machine/bare/random/random.h"

#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/random/chacha20.h"

#include <string.h>

/* RFC 8439, section 2.3.2. */
static void a_block_is_what_the_standard_says(void **state) {
    static const uint32_t nonce[3] = {0x09000000, 0x4a000000, 0};
    static const uint32_t expected[16] = {0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
                                          0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                                          0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
    uint32_t key[8], block[16];
    (void)state;
    for (uint32_t i = 0; i < 8; i++)
        key[i] = (4 * i) | (4 * i + 1) << 8 | (4 * i + 2) << 16 | (4 * i + 3) << 24;
    chacha20_block(key, 1, nonce, block);
    assert_memory_equal(block, expected, sizeof(expected));
}

static void a_pool_is_ready_once_enough_was_mixed_in(void **state) {
    struct random_pool pool = {0};
    (void)state;
    random_mix(&pool, "guess", 5, 0);
    random_mix(&pool, "better", 6, RANDOM_BITS_WANTED - 1);
    assert_false(random_is_ready(&pool));
    random_mix(&pool, "last", 4, UINT32_MAX);
    assert_true(random_is_ready(&pool));
    random_mix(&pool, NULL, 0, 0);
    assert_true(random_is_ready(&pool));
}

static void every_byte_and_its_place_count(void **state) {
    uint8_t bytes[70] = {0}, first[16], other[16];
    (void)state;
    struct random_pool pool = {0};
    random_mix(&pool, bytes, sizeof(bytes), 0);
    random_fill(&pool, first, sizeof(first));
    for (size_t i = 0; i < sizeof(bytes); i++) {
        struct random_pool changed = {0};
        bytes[i] = 1;
        random_mix(&changed, bytes, sizeof(bytes), 0);
        bytes[i] = 0;
        random_fill(&changed, other, sizeof(other));
        assert_true(memcmp(first, other, sizeof(first)) != 0);
    }
}

/* Whoever sees the pool afterwards sees nothing of what it gave. */
static void what_was_given_is_not_in_the_pool(void **state) {
    struct random_pool pool = {0};
    uint8_t given[32];
    (void)state;
    random_mix(&pool, "seed", 4, 256);
    random_fill(&pool, given, sizeof(given));
    const uint8_t *key = (const uint8_t *)pool.key;
    for (size_t at = 0; at + 4 <= sizeof(pool.key); at++)
        for (size_t i = 0; i + 4 <= sizeof(given); i++)
            assert_true(memcmp(key + at, given + i, 4) != 0);
}

static void any_length_is_filled_and_no_more(void **state) {
    struct random_pool pool = {0};
    uint8_t bytes[200];
    (void)state;
    for (size_t count = 0; count < 190; count++) {
        memset(bytes, 0x55, sizeof(bytes));
        random_fill(&pool, bytes, count);
        for (size_t i = count; i < sizeof(bytes); i++)
            assert_int_equal(bytes[i], 0x55);
    }
    unsigned ones = 0;
    for (size_t i = 0; i < 189; i++)
        ones += (unsigned)__builtin_popcount(bytes[i]);
    assert_true(ones > 600 && ones < 912); /* of 1512 bits; more than seven standard deviations */
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_is_what_the_standard_says), cmocka_unit_test(a_pool_is_ready_once_enough_was_mixed_in),
        cmocka_unit_test(every_byte_and_its_place_count),    cmocka_unit_test(what_was_given_is_not_in_the_pool),
        cmocka_unit_test(any_length_is_filled_and_no_more),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
