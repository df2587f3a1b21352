/*
 * The parts below the engine: taking transactions off the wire, sealing, and the cache.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "servers/store/cache.h"
#include "servers/store/seal.h"
#include "servers/store/transaction.h"

/* ---- transactions ---- */

struct message {
    struct grove_store_transaction_head head;
    struct grove_store_operation operation;
    char text[24];
};

static struct message make_message(void) {
    struct message message = {
        .head = {.version = GROVE_STORE_PROTOCOL_VERSION, .count = 1, .total_bytes = sizeof message},
        .operation = {.kind = GROVE_STORE_SET, .namespace_bytes = 3, .key_bytes = 3, .value_bytes = 5},
        .text = "a.bkeyvalue",
    };
    return message;
}

static int create(const struct message *message, size_t bytes) {
    struct transaction *transaction = NULL;
    const char *fault = NULL;
    int status = transaction_create(message, bytes, &transaction, &fault);
    assert_true(status == 0 || (fault != NULL && strlen(fault) > 10));
    if (status == 0)
        transaction_destroy(transaction);
    return status;
}

static void test_a_transaction_is_taken_apart(void **state) {
    (void)state;
    struct message message = make_message();
    struct transaction *transaction = NULL;
    const char *fault = NULL;
    assert_int_equal(transaction_create(&message, sizeof message, &transaction, &fault), 0);
    memset(&message, 0xff, sizeof message); /* it is a copy */
    assert_int_equal(transaction->count, 1);
    assert_string_equal(transaction->operations[0].name.text, "a.b");
    assert_memory_equal(transaction->operations[0].key, "key", 3);
    assert_memory_equal(transaction->operations[0].value, "value", 5);
    transaction_destroy(transaction);
}

static void test_faults_are_named(void **state) {
    (void)state;
    struct message message = make_message();
    for (size_t bytes = 0; bytes < sizeof message; bytes++)
        assert_int_equal(create(&message, bytes), GROVE_INVALID);
    message.head.version = 2;
    assert_int_equal(create(&message, sizeof message), GROVE_VERSION);
    message = make_message();
    message.head.count = 257;
    assert_int_equal(create(&message, sizeof message), GROVE_TOO_LARGE);
    message.head.count = 2;
    assert_int_equal(create(&message, sizeof message), GROVE_INVALID);
    static const struct grove_store_operation wrong[] = {
        {.kind = 0, .namespace_bytes = 3, .key_bytes = 3},
        {.kind = 5, .namespace_bytes = 3, .key_bytes = 3},
        {.kind = GROVE_STORE_SET, .namespace_bytes = 3, .key_bytes = 0},
        {.kind = GROVE_STORE_SET, .namespace_bytes = 1, .key_bytes = 3},
        {.kind = GROVE_STORE_SET, .namespace_bytes = 3, .key_bytes = 255},
        {.kind = GROVE_STORE_SET, .namespace_bytes = 3, .key_bytes = 3, .value_bytes = UINT32_MAX},
        {.kind = GROVE_STORE_SET, .namespace_bytes = 3, .key_bytes = 3, .lifetime_ms = UINT64_MAX},
        {.kind = GROVE_STORE_ERASE, .namespace_bytes = 3, .key_bytes = 3, .value_bytes = 1},
        {.kind = GROVE_STORE_EXPECT, .namespace_bytes = 3, .key_bytes = 0},
        {.kind = GROVE_STORE_EXPECT_NAMESPACE, .namespace_bytes = 3, .key_bytes = 3},
        {.kind = GROVE_STORE_SET, .namespace_bytes = 64, .key_bytes = 3},
    };
    for (size_t index = 0; index < sizeof wrong / sizeof wrong[0]; index++) {
        message = make_message();
        message.operation = wrong[index];
        assert_int_equal(create(&message, sizeof message), GROVE_INVALID);
    }
}

static void test_a_key_is_written_once(void **state) {
    (void)state;
    struct {
        struct message first;
        struct grove_store_operation operation;
        char text[24];
    } two = {.first = make_message()};
    two.operation = two.first.operation;
    memcpy(two.text, two.first.text, sizeof two.text);
    two.first.head.count = 2;
    two.first.head.total_bytes = sizeof two;
    struct transaction *transaction = NULL;
    const char *fault = NULL;
    two.first.operation.value_bytes = sizeof two.first.text - 6; /* all of it, up to the second */
    assert_int_equal(transaction_create(&two, sizeof two, &transaction, &fault), GROVE_INVALID);
    assert_string_equal(fault, "a transaction writes a key at most once");
    two.text[3] = 'K';
    assert_int_equal(transaction_create(&two, sizeof two, &transaction, &fault), 0);
    transaction_destroy(transaction);
}

/* ---- sealing ---- */

