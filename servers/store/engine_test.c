/*
 * The engine over real files: transactions, both providers alike, rollback, keys, and what a crash leaves.
 *
 * A crash is played by copying the folder while the engine is open and opening the copy: what SQLite has not been told to
 * commit is not in it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "servers/store/engine.h"

static char folder[64];
static int folder_descriptor = -1;
static struct engine engine;
static uint64_t now_ms = 1000000;

static uint64_t fake_clock(void) {
    return now_ms;
}

static void open_engine_with(const char *master, int expected) {
    struct engine_options options = {
        .folder = folder, .folder_descriptor = folder_descriptor, .master = master, .cache_bytes = 65536};
    assert_int_equal(engine_open(&engine, &options), expected);
    engine.clock_ms = fake_clock;
}

static void open_engine(void) {
    open_engine_with("file:master.key", 0);
}

static int shell(const char *command) {
    return system(command); /* NOLINT(cert-env33-c): the only name in it was made by mkdtemp */
}

static int set_up(void **state) {
    (void)state;
    strcpy(folder, "/tmp/grove-store-test-XXXXXX");
    assert_non_null(mkdtemp(folder));
    folder_descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    open_engine();
    return 0;
}

static int tear_down(void **state) {
    (void)state;
    char command[128];
    engine_close(&engine);
    (void)close(folder_descriptor);
    (void)snprintf(command, sizeof command, "rm -rf %s", folder);
    return shell(command);
}

/* Go on with what lies on the disk now. */
static void crash(void) {
    char command[512];
    (void)snprintf(command, sizeof command, "cp -a %s %s.copy && rm -rf %s.old", folder, folder, folder);
    assert_int_equal(shell(command), 0);
    engine_close(&engine);
    (void)close(folder_descriptor);
    (void)snprintf(command, sizeof command, "rm -rf %s && mv %s.copy %s", folder, folder, folder);
    assert_int_equal(shell(command), 0);
    folder_descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    open_engine();
}

/* ---- transactions from text: "set a.b key value; erase a.b key; expect a.b key 7; whole a.b 7" ---- */

static void append(uint8_t *message, size_t *at, const void *bytes, size_t count) {
    memcpy(message + *at, bytes, count);
    *at += count;
}

static void put_operation(uint8_t *message, size_t *at, uint16_t kind, const char *name, const char *key,
                          const char *value, uint64_t version, uint64_t lifetime_ms) {
    struct grove_store_operation wire = {.kind = kind,
                                         .namespace_bytes = (uint8_t)strlen(name),
                                         .key_bytes = (uint8_t)strlen(key),
                                         .value_bytes = (uint32_t)strlen(value),
                                         .version = version,
                                         .lifetime_ms = lifetime_ms};
    append(message, at, &wire, sizeof wire);
    append(message, at, name, strlen(name));
    append(message, at, key, strlen(key));
    append(message, at, value, strlen(value));
    *at = (*at + 7) & ~(size_t)7;
}

static struct transaction *transaction_of(const char *text) {
    static uint8_t message[65536];
    static char words_of[65536];
    struct grove_store_transaction_head head = {.version = GROVE_STORE_PROTOCOL_VERSION};
    struct transaction *transaction = NULL;
    const char *fault = "";
    size_t at = sizeof head;
    char *rest = NULL;
    memset(message, 0, sizeof message);
    (void)snprintf(words_of, sizeof words_of, "%s", text);
    for (char *part = strtok_r(words_of, ";", &rest); part != NULL; part = strtok_r(NULL, ";", &rest)) {
        char kind[16] = "", name[64] = "", key[256] = "", value[4096] = "";
        (void)sscanf(part, "%15s %63s %255s %4095s", kind, name, key, value);
        if (strcmp(kind, "set") == 0)
            put_operation(message, &at, GROVE_STORE_SET, name, key, value, 0, 0);
        else if (strcmp(kind, "brief") == 0)
            put_operation(message, &at, GROVE_STORE_SET, name, key, value, 0, 50);
        else if (strcmp(kind, "erase") == 0)
            put_operation(message, &at, GROVE_STORE_ERASE, name, key, "", 0, 0);
        else if (strcmp(kind, "expect") == 0)
            put_operation(message, &at, GROVE_STORE_EXPECT, name, key, "", strtoull(value, NULL, 10), 0);
        else
            put_operation(message, &at, GROVE_STORE_EXPECT_NAMESPACE, name, "", "", strtoull(key, NULL, 10), 0);
        head.count++;
    }
    head.total_bytes = (uint32_t)at;
    memcpy(message, &head, sizeof head);
    if (transaction_create(message, at, &transaction, &fault) < 0)
        fail_msg("%s: %s", text, fault);
    return transaction;
}

