/*
 * The classes, simulated with random loads from seeds: admitted deadlines are met whatever else runs, who overruns hurts
 * nobody, shares are fair, and nobody waits for longer than a bound.
 */
#include "kernel/machine/bare/sched/test/simulator.h"

#include "kernel/core/test/unit.h"

#define SEEDS 12u

static struct simulator simulator;

static const struct grove_schedule fair = {.class = GROVE_SCHEDULE_FAIR};
static const struct grove_schedule background = {.class = GROVE_SCHEDULE_IDLE};

static struct grove_schedule fixed(int32_t priority) {
    return (struct grove_schedule){.class = GROVE_SCHEDULE_FIXED, .priority = priority};
}

static struct grove_schedule round_robin(int32_t priority) {
    return (struct grove_schedule){.class = GROVE_SCHEDULE_ROUND_ROBIN, .priority = priority};
}

static struct grove_schedule deadline(uint64_t runtime_ns, uint64_t relative_ns, uint64_t period_ns) {
    return (struct grove_schedule){
        .class = GROVE_SCHEDULE_DEADLINE, .runtime_ns = runtime_ns, .deadline_ns = relative_ns, .period_ns = period_ns};
}

static struct grove_schedule random_deadline(void) {
    uint64_t period = sim_random(&simulator, 2, 40) * MS;
    uint64_t relative = sim_random(&simulator, period / 2, period);
    return deadline(sim_random(&simulator, relative / 50, relative / 3), relative, period);
}

/* One job in each period, of a length up to the runtime; late_ns becomes the worst lateness. */
static void periodic(struct simulator *machine, struct sim_thread *thread) {
    const struct sched_context *own = &thread->thread.own;
    if (thread->phase == 0) {
        thread->phase = 1;
        if (thread->release_ns == 0)
            thread->release_ns = machine->now_ns;
        thread->left_ns = sim_random(machine, own->runtime_ns / 2, own->runtime_ns);
        return;
    }
    if (machine->now_ns > thread->release_ns + own->relative_ns)
        thread->late_ns = machine->now_ns - thread->release_ns - own->relative_ns;
    thread->jobs++;
    thread->phase = 0;
    thread->left_ns = 0;
    thread->release_ns += own->period_ns;
    sched_block(&machine->scheduler, thread->release_ns);
    sched_reschedule(&machine->scheduler);
}

static void start_noise(void) {
    for (uint32_t i = 0; i < 6; i++) {
        struct grove_schedule schedule = i < 2   ? fixed((int32_t)sim_random(&simulator, 1, 99))
                                         : i < 3 ? round_robin(50)
                                         : i < 5 ? fair
                                                 : background;
        struct sim_thread *thread = sim_start(&simulator, &schedule, ALL_PROCESSORS, NULL, sim_sleeper);
        thread->cost_ns = sim_random(&simulator, 10 * US, 9 * MS);
        thread->sleep_ns = sim_random(&simulator, 10 * US, 9 * MS);
    }
    sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, sim_hog);
}

static void admitted_deadlines_are_met(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_open(&simulator, 1u << seed % 3, seed);
        uint32_t admitted = 0;
        for (uint32_t i = 0; i < 30; i++) {
            struct grove_schedule schedule = random_deadline();
            admitted += sim_start(&simulator, &schedule, ALL_PROCESSORS, NULL, periodic) != NULL;
        }
        assert_true(admitted >= 3 * simulator.scheduler.count);
        start_noise();
        sim_run(&simulator, simulator.now_ns + 400 * MS);
        for (uint32_t i = 0; i < admitted; i++) {
            assert_true(simulator.threads[i].jobs >= 8);
            assert_int_equal(simulator.threads[i].late_ns, 0);
        }
    }
}

/* Some never stop: they get their runtime in each period, and the others their deadlines. */
static void an_overrunner_hurts_nobody(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_open(&simulator, 1u << seed % 3, seed);
        uint32_t admitted = 0;
        for (uint32_t i = 0; i < 20; i++) {
            struct grove_schedule schedule = random_deadline();
            bool overruns = i % 3 == 0;
            admitted += sim_start(&simulator, &schedule, ALL_PROCESSORS, NULL, overruns ? sim_hog : periodic) != NULL;
        }
        start_noise();
        uint64_t begin = simulator.now_ns;
        sim_run(&simulator, begin + 400 * MS);
        for (uint32_t i = 0; i < admitted; i++) {
            const struct sim_thread *thread = &simulator.threads[i];
            const struct sched_context *own = &thread->thread.own;
            uint64_t periods = (simulator.now_ns - begin) / own->period_ns;
            assert_int_equal(thread->late_ns, 0);
            assert_true(own->used_ns <= (periods + 1) * own->runtime_ns);
            if (thread->next == sim_hog)
                assert_true(own->used_ns >= periods * own->runtime_ns);
        }
    }
}

