/* Unit tests of queues of those who wait. */
#include "kernel/machine/bare/wait/wait.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

struct watcher {
    struct wait_entry entry; /* first */
    int told;
};

static void tell(struct wait_entry *entry) {
    ((struct watcher *)entry)->told++;
}

static void all_are_told_each_time(void **state) {
    struct wait_queue queue = {0};
    struct watcher watchers[3] = {{.entry.woken = tell}, {.entry.woken = tell}, {.entry.woken = tell}};
    (void)state;
    wait_wake(&queue);
    for (int i = 0; i < 3; i++)
        wait_add(&queue, &watchers[i].entry);
    wait_wake(&queue);
    wait_wake(&queue);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(watchers[i].told, 2);
        wait_remove(&watchers[i].entry);
    }
    assert_null(queue.first);
}

static void who_was_taken_off_is_not_told(void **state) {
    (void)state;
    for (int gone = 0; gone < 3; gone++) {
        struct wait_queue queue = {0};
        struct watcher watchers[3] = {{.entry.woken = tell}, {.entry.woken = tell}, {.entry.woken = tell}};
        for (int i = 0; i < 3; i++)
            wait_add(&queue, &watchers[i].entry);
        wait_remove(&watchers[gone].entry);
        wait_remove(&watchers[gone].entry);
        wait_wake(&queue);
        for (int i = 0; i < 3; i++)
            assert_int_equal(watchers[i].told, i == gone ? 0 : 1);
    }
}

static void an_entry_can_wait_again_elsewhere(void **state) {
    struct wait_queue first = {0}, second = {0};
    struct watcher watcher = {.entry.woken = tell};
    (void)state;
    wait_add(&first, &watcher.entry);
    wait_remove(&watcher.entry);
    wait_add(&second, &watcher.entry);
    wait_wake(&first);
    assert_int_equal(watcher.told, 0);
    wait_wake(&second);
    assert_int_equal(watcher.told, 1);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_are_told_each_time),
        cmocka_unit_test(who_was_taken_off_is_not_told),
        cmocka_unit_test(an_entry_can_wait_again_elsewhere),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