/* Apply without committing: the version, 0 for a conflict, or a status. */
static int64_t apply(const char *text) {
    struct transaction *transaction = transaction_of(text);
    struct grove_store_outcome outcome;
    char sentence[ENGINE_SENTENCE_BYTES] = "";
    int status = engine_apply(&engine, "own.space", transaction, &outcome, sentence);
    transaction_destroy(transaction);
    if (status < 0) {
        assert_true(strlen(sentence) > 10);
        return status;
    }
    return outcome.is_conflict != 0 ? 0 : (int64_t)outcome.revision;
}

static void commit(void) {
    bool is_durable;
    assert_int_equal(engine_commit(&engine, &is_durable), 0);
}

static int64_t run(const char *text) {
    int64_t result = apply(text);
    commit();
    return result;
}

static const char *value_of(const char *name, const char *key) {
    static char text[4096];
    struct engine_value value;
    struct namespace *space = namespace_find(&engine, name);
    if (space == NULL)
        return "none";
    assert_int_equal(engine_get(&engine, NULL, space, (const uint8_t *)key, (uint8_t)strlen(key), &value), 0);
    if (value.version == 0)
        return "absent";
    (void)snprintf(text, sizeof text, "%.*s", (int)value.value_bytes, (const char *)value.data);
    return text;
}

static int append_key(const uint8_t *key, uint8_t key_bytes, const struct engine_value *value, void *context) {
    char *text = context;
    (void)snprintf(text + strlen(text), 4096 - strlen(text), "%.*s=%.*s ", key_bytes, (const char *)key,
                   (int)(value->data != NULL ? value->value_bytes : 0), (const char *)value->data);
    return 0;
}

static const char *all_of(const char *name, struct provider_view *view, bool is_backward) {
    static char text[4096];
    struct namespace *space = namespace_find(&engine, name);
    struct provider_range range = {.namespace = space->id, .from = (const uint8_t *)"", .is_backward = is_backward};
    text[0] = '\0';
    assert_int_equal(engine_scan(&engine, view, space, &range, append_key, text), 0);
    return text;
}

/* ---- tests ---- */

static void test_expectations_decide(void **state) {
    (void)state;
    int64_t first = run("set a.b x 1;set a.b y 2;set own.space z 3");
    assert_true(first > 0);
    assert_string_equal(value_of("a.b", "x"), "1");
    assert_int_equal(run("expect a.b x 0;set a.b x 9"), 0);
    assert_int_equal(run("expect a.b w 1;set a.b x 9"), 0);
    assert_int_equal(run("expect c.d w 1;set a.b x 9"), 0);
    assert_string_equal(value_of("a.b", "x"), "1");
    char text[64];
    (void)snprintf(text, sizeof text, "expect a.b x %d;expect a.b w 0;erase a.b x", (int)first);
    int64_t second = run(text);
    assert_true(second > first);
    assert_string_equal(value_of("a.b", "x"), "absent");
    (void)snprintf(text, sizeof text, "whole a.b %d;set a.b q 1", (int)first);
    assert_int_equal(run(text), 0);
    (void)snprintf(text, sizeof text, "whole a.b %d;set a.b q 1", (int)second);
    assert_true(run(text) > second);
}

static void test_a_rolled_back_batch_leaves_nothing(void **state) {
    (void)state;
    (void)run("set a.b x 1");
    uint64_t bytes = namespace_find(&engine, "a.b")->used_bytes;
    assert_true(apply("set a.b x 22;set a.b y 3;set new.one k 4;set own.space z 5") > 0);
    assert_string_equal(value_of("a.b", "y"), "3");
    engine_rollback(&engine);
    assert_string_equal(all_of("a.b", NULL, false), "x=1 ");
    assert_null(namespace_find(&engine, "new.one"));
    assert_int_equal(namespace_find(&engine, "a.b")->used_bytes, bytes);
    assert_int_equal(namespace_find(&engine, "a.b")->used_keys, 1);
    assert_true(run("set new.one k 6") > 0);
    crash();
    assert_string_equal(all_of("a.b", NULL, false), "x=1 ");
    assert_string_equal(value_of("new.one", "k"), "6");
    assert_int_equal(namespace_load(&engine, namespace_find(&engine, "a.b")), 0);
    assert_int_equal(namespace_find(&engine, "a.b")->used_bytes, bytes);
}