static void no_more_is_admitted_than_fits(void **state) {
    (void)state;
    sim_open(&simulator, 2, 1);
    struct grove_schedule half = deadline(5 * MS, 10 * MS, 10 * MS), rest = deadline(4 * MS, 10 * MS, 20 * MS);
    assert_non_null(sim_start(&simulator, &half, ALL_PROCESSORS, NULL, sim_hog));
    assert_non_null(sim_start(&simulator, &half, ALL_PROCESSORS, NULL, sim_hog));
    assert_null(sim_start(&simulator, &half, ALL_PROCESSORS, NULL, sim_hog));
    struct sim_thread *last = sim_start(&simulator, &rest, ALL_PROCESSORS, NULL, sim_hog);
    assert_non_null(last);
    assert_null(sim_start(&simulator, &rest, UINT64_C(1) << last->thread.own.home, NULL, sim_hog));
    assert_int_equal(sched_thread_set(&simulator.scheduler, &last->thread, &half, ALL_PROCESSORS), GROVE_EXHAUSTED);
    sim_run(&simulator, simulator.now_ns + 50 * MS);
    assert_int_equal(sched_thread_set(&simulator.scheduler, &last->thread, &fair, ALL_PROCESSORS), 0);
    assert_non_null(sim_start(&simulator, &rest, ALL_PROCESSORS, NULL, sim_hog));
    sim_run(&simulator, simulator.now_ns + 50 * MS);
}

/* How long each fair thread waits for a processor at a stretch. */
static void measure_waits(struct simulator *machine) {
    for (uint32_t i = 0; i < machine->count; i++) {
        struct sim_thread *thread = &machine->threads[i];
        uint64_t waited = machine->now_ns - thread->thread.ready_since_ns;
        if (thread->thread.is_queued && waited > thread->longest_wait_ns)
            thread->longest_wait_ns = waited;
    }
}

/* What all others may use before a thread of this weight comes first: a slice, its own last one, and their bonus. */
static uint64_t bound_ns(uint32_t number) {
    uint64_t weight = simulator.threads[number].thread.own.weight, bound = 10 * MS;
    for (uint32_t i = 0; i < simulator.count; i++) {
        uint64_t other = simulator.threads[i].thread.own.weight;
        uint64_t ahead = 2 * SCHED_SLICE_NS * 1024 / weight + SCHED_BONUS_NS + SCHED_GRAIN_NS;
        if (i != number)
            bound += SCHED_SLICE_NS + ahead * other / 1024;
    }
    return bound;
}

static void no_fair_thread_starves(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_open(&simulator, 1u << seed % 3, seed);
        simulator.after_step = measure_waits;
        for (uint32_t i = 0; i < 16; i++) {
            struct grove_schedule schedule = fair;
            schedule.priority = (int32_t)sim_random(&simulator, 0, 10) - 5;
            bool sleeps = i % 2 == 0;
            struct sim_thread *thread =
                sim_start(&simulator, &schedule, ALL_PROCESSORS, NULL, sleeps ? sim_sleeper : sim_hog);
            /* The adversary: wakes up as often as it can, just before its time would count. */
            thread->cost_ns = sim_random(&simulator, 100 * US, SCHED_BONUS_NS);
            thread->sleep_ns = sim_random(&simulator, 1 * US, 2 * MS);
        }
        sim_run(&simulator, simulator.now_ns + 2000 * MS);
        for (uint32_t i = 0; i < simulator.count; i++)
            assert_true(simulator.threads[i].longest_wait_ns <= bound_ns(i));
    }
}

static void time_is_shared_by_weight(void **state) {
    (void)state;
    sim_open(&simulator, 1, 3);
    uint64_t weights = 0;
    for (uint32_t i = 0; i < 5; i++) {
        struct grove_schedule schedule = {.class = GROVE_SCHEDULE_FAIR, .priority = (int32_t)i * 2 - 4};
        weights += sim_start(&simulator, &schedule, ALL_PROCESSORS, NULL, sim_hog)->thread.own.weight;
    }
    sim_run(&simulator, simulator.now_ns + 4000 * MS);
    for (uint32_t i = 0; i < 5; i++) {
        uint64_t due = 4000 * MS * simulator.threads[i].thread.own.weight / weights;
        uint64_t got = simulator.threads[i].thread.run_ns;
        assert_true(got + 30 * MS > due && got < due + 30 * MS);
    }
}

