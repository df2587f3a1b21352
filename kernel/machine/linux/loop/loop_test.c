/* The event loop: order of timers, cancellation, and that a forgotten descriptor is never called again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "grove/abi/status.h"
#include "kernel/machine/linux/loop/timers.h"

#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static char trail[64];

static void leave(char letter) {
    size_t length = strlen(trail);
    assert_true(length + 1 < sizeof trail);
    trail[length] = letter;
}

static int make_loop(void **state) {
    memset(trail, 0, sizeof trail);
    return loop_create((struct loop **)state);
}

static int end_loop(void **state) {
    loop_destroy(*state);
    return 0;
}

static void note_timer(struct loop *loop, void *context) {
    char letter = *(const char *)context;
    leave(letter);
    if (letter == '!')
        loop_stop(loop);
}

static void timers_fire_by_time_then_by_age(void **state) {
    struct loop *loop = *state;
    static char letters[] = "cab!d";
    uint64_t timer[5];
    assert_int_equal(loop_at(loop, 30, note_timer, &letters[0], &timer[0]), 0);
    assert_int_equal(loop_at(loop, 10, note_timer, &letters[1], &timer[1]), 0);
    assert_int_equal(loop_at(loop, 10, note_timer, &letters[2], &timer[2]), 0);
    assert_int_equal(loop_at(loop, 40, note_timer, &letters[3], &timer[3]), 0);
    assert_int_equal(loop_at(loop, 20, note_timer, &letters[4], &timer[4]), 0);
    loop_cancel(loop, timer[4]);
    loop_cancel(loop, timer[4]);
    loop_cancel(loop, 0);
    assert_int_equal(loop_run(loop, NULL, NULL), 0);
    assert_string_equal(trail, "abc!");
}

/* A random history of adding, cancelling and taking against a plain array. */
static void heap_agrees_with_a_list(void **state) {
    (void)state;
    enum { COUNT = 500 };
    struct loop_timers heap;
    uint64_t numbers[COUNT], times[COUNT];
    bool is_in[COUNT] = {false};
    uint32_t seed = 1;
    loop_timers_init(&heap);
    for (int i = 0; i < COUNT; i++) {
        seed = seed * 1103515245u + 12345u;
        times[i] = seed >> 16 & 63;
        assert_int_equal(loop_timers_add(&heap, times[i], note_timer, &times[i], &numbers[i]), 0);
        is_in[i] = true;
        if (i % 3 == 0) {
            int gone = (int)((seed >> 8) % (uint32_t)(i + 1));
            loop_timers_cancel(&heap, numbers[gone]);
            is_in[gone] = false;
        }
    }
    for (;;) {
        int first = -1;
        for (int i = 0; i < COUNT; i++)
            if (is_in[i] && (first < 0 || times[i] < times[first]))
                first = i;
        struct timer_entry timer;
        assert_int_equal(loop_timers_take_due(&heap, UINT64_MAX, UINT64_MAX, &timer), first >= 0);
        if (first < 0)
            break;
        assert_ptr_equal(timer.context, &times[first]);
        is_in[first] = false;
    }
    loop_timers_deinit(&heap);
}

static void number_of_a_fired_timer_names_nothing(void **state) {
    (void)state;
    struct loop_timers heap;
    struct timer_entry timer;
    uint64_t old, new;
    loop_timers_init(&heap);
    assert_int_equal(loop_timers_add(&heap, 1, note_timer, NULL, &old), 0);
    assert_true(loop_timers_take_due(&heap, 1, UINT64_MAX, &timer));
    assert_int_equal(loop_timers_add(&heap, 2, note_timer, NULL, &new), 0);
    loop_timers_cancel(&heap, old);
    assert_int_equal(heap.count, 1);
    loop_timers_deinit(&heap);
}

static int pair[2];

static void forget_other(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)events;
    (void)context;
    leave('f');
    /* Whichever is called first forgets the other, whose event was collected in the same turn. */
    loop_forget(loop, descriptor == pair[0] ? pair[1] : pair[0]);
    loop_forget(loop, descriptor);
    loop_stop(loop);
}