static void test_a_crash_keeps_whole_batches(void **state) {
    (void)state;
    int64_t version = run("set a.b x 1;set a.b y 1");
    assert_true(apply("set a.b x 2;set a.b y 2") > 0);
    crash();
    assert_string_equal(all_of("a.b", NULL, false), "x=1 y=1 ");
    assert_true(run("set a.b z 3") > version);
}

static void test_quotas_count_what_is_there(void **state) {
    (void)state;
    (void)run("set a.b x 1");
    struct namespace *space = namespace_find(&engine, "a.b");
    space->quota_keys = 2;
    assert_true(run("set a.b y 1;erase a.b x") > 0);
    assert_int_equal(run("set a.b p 1;set a.b q 1"), GROVE_EXHAUSTED);
    assert_false(engine.is_broken);
    assert_int_equal(space->used_keys, 1);
    space->quota_bytes = space->used_bytes + 5;
    assert_int_equal(run("set a.b y 1234567"), GROVE_EXHAUSTED);
    assert_true(run("set a.b y 123456") > 0);
    assert_true(run("erase a.b y;erase a.b nothing") > 0);
    assert_int_equal(space->used_bytes, 0);
    assert_int_equal(space->used_keys, 0);
}

static void play(const char *provider) {
    struct provider_view *view = NULL;
    struct namespace *space;
    (void)run("set a.b x 0");
    (void)run("erase a.b x");
    space = namespace_find(&engine, "a.b");
    space->provider = namespace_provider(&engine, provider);
    (void)snprintf(space->provider_name, sizeof space->provider_name, "%s", provider);
    (void)run("set a.b m 1;set a.b a 2;set a.b z 3;set a.b ab 4");
    (void)run("set a.b m 5;erase a.b z");
    assert_string_equal(all_of("a.b", NULL, false), "a=2 ab=4 m=5 ");
    assert_string_equal(all_of("a.b", NULL, true), "m=5 ab=4 a=2 ");
    assert_int_equal(space->provider->operations->view_open(space->provider, &view), 0);
    (void)run("set a.b b 6;erase a.b a");
    assert_string_equal(all_of("a.b", view, false), "a=2 ab=4 m=5 ");
    assert_string_equal(all_of("a.b", NULL, false), "ab=4 b=6 m=5 ");
    space->provider->operations->view_close(space->provider, view);
    (void)apply("set a.b b 7;erase a.b ab;set a.b c 8");
    (void)apply("set a.b b 9;set a.b ab 1");
    engine_rollback(&engine);
    assert_string_equal(all_of("a.b", NULL, false), "ab=4 b=6 m=5 ");
    uint64_t keys = 0, bytes = 0;
    assert_int_equal(space->provider->operations->usage(space->provider, space->id, &keys, &bytes), 0);
    assert_int_equal(keys, space->used_keys);
    assert_int_equal(bytes, space->used_bytes);
    struct provider_range range = {.namespace = space->id,
                                   .from = (const uint8_t *)"ab",
                                   .from_bytes = 2,
                                   .is_after = true,
                                   .to = (const uint8_t *)"m",
                                   .to_bytes = 1,
                                   .has_end = true,
                                   .keys_only = true};
    char text[4096] = "";
    assert_int_equal(engine_scan(&engine, NULL, space, &range, append_key, text), 0);
    assert_string_equal(text, "b= ");
}

static void test_providers_are_alike(void **state) {
    (void)state;
    play("sqlite");
    (void)run("erase a.b ab;erase a.b b;erase a.b m");
    play("memory");
}

