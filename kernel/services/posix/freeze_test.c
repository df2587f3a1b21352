/* Freezing: who stands still, when it is told, what signals do to it, and that calls see nothing of it. */
#include "kernel/services/posix/freeze.h"

#include "kernel/services/posix/test/world.h"

#define NO_HANG 1u
#define STOPPED 2u
#define SECOND UINT64_C(1000000000)

static struct freezer freezer;
static uint32_t told;
static int32_t child;
static uint32_t steps;

static void count_told(struct freezer *of) {
    assert_ptr_equal(of, &freezer);
    told++;
}

/* A child with the freezer, which is then the current one. */
static void begin(void) {
    posix_begin();
    freezer_init(&freezer, count_told);
    told = steps = 0;
    posix_world.first->freezer = NULL;
    child = posix_fork();
    posix_become(child);
    struct process *process = process_current();
    process->freezer = &freezer;
    processes_lock();
    freezer_add_thread(process_thread_current());
    processes_unlock();
}

static void end(void) {
    posix_become(1);
    posix_end();
    assert_int_equal(freezer.threads, 0);
    assert_int_equal(freezer.standing, 0);
}

/* Act as process 1 while the child sleeps. */
static void as_parent(void (*act)(void)) {
    struct posix_way_out before = posix_world.exit;
    posix_become(1);
    act();
    posix_world.exit = before;
}

static void thaw(void) {
    freezer_thaw(&freezer);
}

static void thaws(struct posix_world *world) {
    world->on_sleep = NULL;
    assert_int_equal(told, 1);
    as_parent(thaw);
}

static void it_stands_still_until_it_is_thawed(void **state) {
    (void)state;
    begin();
    freezer_freeze(&freezer);
    assert_int_equal(told, 0); /* it has not come here yet */
    posix_world.on_sleep = thaws;
    assert_true(posix_go_to_user());
    assert_int_equal(posix_world.sleeps, 1);
    assert_int_equal(told, 1);
    end();
}

static void twice_is_told_once_and_again_after_a_thaw(void **state) {
    (void)state;
    begin();
    for (unsigned i = 1; i <= 3; i++) {
        told = 0;
        freezer_freeze(&freezer);
        freezer_freeze(&freezer);
        posix_world.on_sleep = thaws;
        assert_true(posix_go_to_user());
        assert_int_equal(told, 1);
    }
    end();
}

/* ---- several threads ---- */

static int32_t second;

static void second_comes(struct posix_world *world) {
    assert_int_equal(told, 0); /* one of two stands */
    world->on_sleep = thaws;
    struct posix_way_out before = world->exit;
    posix_become(second);
    assert_true(posix_go_to_user());
    assert_int_equal(told, 1);
    world->exit = before;
}

static void all_of_them_must_stand(void **state) {
    (void)state;
    begin();
    second = posix_fork();
    assert_int_equal(freezer.threads, 2); /* what a process makes is frozen with it */
    freezer_freeze(&freezer);
    posix_world.on_sleep = second_comes;
    assert_true(posix_go_to_user());
    end();
}

static void second_ends(struct posix_world *world) {
    assert_int_equal(told, 0);
    world->on_sleep = NULL;
    struct posix_way_out before = world->exit;
    posix_become(1);
    assert_int_equal(posix_do(system_call_kill, (uint64_t)second, LINUX_SIGKILL, 0, 0), 0);
    posix_become(second);
    assert_false(posix_go_to_user());
    assert_int_equal(told, 1);
    freezer_thaw(&freezer);
    world->exit = before;
}

static void the_end_of_the_last_that_runs_is_told_too(void **state) {
    (void)state;
    begin();
    second = posix_fork();
    freezer_freeze(&freezer);
    posix_world.on_sleep = second_ends;
    assert_true(posix_go_to_user());
    end();
}

static void who_begins_in_it_begins_frozen(void **state) {
    (void)state;
    begin();
    freezer_freeze(&freezer);
    struct process *process = process_current();
    assert_true(process_thread_current()->thread->is_interrupted);
    process_thread_current()->thread->is_interrupted = false;
    second = (int32_t)system_call_fork((const uint64_t[6]){0}); /* it was on its way in already */
    processes_lock();
    struct process *made = process_find_locked(second);
    processes_unlock();
    assert_ptr_equal(made->freezer, process->freezer);
    const struct process_thread *part = list_first_item(&made->threads, struct process_thread, link);
    assert_non_null(part);
    assert_true(part->thread->is_interrupted);
    freezer_thaw(&freezer);
    end();
}