/* Eight equal hogs on four processors: two on each, so each gets a half. */
static void processors_are_balanced(void **state) {
    (void)state;
    sim_open(&simulator, 4, 4);
    for (uint32_t i = 0; i < 8; i++) /* all on one processor first */
        sim_start(&simulator, &fair, 1, NULL, sim_hog);
    sim_run(&simulator, simulator.now_ns + 10 * MS);
    for (uint32_t i = 0; i < 8; i++)
        assert_int_equal(sched_thread_set(&simulator.scheduler, &simulator.threads[i].thread, &fair, ALL_PROCESSORS),
                         0);
    uint64_t before[8];
    sim_run(&simulator, simulator.now_ns + 100 * MS);
    for (uint32_t i = 0; i < 8; i++)
        before[i] = simulator.threads[i].thread.run_ns;
    sim_run(&simulator, simulator.now_ns + 1000 * MS);
    for (uint32_t i = 0; i < 8; i++) {
        uint64_t got = simulator.threads[i].thread.run_ns - before[i];
        assert_true(got > 480 * MS && got < 520 * MS);
    }
}

/* Four on each of two processors, of which three end on one: the rest is shared three to two, and not four to one. */
static void a_processor_with_less_to_do_gets_more(void **state) {
    (void)state;
    uint64_t before[8];
    uint32_t ended = 0;
    sim_open(&simulator, 2, 8);
    for (uint32_t i = 0; i < 8; i++)
        sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, sim_hog);
    sim_run(&simulator, simulator.now_ns + 50 * MS);
    for (uint32_t i = 0; i < 8 && ended < 3; i++) {
        struct sched_thread *thread = &simulator.threads[i].thread;
        if (thread->processor != 1 || thread->is_running)
            continue;
        sched_thread_end(&simulator.scheduler, thread);
        ended++;
    }
    assert_int_equal(ended, 3);
    sim_run(&simulator, simulator.now_ns + 100 * MS);
    for (uint32_t i = 0; i < 8; i++)
        before[i] = simulator.threads[i].thread.run_ns;
    sim_run(&simulator, simulator.now_ns + 600 * MS);
    for (uint32_t i = 0; i < 8; i++)
        if (simulator.threads[i].thread.state != SCHED_ENDED)
            assert_true(simulator.threads[i].thread.run_ns - before[i] >= 180 * MS);
}

static void a_fixed_priority_leaves_a_twentieth_to_fair_threads(void **state) {
    (void)state;
    sim_open(&simulator, 1, 5);
    struct grove_schedule high = fixed(99);
    struct sim_thread *hog = sim_start(&simulator, &high, ALL_PROCESSORS, NULL, sim_hog);
    struct sim_thread *patient = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, sim_hog);
    sim_run(&simulator, simulator.now_ns + 4000 * MS);
    assert_true(patient->thread.run_ns >= 190 * MS && patient->thread.run_ns <= 210 * MS);
    sched_thread_set(&simulator.scheduler, &patient->thread, &background, ALL_PROCESSORS);
    uint64_t ran = hog->thread.run_ns;
    sim_run(&simulator, simulator.now_ns + 1000 * MS);
    assert_int_equal(hog->thread.run_ns - ran, 1000 * MS); /* nobody fair waits, so nothing is kept free */
}

static void round_robin_shares_and_first_in_first_out_does_not(void **state) {
    (void)state;
    sim_open(&simulator, 1, 6);
    struct grove_schedule shared = round_robin(7), single = fixed(7);
    struct sim_thread *threads[3];
    for (uint32_t i = 0; i < 3; i++)
        threads[i] = sim_start(&simulator, &shared, ALL_PROCESSORS, NULL, sim_hog);
    sim_run(&simulator, simulator.now_ns + 300 * MS);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(threads[i]->thread.run_ns, 100 * MS);
    struct sim_thread *first = sim_start(&simulator, &single, ALL_PROCESSORS, NULL, sim_hog);
    sim_run(&simulator, simulator.now_ns + 300 * MS);
    assert_true(first->thread.run_ns >= 260 * MS);
}

static void sleeping_processors_have_no_timer(void **state) {
    (void)state;
    sim_open(&simulator, 2, 7);
    struct sim_thread *thread = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, sim_hog);
    sim_run(&simulator, simulator.now_ns + 100 * MS);
    assert_int_equal(thread->thread.run_ns, 100 * MS);
    assert_true(simulator.steps <= 2); /* nothing to decide: no tick */
    for (uint32_t i = 0; i < 2; i++)
        assert_int_equal(simulator.timers_ns[i], SCHED_NEVER);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(admitted_deadlines_are_met),
        cmocka_unit_test(an_overrunner_hurts_nobody),
        cmocka_unit_test(no_more_is_admitted_than_fits),
        cmocka_unit_test(no_fair_thread_starves),
        cmocka_unit_test(time_is_shared_by_weight),
        cmocka_unit_test(processors_are_balanced),
        cmocka_unit_test(a_processor_with_less_to_do_gets_more),
        cmocka_unit_test(a_fixed_priority_leaves_a_twentieth_to_fair_threads),
        cmocka_unit_test(round_robin_shares_and_first_in_first_out_does_not),
        cmocka_unit_test(sleeping_processors_have_no_timer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