static void test_what_has_ended_is_absent_and_then_removed(void **state) {
    (void)state;
    uint64_t next_ms = 0;
    (void)run("brief a.b x 1;set a.b y 2");
    assert_int_equal(engine.earliest_end_ms, now_ms + 50);
    now_ms += 49;
    assert_string_equal(value_of("a.b", "x"), "1");
    now_ms += 1;
    assert_string_equal(value_of("a.b", "x"), "absent");
    assert_string_equal(all_of("a.b", NULL, false), "y=2 ");
    assert_true(run("expect a.b x 0;set a.b z 1") > 0);
    assert_int_equal(namespace_find(&engine, "a.b")->used_keys, 3);
    assert_int_equal(engine_expire(&engine, &next_ms), 0);
    commit();
    assert_true(next_ms == UINT64_MAX);
    assert_int_equal(namespace_find(&engine, "a.b")->used_keys, 2);
}

static void test_keys_rotate_over_a_crash(void **state) {
    (void)state;
    char text[64];
    for (int number = 0; number < 150; number++) {
        (void)snprintf(text, sizeof text, "set a.b k%d v%d", number, number);
        (void)run(text);
    }
    struct rotate_cursor cursor = {.key_bytes = 0};
    bool is_done = false;
    assert_int_equal(rotate_namespace(&engine, namespace_find(&engine, "a.b")), 0);
    commit();
    assert_int_equal(rotate_step(&engine, namespace_find(&engine, "a.b"), &cursor, &is_done), 0);
    commit();
    crash();
    struct namespace *space = namespace_find(&engine, "a.b");
    assert_true((space->flags & GROVE_STORE_NAMESPACE_ROTATING) != 0);
    assert_string_equal(value_of("a.b", "k149"), "v149");
    cursor.key_bytes = 0;
    while (!is_done) {
        assert_int_equal(rotate_step(&engine, space, &cursor, &is_done), 0);
        commit();
    }
    assert_int_equal(space->key_count, 1);
    assert_int_equal(space->keys[0].generation, 2);
    crash();
    assert_string_equal(value_of("a.b", "k7"), "v7");
    /* A new key that was not committed is not used. */
    assert_int_equal(rotate_namespace(&engine, namespace_find(&engine, "a.b")), 0);
    engine_rollback(&engine);
    (void)run("set a.b after 1");
    assert_int_equal(namespace_find(&engine, "a.b")->keys[0].generation, 2);
    crash();
    assert_string_equal(value_of("a.b", "after"), "1");
}

static void test_the_master_key_rotates_whole(void **state) {
    (void)state;
    (void)run("set a.b x 1");
    assert_int_equal(rotate_master(&engine, folder_descriptor, "file:master.key"), 0);
    crash();
    assert_string_equal(value_of("a.b", "x"), "1");
    /* Killed between the commit and the rename: the new material is found. */
    assert_int_equal(rotate_master(&engine, folder_descriptor, "file:master.key"), 0);
    assert_int_equal(renameat(folder_descriptor, "master.key", folder_descriptor, "master.key.next"), 0);
    crash();
    assert_string_equal(value_of("a.b", "x"), "1");
    /* Killed before the commit: the new material is forgotten. */
    struct master *next = NULL;
    assert_int_equal(master_open(folder_descriptor, "file:master.key", true, true, &next), 0);
    master_close(next);
    crash();
    assert_string_equal(value_of("a.b", "x"), "1");
    assert_int_equal(faccessat(folder_descriptor, "master.key.next", F_OK, 0), -1);
}

static void test_what_was_changed_on_the_disk_is_found_out(void **state) {
    (void)state;
    (void)run("set a.b x 1;set a.b y 2");
    assert_int_equal(database_run(&engine.database,
                                  "UPDATE entries SET sealed = (SELECT sealed FROM entries WHERE key = "
                                  "x'78') WHERE key = x'79'"),
                     0);
    crash();
    struct engine_value value;
    struct namespace *space = namespace_find(&engine, "a.b");
    assert_int_equal(engine_get(&engine, NULL, space, (const uint8_t *)"y", 1, &value), GROVE_CORRUPT);
    assert_int_equal(engine_get(&engine, NULL, space, (const uint8_t *)"x", 1, &value), 0);
}