static void test_a_sealed_value_is_bound(void **state) {
    (void)state;
    struct seal_key key, other;
    uint8_t sealed[5 + SEAL_OVERHEAD], again[5 + SEAL_OVERHEAD], value[8];
    struct seal_binding binding = {
        .name = "a.b", .key = (const uint8_t *)"k", .key_bytes = 1, .version = 7, .expires_ms = 9};
    assert_int_equal(seal_init(), 0);
    seal_key_make(3, &key);
    seal_key_make(3, &other);
    seal_close(&key, &binding, "value", 5, sealed);
    seal_close(&key, &binding, "value", 5, again);
    assert_memory_not_equal(sealed, again, sizeof sealed); /* another nonce */
    assert_int_equal(seal_generation(sealed, sizeof sealed), 3);
    assert_int_equal(seal_open(&key, &binding, sealed, sizeof sealed, value), 0);
    assert_memory_equal(value, "value", 5);
    assert_int_equal(seal_open(&other, &binding, sealed, sizeof sealed, value), GROVE_CORRUPT);
    for (size_t at = 0; at < sizeof sealed; at++) {
        if (at >= 1 && at < 4)
            continue; /* reserved */
        sealed[at] ^= 1;
        assert_int_equal(seal_open(&key, &binding, sealed, sizeof sealed, value), GROVE_CORRUPT);
        sealed[at] ^= 1;
    }
    struct seal_binding changed[4] = {binding, binding, binding, binding};
    changed[0].name = "a.c";
    changed[1].key = (const uint8_t *)"l";
    changed[2].version = 8;
    changed[3].expires_ms = 0;
    for (size_t index = 0; index < 4; index++)
        assert_int_equal(seal_open(&key, &changed[index], sealed, sizeof sealed, value), GROVE_CORRUPT);
    for (size_t bytes = 0; bytes < sizeof sealed; bytes++)
        assert_int_equal(seal_open(&key, &binding, sealed, bytes, value), GROVE_CORRUPT);
}

/* ---- the cache ---- */

static const uint8_t *key_of(unsigned number, char text[16], uint8_t *bytes) {
    *bytes = (uint8_t)snprintf(text, 16, "key%u", number);
    return (const uint8_t *)text;
}

static void put(struct cache *cache, unsigned number, const char *value) {
    char text[16];
    uint8_t bytes;
    const uint8_t *key = key_of(number, text, &bytes);
    (void)cache_put(
        cache, number % 3, key, bytes,
        &(struct cache_facts){.version = number + 1, .value = value, .value_bytes = (uint32_t)strlen(value)});
}

static struct cache_entry *look(struct cache *cache, unsigned number) {
    char text[16];
    uint8_t bytes;
    const uint8_t *key = key_of(number, text, &bytes);
    return cache_find(cache, number % 3, key, bytes);
}

static void test_the_cache_keeps_what_is_used(void **state) {
    (void)state;
    struct cache cache;
    assert_int_equal(cache_init(&cache, 20000, 4711), 0);
    for (unsigned number = 0; number < 1000; number++) {
        put(&cache, number, "some value");
        assert_true(cache.used_bytes <= 20000);
        assert_non_null(look(&cache, 0)); /* used all the time */
    }
    assert_null(look(&cache, 1));
    assert_int_equal(look(&cache, 999)->version, 1000);
    put(&cache, 999, "another");
    assert_memory_equal(cache_value(look(&cache, 999)), "another", 7);
    cache_drop_namespace(&cache, 0);
    assert_null(look(&cache, 0));
    assert_null(look(&cache, 999));
    assert_non_null(look(&cache, 998));
    cache_drop(&cache, 998 % 3, (const uint8_t *)"key998", 6);
    assert_null(look(&cache, 998));
    static char large[CACHE_VALUE_MAX + 2];
    memset(large, 'x', CACHE_VALUE_MAX + 1);
    put(&cache, 5, large);
    assert_false(look(&cache, 5)->has_value); /* its version is known all the same */
    cache_deinit(&cache);
    assert_int_equal(cache.used_bytes, 0);
}

static void test_a_value_is_changed(void **state) {
    (void)state;
    struct message message = make_message();
    struct transaction *transaction = NULL;
    const char *fault = NULL;
    assert_int_equal(transaction_create(&message, sizeof message, &transaction, &fault), 0);
    struct operation *operation = &transaction->operations[0];
    size_t before_bytes = transaction->bytes;
    assert_int_equal(transaction_change(transaction, operation, "another value", 13), 0);
    assert_int_equal(operation->value_bytes, 13);
    assert_memory_equal(operation->value, "another value", 13);
    assert_true(transaction->bytes > before_bytes + 13);
    assert_int_equal(transaction_change(transaction, operation, NULL, 0), 0);
    assert_int_equal(operation->value_bytes, 0);
    assert_memory_equal(operation->key, "key", 3);
    transaction_destroy(transaction);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_transaction_is_taken_apart), cmocka_unit_test(test_faults_are_named),
        cmocka_unit_test(test_a_key_is_written_once),        cmocka_unit_test(test_a_sealed_value_is_bound),
        cmocka_unit_test(test_the_cache_keeps_what_is_used), cmocka_unit_test(test_a_value_is_changed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
