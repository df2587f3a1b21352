/* Groups: the quota of a container holds on any number of processors, in every class, and what it lends is its own expense. */
#include "kernel/machine/bare/sched/test/simulator.h"

#include "kernel/core/test/unit.h"

#define PERIOD (20 * MS)

static struct simulator simulator;
static struct sched_group outer, inner;

static const struct grove_schedule fair = {.class = GROVE_SCHEDULE_FAIR};
static const struct grove_schedule high = {.class = GROVE_SCHEDULE_FIXED, .priority = 90};

/* The most that was used in one period. */
static uint64_t most_in_a_period(const struct sched_group *group, uint32_t periods) {
    uint64_t most = 0;
    for (uint32_t i = 0; i < periods; i++) {
        uint64_t before = group->used_ns;
        sim_run(&simulator, simulator.now_ns + PERIOD);
        if (group->used_ns - before > most) {
            most = group->used_ns - before;
        }
    }
    return most;
}

static void a_quota_holds_on_all_processors_together(void **state) {
    (void)state;
    for (uint32_t processors = 1; processors <= 4; processors *= 2) {
        sim_open(&simulator, processors, processors);
        assert_int_equal(sched_group_init(&simulator.scheduler, &outer, NULL, 5 * MS, PERIOD), 0);
        for (uint32_t i = 0; i < 6; i++)
            sim_start(&simulator, i % 2 == 0 ? &fair : &high, ALL_PROCESSORS, &outer, sim_hog);
        struct sim_thread *other = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, sim_hog);
        uint64_t begin = simulator.now_ns;
        assert_true(most_in_a_period(&outer, 50) <= 5 * MS + processors * (60 * US));
        assert_true(outer.used_ns <= 50 * (5 * MS) + processors * (60 * US));
        assert_true(outer.used_ns >= 49 * (5 * MS));
        assert_true(other->thread.run_ns >= (simulator.now_ns - begin) - outer.used_ns);
    }
}

static uint32_t told;

static void count_told(struct sched_group *group) {
    assert_ptr_equal(group, &outer);
    told++;
}

static void who_waits_for_a_share_is_counted_and_told_of(void **state) {
    (void)state;
    sim_open(&simulator, 1, 1);
    sched_group_init(&simulator.scheduler, &outer, NULL, 5 * MS, PERIOD);
    outer.waited = count_told;
    sim_start(&simulator, &fair, ALL_PROCESSORS, &outer, sim_hog);
    told = 0;
    sim_run(&simulator, simulator.now_ns + 10 * PERIOD);
    assert_int_equal(told, 0); /* nobody armed it */
    assert_true(outer.waited_ns >= 9 * (15 * MS) - MS && outer.waited_ns <= 10 * (15 * MS) + MS);
    outer.is_armed = true;
    sim_run(&simulator, simulator.now_ns + 10 * PERIOD);
    assert_int_equal(told, 1);
    assert_false(outer.is_armed);
}

static void the_least_quota_above_a_thread_counts(void **state) {
    (void)state;
    sim_open(&simulator, 2, 1);
    sched_group_init(&simulator.scheduler, &outer, NULL, 4 * MS, PERIOD);
    sched_group_init(&simulator.scheduler, &inner, &outer, 3 * MS, PERIOD);
    sim_start(&simulator, &fair, ALL_PROCESSORS, &inner, sim_hog);
    sim_start(&simulator, &fair, ALL_PROCESSORS, &outer, sim_hog);
    uint64_t begin = outer.used_ns;
    assert_true(most_in_a_period(&outer, 20) <= 4 * MS + 120 * US);
    assert_true(outer.used_ns - begin >= 19 * (4 * MS) && inner.used_ns >= 20 * MS && inner.used_ns <= 61 * MS);
    assert_int_equal(sched_group_set(&simulator.scheduler, &outer, 0, 0), 0);
    begin = inner.used_ns;
    sim_run(&simulator, simulator.now_ns + 10 * PERIOD);
    assert_true(inner.used_ns - begin >= 27 * MS && inner.used_ns - begin <= 33 * MS);
}