static void write_text(const char *name, const char *text) {
    int file = openat(folder_descriptor, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_int_equal(write(file, text, strlen(text)), strlen(text));
    (void)close(file);
}

static void reopen_with(const char *master, int expected) {
    engine_close(&engine);
    open_engine_with(master, expected);
}

static void test_every_provider_of_master_keys(void **state) {
    (void)state;
    static const char *const masters[] = {"passphrase:words", "tpm:device", "file:other.key"};
    write_text("words", "correct horse battery\n");
    for (size_t index = 0; index < 3; index++) {
        engine_close(&engine);
        assert_int_equal(unlinkat(folder_descriptor, DATABASE_FILE, 0), 0);
        open_engine_with(masters[index], 0);
        (void)run("set a.b x 1");
        reopen_with(masters[index], 0);
        assert_string_equal(value_of("a.b", "x"), "1");
        assert_int_equal(rotate_master(&engine, folder_descriptor, masters[index]), 0);
        reopen_with(masters[index], 0);
        assert_string_equal(value_of("a.b", "x"), "1");
        reopen_with("file:master.key", GROVE_CORRUPT);
        if (index == 0) {
            write_text("words", "wrong horse battery\n");
            reopen_with(masters[index], GROVE_CORRUPT);
            write_text("words", "short");
            reopen_with(masters[index], GROVE_CORRUPT);
            write_text("words", "correct horse battery\nanother line");
        } else if (index == 1) { /* another measurement: the device does not open what it sealed */
            write_text("device.measured", "another program");
            reopen_with(masters[index], GROVE_CORRUPT);
            assert_int_equal(unlinkat(folder_descriptor, "device.measured", 0), 0);
        }
        reopen_with(masters[index], 0);
        assert_string_equal(value_of("a.b", "x"), "1");
    }
    engine_close(&engine);
    open_engine_with("scroll:x", GROVE_CORRUPT);
}

static void test_a_dropped_namespace_is_gone(void **state) {
    (void)state;
    (void)run("set a.b x 1;set c.d x 2");
    struct namespace *space = namespace_find(&engine, "a.b");
    assert_int_equal(namespace_drop(&engine, space), 0);
    assert_int_equal(apply("set a.b y 1"), GROVE_WRONG_STATE);
    engine_rollback(&engine);
    assert_string_equal(value_of("a.b", "x"), "1");
    assert_int_equal(namespace_drop(&engine, space), 0);
    commit();
    namespace_forget(&engine, space);
    assert_true(run("set a.b y 3") > 0);
    assert_string_equal(all_of("a.b", NULL, false), "y=3 ");
    crash();
    assert_string_equal(all_of("a.b", NULL, false), "y=3 ");
    assert_string_equal(value_of("c.d", "x"), "2");
}

static void test_a_failing_disk_rolls_back(void **state) {
    (void)state;
    (void)run("set a.b x 1");
    assert_int_equal(database_run(&engine.database, "PRAGMA max_page_count = 1"), 0); /* no page can be added */
    char text[4200] = "set a.b big ";
    memset(text + strlen(text), 'v', 4000);
    int64_t result = 1;
    bool is_durable;
    for (int number = 0; number < 40 && result > 0; number++) {
        text[8] = (char)('A' + number);
        result = apply(text);
        if (result > 0 && engine_commit(&engine, &is_durable) < 0)
            result = GROVE_FULL;
    }
    assert_int_equal(result, GROVE_FULL);
    engine_rollback(&engine);
    assert_string_equal(value_of("a.b", "x"), "1");
    assert_int_equal(database_run(&engine.database, "PRAGMA max_page_count = 100000"), 0);
    assert_true(run("set a.b x 2") > 0);
    crash();
    assert_string_equal(value_of("a.b", "x"), "2");
}

int main(void) {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(test_expectations_decide),
        TEST(test_a_rolled_back_batch_leaves_nothing),
        TEST(test_a_crash_keeps_whole_batches),
        TEST(test_quotas_count_what_is_there),
        TEST(test_providers_are_alike),
        TEST(test_what_has_ended_is_absent_and_then_removed),
        TEST(test_keys_rotate_over_a_crash),
        TEST(test_the_master_key_rotates_whole),
        TEST(test_what_was_changed_on_the_disk_is_found_out),
        TEST(test_every_provider_of_master_keys),
        TEST(test_a_dropped_namespace_is_gone),
        TEST(test_a_failing_disk_rolls_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