static void a_parent_of_vfork_stands_where_it_is(void **state) {
    (void)state;
    begin();
    struct process_thread *part = process_thread_current();
    processes_lock();
    freezer_sleep_begin(part);
    processes_unlock();
    assert_int_equal(told, 0);
    freezer_freeze(&freezer);
    assert_int_equal(told, 1);
    processes_lock();
    freezer_sleep_end(part);
    processes_unlock();
    freezer_thaw(&freezer);
    end();
}

/* ---- signals ---- */

static void kill_it(void) {
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGKILL, 0, 0), 0);
}

static void kills(struct posix_world *world) {
    world->on_sleep = NULL;
    as_parent(kill_it);
}

static int32_t status_of(uint64_t options) {
    int32_t status = -1;
    posix_become(1);
    if (posix_do(system_call_wait4, UINT64_MAX, POSIX_DATA, options | NO_HANG, 0) <= 0)
        return -1;
    assert_true(process_read(&status, POSIX_DATA, sizeof(status)));
    return status;
}

static void a_frozen_one_can_be_killed(void **state) {
    (void)state;
    begin();
    freezer_freeze(&freezer);
    posix_world.on_sleep = kills;
    assert_false(posix_go_to_user());
    assert_int_equal(status_of(0), LINUX_SIGKILL);
    end();
}

static void terminate_it(void) {
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGTERM, 0, 0), 0);
}

static void terminates(struct posix_world *world) {
    world->on_sleep = NULL;
    as_parent(terminate_it);
}

static void a_signal_that_ends_it_does(void **state) {
    (void)state;
    begin();
    freezer_freeze(&freezer);
    posix_world.on_sleep = terminates;
    assert_false(posix_go_to_user());
    assert_int_equal(status_of(0), LINUX_SIGTERM);
    end();
}

static void signals_then_thaws(struct posix_world *world) {
    if (steps++ == 0) {
        as_parent(terminate_it);
        return;
    }
    assert_int_equal(world->current->frame_count, 0); /* woken, and still frozen */
    world->on_sleep = NULL;
    as_parent(thaw);
}

static void a_signal_with_a_handler_waits_for_the_thaw(void **state) {
    (void)state;
    begin();
    posix_handle(LINUX_SIGTERM, 0x1000, LINUX_SA_RESTORER);
    freezer_freeze(&freezer);
    posix_world.on_sleep = signals_then_thaws;
    assert_true(posix_go_to_user());
    assert_int_equal(steps, 2);
    assert_int_equal(posix_world.current->frame_count, 1);
    end();
}

static void stop_it(void) {
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGSTOP, 0, 0), 0);
}

static void continue_it(void) {
    assert_int_equal(posix_do(system_call_kill, (uint64_t)child, LINUX_SIGCONT, 0, 0), 0);
}

/* It stops, is frozen while it is stopped, is continued while it is frozen, and thawed. */
static void freezes_what_is_stopped(struct posix_world *world) {
    static int32_t seen;
    struct posix_way_out before = world->exit;
    switch (steps++) {
    case 0:
        seen = status_of(STOPPED);
        assert_int_equal(seen, LINUX_SIGSTOP << 8 | 0x7f);
        freezer_freeze(&freezer);
        world->exit = before;
        break;
    case 1:
        assert_int_equal(told, 1);
        as_parent(continue_it);
        break;
    case 2: /* still frozen */
        assert_int_equal(status_of(STOPPED), -1); /* its parent hears of no further stop */
        world->exit = before;
        as_parent(thaw);
        world->on_sleep = NULL;
        break;
    default:
        fail();
    }
}

static void a_stopped_one_is_frozen_and_nobody_sees_it(void **state) {
    (void)state;
    begin();
    as_parent(stop_it);
    posix_become(child);
    posix_world.on_sleep = freezes_what_is_stopped;
    assert_true(posix_go_to_user());
    assert_int_equal(steps, 3);
    end();
}

/* ---- calls ---- */

