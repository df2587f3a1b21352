/*
 * The state file: what is written is read; bits that flip are noticed; and a death before, in or after any system call of
 * a save leaves the old state or the new one. The calls are caught by the linker (--wrap).
 */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "servers/common/names.h"
#include "servers/config/config.h"
#include "servers/config/state_file.h"

/* ---- calls ---- */

enum when { BEFORE, WITHIN, AFTER, FAILS, WHENS };
static unsigned calls, die_at; /* 0: never */
static enum when die_when;

static bool strikes(enum when when) {
    return die_at != 0 && calls == die_at && die_when == when;
}

#define CAUGHT(type, name, parameters, arguments) \
    type __real_##name parameters; \
    type __wrap_##name parameters; \
    type __wrap_##name parameters { \
        calls++; \
        if (strikes(BEFORE)) \
            _exit(9); \
        if (strikes(FAILS)) \
            return -1; \
        type result = __real_##name arguments; \
        if (strikes(AFTER)) \
            _exit(9); \
        return result; \
    }
CAUGHT(int, fsync, (int descriptor), (descriptor))
CAUGHT(int, close, (int descriptor), (descriptor))
CAUGHT(int, unlinkat, (int folder, const char *name, int flags), (folder, name, flags))
CAUGHT(int, linkat, (int a, const char *from, int b, const char *to, int flags), (a, from, b, to, flags))
CAUGHT(int, renameat, (int a, const char *from, int b, const char *to), (a, from, b, to))

ssize_t __real_write(int descriptor, const void *bytes, size_t length);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t length);
ssize_t __wrap_write(int descriptor, const void *bytes, size_t length) {
    if (descriptor <= STDERR_FILENO)
        return __real_write(descriptor, bytes, length);
    calls++;
    if (strikes(BEFORE))
        _exit(9);
    if (strikes(FAILS))
        return -1;
    if (strikes(WITHIN)) {
        (void)__real_write(descriptor, bytes, length / 2);
        _exit(9);
    }
    ssize_t result = __real_write(descriptor, bytes, length);
    if (strikes(AFTER))
        _exit(9);
    return result;
}

/* ---- states ---- */

static struct config_text text_of(const char *value) {
    char *copy = strdup(value);
    assert_non_null(copy);
    return (struct config_text){copy, strlen(value) + 1};
}

/* A state that is about one value. */
static void make_state(struct state *state, uint64_t number, const char *value) {
    memset(state, 0, sizeof *state);
    struct config_text text = {value, strlen(value) + 1};
    struct source *file = source_create(GROVE_CONFIG_SOURCE_FILE, "10.yaml"),
                  *set = source_create(GROVE_CONFIG_SOURCE_SET, "");
    assert_true(file != NULL && set != NULL);
    assert_int_equal(settings_put(&file->settings, "grid.protect", "limit", &text, 3), 0);
    assert_int_equal(settings_put(&set->settings, "grid.protect", "mode", &text, 0), 0);
    state->sources[0] = file;
    state->sources[1] = set;
    state->source_count = 2;
    struct record *record = calloc(1, sizeof *record);
    *record = (struct record){.number = number,
                              .time_ns = 5,
                              .source = GROVE_CONFIG_SOURCE_SET,
                              .silent = 1,
                              .client = 7,
                              .request = 8,
                              .count = 1};
    name_set(&record->who, "shell.1");
    text_set(record->why, sizeof record->why, "because");
    record->entries = calloc(1, sizeof *record->entries);
    *record->entries = (struct config_entry){
        .is_secret = true, .has_before = true, .has_after = true, .before = text_of("old"), .after = text_of(value)};
    name_set(&record->entries->service, "grid.protect");
    text_set(record->entries->key, sizeof record->entries->key, "mode");
    state->history[0] = record;
    state->history_count = 1;
    state->number = number;
    name_set(&state->restarts[0], "grid.alarm");
    state->restart_count = 1;
}

static void assert_state(const struct state *state, uint64_t number, const char *value) {
    const struct source *from;
    assert_int_equal(state->number, number);
    const struct setting *setting = state_effective(state, NULL, 0, "grid.protect", "limit", &from);
    assert_non_null(setting);
    assert_string_equal(setting->text.items, value);
    assert_int_equal(setting->line, 3);
    assert_string_equal(from->name, "10.yaml");
    setting = state_effective(state, NULL, 0, "grid.protect", "mode", NULL);
    assert_string_equal(setting->text.items, value);
    assert_int_equal(state->history_count, 1);
    assert_string_equal(state->history[0]->entries->after.items, value);
    assert_string_equal(state->history[0]->why, "because");
    assert_true(state->history[0]->entries->is_secret);
    assert_int_equal(state->restart_count, 1);
}

static int open_scratch(void) {
    char path[] = "/tmp/config-state-XXXXXX";
    assert_non_null(mkdtemp(path));
    int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    assert_true(folder >= 0);
    return folder;
}

static void close_scratch(int folder) {
    static const char *const names[] = {"state", "state.new", "state.old", "state.bad"};
    char path[64];
    (void)snprintf(path, sizeof path, "/proc/self/fd/%d", folder);
    char real[256];
    ssize_t length = readlink(path, real, sizeof real - 1);
    for (unsigned index = 0; index < 4; index++)
        (void)__real_unlinkat(folder, names[index], 0);
    (void)__real_close(folder);
    if (length > 0) {
        real[length] = '\0';
        (void)rmdir(real);
    }
}

/* ---- tests ---- */

