/*
 * The writer stopped at every single instruction of a change: whoever reads then sees all of it or nothing. This is what a
 * death at any moment leaves, too.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/map/map.h"

#define MAP_BYTES 16384u
#define TEXT_BYTES 64u

/* Set by the child when it is at work, so that only the change itself is stepped through. */
struct shared {
    uint64_t map[MAP_BYTES / 8];
    struct map_writer writer;
    bool is_done;
};

static void put(struct map_writer *writer, const char *key, const char *value) {
    if (map_put(writer, key, strlen(key), 1, value, strlen(value) + 1) < 0)
        _exit(2);
}

/* "one" grows out of its slot, "two" stays, "three" is new, "four" goes. */
static void change(struct map_writer *writer) {
    put(writer, "one", "a value that is longer than the room that the old one had");
    put(writer, "two", "new");
    put(writer, "three", "new");
    (void)map_put(writer, "four", 4, MAP_KIND_ABSENT, NULL, 0);
    map_publish(writer);
}

static _Noreturn void child(struct shared *shared) {
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
        _exit(77);
    (void)raise(SIGSTOP);
    change(&shared->writer);
    __atomic_store_n(&shared->is_done, true, __ATOMIC_RELEASE);
    _exit(0);
}

static const char *get(const struct map_view *view, const char *key, char text[TEXT_BYTES]) {
    uint32_t kind;
    int status = map_get(view, key, strlen(key), text, TEXT_BYTES, NULL, &kind);
    if (status < 0 && status != GROVE_NOT_FOUND)
        fail_msg("%s cannot be read: %d", key, status);
    return status < 0 ? "-" : text;
}

/* Old or new, and all of it the same. Returns whether it is new. */
static bool check(const struct map_view *view) {
    char one[TEXT_BYTES], two[TEXT_BYTES], three[TEXT_BYTES], four[TEXT_BYTES];
    bool is_new = map_version(view) == 2;
    assert_string_equal(get(view, "one", one),
                        is_new ? "a value that is longer than the room that the old one had" : "old");
    assert_string_equal(get(view, "two", two), is_new ? "new" : "old");
    assert_string_equal(get(view, "three", three), is_new ? "new" : "-");
    assert_string_equal(get(view, "four", four), is_new ? "-" : "old");
    return is_new;
}

static struct shared *make_shared(struct map_view *view) {
    struct shared *shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(shared != MAP_FAILED);
    assert_int_equal(map_create(&shared->writer, shared->map, MAP_BYTES, 16, 1, 0), 0);
    put(&shared->writer, "one", "old");
    put(&shared->writer, "two", "old");
    put(&shared->writer, "four", "old");
    map_publish(&shared->writer);
    assert_int_equal(map_attach(view, shared->map, MAP_BYTES), 0);
    return shared;
}

static void test_every_instruction(void **state) {
    (void)state;
    struct map_view view;
    struct shared *shared = make_shared(&view);
    unsigned steps = 0, old = 0, new = 0;
    int status = 0;
    pid_t process = fork();
    if (process == 0)
        child(shared);
    assert_int_equal(waitpid(process, &status, 0), process);
    if (!WIFSTOPPED(status)) {
        print_message("no process can be stepped through here\n");
        skip();
    }
    while (!__atomic_load_n(&shared->is_done, __ATOMIC_ACQUIRE) && steps < 1000000) {
        steps++;
        if (check(&view))
            new ++;
        else
            old++;
        assert_int_equal(ptrace(PTRACE_SINGLESTEP, process, NULL, NULL), 0);
        assert_int_equal(waitpid(process, &status, 0), process);
        assert_true(WIFSTOPPED(status));
    }
    (void)ptrace(PTRACE_CONT, process, NULL, NULL);
    (void)waitpid(process, &status, 0);
    assert_true(check(&view));
    assert_true(old > 100 && new > 0);
    print_message("%u instructions, old after %u of them, new after %u\n", steps, old, new);
    (void)munmap(shared, sizeof *shared);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_every_instruction)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
