/*
 * A killed child that does not end: held by a tracer, whose it is until the tracer lets go. That is how Linux shows a process
 * that no signal gets out of a call.
 */
#include "kernel/machine/linux/loop/reaper.h"

#include "kernel/core/machine.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

static struct loop *loop;
static unsigned ended;

uint64_t machine_clock_ns(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static void note(void *context) {
    assert_ptr_equal(context, &ended);
    ended++;
}

static uint64_t until_ns;
static unsigned wanted;

static uint64_t stop_when_ended(void *context) {
    (void)context;
    if (ended >= wanted || machine_clock_ns() > until_ns)
        loop_stop(loop);
    return until_ns;
}

/* Turns of the loop until so many have ended, for ten seconds at most. */
static void turn_until(unsigned count) {
    wanted = count;
    until_ns = machine_clock_ns() + UINT64_C(10000000000);
    assert_int_equal(loop_run(loop, stop_when_ended, NULL), 0);
    assert_int_equal(ended, count);
}

static pid_t make_child(void) {
    pid_t child = fork();
    if (child == 0)
        for (;;)
            pause();
    assert_true(child > 0);
    return child;
}

/* A process that holds the child until a byte comes through the pipe. */
static pid_t hold(pid_t child, int *release) {
    int go[2], held[2];
    char byte;
    assert_int_equal(pipe(go), 0);
    assert_int_equal(pipe(held), 0);
    pid_t tracer = fork();
    if (tracer == 0) {
        if (ptrace(PTRACE_SEIZE, child, NULL, NULL) == 0 && write(held[1], "", 1) == 1)
            (void)!read(go[0], &byte, 1);
        _exit(0);
    }
    close(held[1]);
    ssize_t got = read(held[0], &byte, 1);
    close(held[0]);
    close(go[0]);
    *release = go[1];
    if (got == 1)
        return tracer;
    (void)waitpid(tracer, NULL, 0);
    return -1;
}

static bool is_gone(pid_t process) {
    return kill(process, 0) < 0;
}

static void one_that_ends_is_waited_for_at_once(void **state) {
    (void)state;
    pid_t child = make_child();
    int descriptor = (int)syscall(SYS_pidfd_open, child, 0);
    assert_true(descriptor >= 0);
    ended = 0;
    reaper_kill(loop, child, descriptor, note, &ended);
    assert_int_equal(ended, 1);
    assert_true(is_gone(child));
    assert_int_equal(close(descriptor), -1); /* it was taken over */
}

static void without_a_descriptor_a_later_turn_finds_it(void **state) {
    (void)state;
    pid_t child = make_child();
    ended = 0;
    reaper_kill(loop, child, -1, note, &ended);
    turn_until(1);
    assert_true(is_gone(child));
}

static void one_that_cannot_end_holds_nobody_up(void **state) {
    (void)state;
    int release;
    pid_t child = make_child();
    pid_t tracer = hold(child, &release);
    if (tracer < 0) {
        (void)kill(child, SIGKILL);
        (void)waitpid(child, NULL, 0);
        close(release);
        skip(); /* this machine forbids tracing */
    }
    ended = 0;
    reaper_kill(loop, child, (int)syscall(SYS_pidfd_open, child, 0), note, &ended);
    assert_int_equal(ended, 0); /* its memory is not given back while it is there */
    assert_true(reaper_has_room());
    assert_int_equal(write(release, "", 1), 1);
    assert_int_equal(waitpid(tracer, NULL, 0), tracer);
    close(release);
    turn_until(1);
    assert_true(is_gone(child));
}

static void there_is_room_for_so_many(void **state) {
    (void)state;
    int release[REAPER_MAX];
    pid_t tracers[REAPER_MAX];
    ended = 0;
    for (unsigned i = 0; i < REAPER_MAX; i++) {
        pid_t child = make_child();
        tracers[i] = hold(child, &release[i]);
        if (tracers[i] < 0) {
            (void)kill(child, SIGKILL);
            (void)waitpid(child, NULL, 0);
            close(release[i]);
            skip();
        }
        assert_true(reaper_has_room());
        reaper_kill(loop, child, -1, note, &ended);
    }
    assert_false(reaper_has_room());
    for (unsigned i = 0; i < REAPER_MAX; i++) {
        assert_int_equal(write(release[i], "", 1), 1);
        assert_int_equal(waitpid(tracers[i], NULL, 0), tracers[i]);
        close(release[i]);
    }
    turn_until(REAPER_MAX);
    assert_true(reaper_has_room());
}

static void a_reserved_place_is_nobody_elses(void **state) {
    (void)state;
    for (unsigned i = 0; i < REAPER_MAX; i++)
        assert_true(reaper_reserve());
    assert_false(reaper_has_room());
    assert_false(reaper_reserve());
    reaper_release();
    assert_true(reaper_has_room());
    for (unsigned i = 1; i < REAPER_MAX; i++)
        reaper_release();
}

static int set_up(void **state) {
    (void)state;
    return loop_create(&loop);
}

static int tear_down(void **state) {
    (void)state;
    loop_destroy(loop);
    return 0;
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_that_ends_is_waited_for_at_once),
        cmocka_unit_test(without_a_descriptor_a_later_turn_finds_it),
        cmocka_unit_test(one_that_cannot_end_holds_nobody_up),
        cmocka_unit_test(there_is_room_for_so_many),
        cmocka_unit_test(a_reserved_place_is_nobody_elses),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