static int64_t interrupted(const uint64_t arguments[6]) {
    (void)arguments;
    freezer_freeze(&freezer);
    return -LINUX_EINTR;
}

static void no_call_sees_it(void **state) {
    const uint64_t arguments[6] = {1, 2, 3, 4, 5, 6};
    const enum restart_rule_number { NEVER, UNLESS_HANDLED, IF_ASKED } rules[] = {NEVER, UNLESS_HANDLED, IF_ASKED};
    int64_t result;
    (void)state;
    begin();
    for (unsigned i = 0; i < ITEMS(rules); i++) {
        told = 0;
        posix_world.on_sleep = thaws;
        assert_true(posix_call(interrupted, rules[i], arguments, &result));
        assert_true(posix_world.current->registers.is_again);
        assert_false(posix_world.current->registers.is_restarted);
    }
    end();
}

static int64_t frozen_and_thawed_at_once(const uint64_t arguments[6]) {
    (void)arguments;
    freezer_freeze(&freezer);
    freezer_thaw(&freezer);
    return -LINUX_EINTR;
}

/* The thread comes to the border when all is over, and its call was interrupted all the same. */
static void a_short_freeze_is_not_seen_either(void **state) {
    const uint64_t arguments[6] = {0};
    int64_t result;
    (void)state;
    begin();
    assert_true(posix_call(frozen_and_thawed_at_once, 0, arguments, &result));
    assert_true(posix_world.current->registers.is_again);
    assert_int_equal(posix_world.sleeps, 0);
    end();
}

static int64_t stopped_and_continued(const uint64_t arguments[6]) {
    (void)arguments;
    as_parent(stop_it);
    posix_become(child);
    return -LINUX_EINTR;
}

static void continues(struct posix_world *world) {
    world->on_sleep = NULL;
    as_parent(continue_it);
}

static void a_stop_is_seen_as_before(void **state) {
    const uint64_t arguments[6] = {0};
    int64_t result;
    (void)state;
    begin();
    posix_world.on_sleep = continues;
    assert_true(posix_call(stopped_and_continued, 0, arguments, &result));
    assert_false(posix_world.current->registers.is_again);
    assert_int_equal(result, -LINUX_EINTR);
    end();
}

static uint64_t began_ns;

static int64_t waits_for_a_second(const uint64_t arguments[6]) {
    (void)arguments;
    began_ns = process_call_began_ns();
    freezer_freeze(&freezer);
    return -LINUX_EINTR;
}

static void a_time_out_goes_on_from_where_it_began(void **state) {
    const uint64_t arguments[6] = {SECOND}, other[6] = {2 * SECOND};
    int64_t result;
    (void)state;
    begin();
    posix_world.on_sleep = thaws;
    assert_true(posix_call(waits_for_a_second, 0, arguments, &result));
    uint64_t first_ns = began_ns;
    posix_world.now_ns += 5 * SECOND;
    told = 0;
    posix_world.on_sleep = thaws;
    assert_true(posix_call(waits_for_a_second, 0, arguments, &result)); /* made again */
    assert_int_equal(began_ns, first_ns);
    told = 0;
    posix_world.on_sleep = thaws;
    assert_true(posix_call(waits_for_a_second, 0, other, &result)); /* another one */
    assert_true(began_ns >= first_ns + 5 * SECOND);
    end();
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stands_still_until_it_is_thawed),
        cmocka_unit_test(twice_is_told_once_and_again_after_a_thaw),
        cmocka_unit_test(all_of_them_must_stand),
        cmocka_unit_test(the_end_of_the_last_that_runs_is_told_too),
        cmocka_unit_test(who_begins_in_it_begins_frozen),
        cmocka_unit_test(a_parent_of_vfork_stands_where_it_is),
        cmocka_unit_test(a_frozen_one_can_be_killed),
        cmocka_unit_test(a_signal_that_ends_it_does),
        cmocka_unit_test(a_signal_with_a_handler_waits_for_the_thaw),
        cmocka_unit_test(a_stopped_one_is_frozen_and_nobody_sees_it),
        cmocka_unit_test(no_call_sees_it),
        cmocka_unit_test(a_short_freeze_is_not_seen_either),
        cmocka_unit_test(a_stop_is_seen_as_before),
        cmocka_unit_test(a_time_out_goes_on_from_where_it_began),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