static void forgotten_descriptor_is_not_called(void **state) {
    struct loop *loop = *state;
    for (int i = 0; i < 2; i++) {
        pair[i] = eventfd(1, EFD_CLOEXEC);
        assert_true(pair[i] >= 0);
        assert_int_equal(loop_watch(loop, pair[i], EPOLLIN, forget_other, NULL), 0);
    }
    assert_int_equal(loop_run(loop, NULL, NULL), 0);
    assert_string_equal(trail, "f");
    close(pair[0]);
    close(pair[1]);
}

static void stop_here(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)descriptor;
    (void)events;
    (void)context;
    leave('s');
    loop_stop(loop);
}

static void reopen_other(struct loop *loop, int descriptor, uint32_t events, void *context) {
    (void)events;
    (void)context;
    int other = descriptor == pair[0] ? pair[1] : pair[0];
    leave('r');
    loop_forget(loop, descriptor);
    loop_forget(loop, other);
    close(other);
    /* The same number, a new watch: the event collected for the old one is not its event. */
    assert_int_equal(eventfd(0, EFD_CLOEXEC), other);
    assert_int_equal(loop_watch(loop, other, EPOLLIN, stop_here, NULL), 0);
    static char bang = '!';
    uint64_t timer;
    assert_int_equal(loop_at(loop, 0, note_timer, &bang, &timer), 0);
}

static void old_event_does_not_reach_a_new_watch(void **state) {
    struct loop *loop = *state;
    for (int i = 0; i < 2; i++) {
        pair[i] = eventfd(1, EFD_CLOEXEC);
        assert_int_equal(loop_watch(loop, pair[i], EPOLLIN, reopen_other, NULL), 0);
    }
    assert_int_equal(loop_run(loop, NULL, NULL), 0);
    assert_string_equal(trail, "r!");
    close(pair[0]);
    close(pair[1]);
}

static void watching_twice_is_refused(void **state) {
    struct loop *loop = *state;
    int descriptor = eventfd(0, EFD_CLOEXEC);
    assert_int_equal(loop_watch(loop, descriptor, EPOLLIN, stop_here, NULL), 0);
    assert_int_equal(loop_watch(loop, descriptor, EPOLLIN, stop_here, NULL), GROVE_EXISTS);
    assert_int_equal(loop_change(loop, descriptor, EPOLLOUT), 0);
    assert_int_equal(loop_run(loop, NULL, NULL), 0);
    loop_forget(loop, descriptor);
    assert_int_equal(loop_change(loop, descriptor, EPOLLIN), GROVE_NOT_FOUND);
    assert_int_equal(loop_watch(loop, -1, EPOLLIN, stop_here, NULL), GROVE_IO);
    close(descriptor);
}

static uint64_t idle_until_three(void *context) {
    int *turns = context;
    leave('i');
    return ++*turns < 3 ? 0 : UINT64_MAX;
}

static void idle_work_goes_on_while_it_is_due(void **state) {
    struct loop *loop = *state;
    int turns = 0, descriptor = eventfd(0, EFD_CLOEXEC);
    static char bang = '!';
    uint64_t timer;
    assert_int_equal(loop_at(loop, 1, note_timer, &bang, &timer), 0);
    assert_int_equal(loop_run(loop, idle_until_three, &turns), 0);
    assert_string_equal(trail, "i!i");
    close(descriptor);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(timers_fire_by_time_then_by_age, make_loop, end_loop),
        cmocka_unit_test(heap_agrees_with_a_list),
        cmocka_unit_test(number_of_a_fired_timer_names_nothing),
        cmocka_unit_test_setup_teardown(forgotten_descriptor_is_not_called, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(old_event_does_not_reach_a_new_watch, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(watching_twice_is_refused, make_loop, end_loop),
        cmocka_unit_test_setup_teardown(idle_work_goes_on_while_it_is_due, make_loop, end_loop),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