/* A thread without time left that holds what another group waits for goes on, at the other's expense. */
static void without_time_a_holder_goes_on_at_the_expense_of_who_waits(void **state) {
    (void)state;
    static struct sched_lock lock;
    lock = (struct sched_lock){0};
    sim_open(&simulator, 1, 1);
    sched_group_init(&simulator.scheduler, &outer, NULL, 1 * MS, 1000 * MS);
    struct sim_thread *holder = sim_start(&simulator, &fair, ALL_PROCESSORS, &outer, sim_hog);
    sched_lock_pass(&simulator.scheduler, &lock, &holder->thread);
    sim_run(&simulator, simulator.now_ns + 10 * MS);
    assert_int_equal(holder->thread.run_ns, 1 * MS);
    struct sim_thread *waiter = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, sim_hog);
    sched_reschedule(&simulator.scheduler);
    assert_int_equal(sched_block_on(&simulator.scheduler, &lock, SCHED_NEVER), 0);
    sched_reschedule(&simulator.scheduler);
    sim_run(&simulator, simulator.now_ns + 10 * MS);
    assert_int_equal(holder->thread.run_ns, 11 * MS);
    assert_int_equal(waiter->thread.own.used_ns, 10 * MS);
    assert_int_equal(outer.used_ns, 1 * MS);
}

/* Time is charged to where the thread was while it ran, and a group without time lets go whoever leaves it. */
static void a_thread_moves_to_another_group(void **state) {
    (void)state;
    for (uint32_t processors = 1; processors <= 4; processors *= 2) {
        sim_open(&simulator, processors, processors);
        sched_group_init(&simulator.scheduler, &outer, NULL, 5 * MS, 1000 * MS);
        sched_group_init(&simulator.scheduler, &inner, NULL, 0, 0);
        struct sim_thread *thread = sim_start(&simulator, &fair, ALL_PROCESSORS, &outer, sim_hog);
        sim_run(&simulator, simulator.now_ns + 20 * MS);
        uint64_t used_ns = outer.used_ns;
        assert_true(used_ns >= 5 * MS && used_ns <= 5 * MS + 60 * US);
        sched_thread_move(&simulator.scheduler, &thread->thread, &inner);
        sim_run(&simulator, simulator.now_ns + 20 * MS);
        assert_int_equal(outer.used_ns, used_ns);
        assert_true(inner.used_ns >= 19 * MS);
        uint64_t before_ns = thread->thread.run_ns;
        sched_thread_move(&simulator.scheduler, &thread->thread, NULL);
        used_ns = inner.used_ns;
        sim_run(&simulator, simulator.now_ns + 20 * MS);
        assert_int_equal(inner.used_ns, used_ns);
        assert_true(thread->thread.run_ns - before_ns >= 19 * MS);
        sched_group_deinit(&simulator.scheduler, &outer);
        sched_group_deinit(&simulator.scheduler, &inner);
        sim_run(&simulator, simulator.now_ns + 2000 * MS);
    }
}

static void limits_are_checked(void **state) {
    (void)state;
    struct sched_group row[SCHED_GROUPS_DEEP + 1];
    sim_open(&simulator, 1, 1);
    assert_int_equal(sched_group_init(&simulator.scheduler, &outer, NULL, 1, 0), GROVE_INVALID);
    assert_int_equal(sched_group_init(&simulator.scheduler, &outer, NULL, UINT64_MAX, 1), GROVE_INVALID);
    assert_int_equal(sched_group_init(&simulator.scheduler, &outer, NULL, 1, UINT64_MAX), GROVE_INVALID);
    for (uint32_t i = 0; i <= SCHED_GROUPS_DEEP; i++)
        assert_int_equal(sched_group_init(&simulator.scheduler, &row[i], i > 0 ? &row[i - 1] : NULL, 0, 0),
                         i < SCHED_GROUPS_DEEP ? 0 : GROVE_TOO_LARGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_quota_holds_on_all_processors_together),
        cmocka_unit_test(who_waits_for_a_share_is_counted_and_told_of),
        cmocka_unit_test(the_least_quota_above_a_thread_counts),
        cmocka_unit_test(without_time_a_holder_goes_on_at_the_expense_of_who_waits),
        cmocka_unit_test(a_thread_moves_to_another_group),
        cmocka_unit_test(limits_are_checked),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