static void test_it_is_read_as_it_was_written(void **unused) {
    (void)unused;
    struct state state, read;
    int folder = open_scratch();
    assert_int_equal(state_load(&read, folder), 0);
    assert_int_equal(read.number, 0);
    make_state(&state, 4, "49.0");
    assert_int_equal(state_save(&state, folder), 0);
    assert_int_equal(state_load(&read, folder), 0);
    assert_state(&read, 4, "49.0");
    state_deinit(&state);
    state_deinit(&read);
    close_scratch(folder);
}

static void test_every_flipped_bit_is_noticed(void **unused) {
    (void)unused;
    struct state state, read;
    void *bytes = NULL;
    size_t length = 0;
    make_state(&state, 4, "49.0");
    assert_int_equal(state_encode(&state, &bytes, &length), 0);
    for (size_t bit = 0; bit < 8 * length; bit++) {
        ((uint8_t *)bytes)[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (state_decode(&read, bytes, length) == 0)
            fail_msg("bit %zu flipped and nothing was noticed", bit);
        ((uint8_t *)bytes)[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t cut = 0; cut < length; cut++)
        assert_true(state_decode(&read, bytes, cut) < 0);
    free(bytes);
    state_deinit(&state);
}

static void test_a_damaged_file_is_put_aside(void **unused) {
    (void)unused;
    struct state state, read;
    int folder = open_scratch();
    make_state(&state, 4, "49.0");
    assert_int_equal(state_save(&state, folder), 0);
    state_deinit(&state);
    make_state(&state, 5, "48.0");
    assert_int_equal(state_save(&state, folder), 0);
    state_deinit(&state);
    int file = openat(folder, "state", O_RDWR | O_CLOEXEC);
    assert_int_equal(pwrite(file, "x", 1, 100), 1);
    (void)__real_close(file);
    assert_int_equal(state_load(&read, folder), 0);
    assert_state(&read, 4, "49.0");
    assert_int_equal(faccessat(folder, "state.bad", F_OK, 0), 0);
    state_deinit(&read);
    close_scratch(folder);
}

/* A child saves the new state and dies at one call of it. Returns whether it lived. */
static bool save_in_child(int folder, unsigned at, enum when when) {
    pid_t child = fork();
    int status = 0;
    if (child == 0) {
        struct state state;
        make_state(&state, 5, "48.0");
        calls = 0;
        die_at = at;
        die_when = when;
        int result = state_save(&state, folder);
        _exit(result < 0 ? 3 : 0);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_true(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 9 || WEXITSTATUS(status) == 3);
    return WEXITSTATUS(status) != 9;
}

static void assert_old_or_new(int folder, bool must_be_new, unsigned *old, unsigned *new) {
    struct state read;
    assert_int_equal(state_load(&read, folder), 0);
    if (read.number == 5) {
        assert_state(&read, 5, "48.0");
        ++*new;
    } else {
        assert_false(must_be_new);
        assert_state(&read, 4, "49.0");
        ++*old;
    }
    state_deinit(&read);
}

static void test_a_death_at_every_call(void **unused) {
    (void)unused;
    unsigned old = 0, new = 0, deaths = 0;
    for (enum when when = BEFORE; when <= AFTER; when++) {
        bool lived = false;
        for (unsigned at = 1; !lived && at < 40; at++) {
            struct state state;
            int folder = open_scratch();
            make_state(&state, 4, "49.0");
            assert_int_equal(state_save(&state, folder), 0);
            state_deinit(&state);
            lived = save_in_child(folder, at, when);
            deaths += !lived;
            /* WITHIN strikes in writes only, so living through the others proves nothing yet. */
            lived = lived && when != WITHIN;
            assert_old_or_new(folder, lived, &old, &new);
            close_scratch(folder);
        }
    }
    assert_true(old > 5 && new > 1 && deaths > 10);
}

/* Calls that fail: then it is said, and the old state is there, or it is not said and the new one is. */
static void test_a_failure_of_every_call(void **unused) {
    (void)unused;
    for (unsigned at = 1; at < 12; at++) {
        struct state state, read;
        int folder = open_scratch();
        make_state(&state, 4, "49.0");
        assert_int_equal(state_save(&state, folder), 0);
        state_deinit(&state);
        make_state(&state, 5, "48.0");
        calls = 0;
        die_at = at;
        die_when = FAILS;
        int status = state_save(&state, folder);
        die_at = 0;
        assert_int_equal(state_load(&read, folder), 0);
        assert_state(&read, status < 0 ? 4 : 5, status < 0 ? "49.0" : "48.0");
        state_deinit(&state);
        state_deinit(&read);
        close_scratch(folder);
    }
}

static void test_the_strongest_source_counts(void **unused) {
    (void)unused;
    struct state state;
    const struct source *from;
    make_state(&state, 4, "49.0");
    struct source *later = source_create(GROVE_CONFIG_SOURCE_FILE, "20.yaml");
    assert_non_null(later);
    struct config_text text = {"47", 3};
    assert_int_equal(settings_put(&later->settings, "grid.protect", "limit", &text, 9), 0);
    const struct setting *setting = state_effective(&state, &later, 1, "grid.protect", "limit", &from);
    assert_string_equal(setting->text.items, "47");
    struct source *none = source_create(GROVE_CONFIG_SOURCE_FILE, "10.yaml");
    assert_non_null(none);
    assert_null(state_effective(&state, &none, 1, "grid.protect", "limit", &from));
    source_destroy(later);
    source_destroy(none);
    state_deinit(&state);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_it_is_read_as_it_was_written), cmocka_unit_test(test_every_flipped_bit_is_noticed),
        cmocka_unit_test(test_a_damaged_file_is_put_aside),  cmocka_unit_test(test_a_death_at_every_call),
        cmocka_unit_test(test_a_failure_of_every_call),      cmocka_unit_test(test_the_strongest_source_counts),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
