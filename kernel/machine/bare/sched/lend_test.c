/*
 * Lending: who holds what a better one waits for runs with that one's context, over chains and calls, for exactly as long
 * as that one waits, and nobody waits longer than the time for which others hold what it needs.
 */
#include "kernel/machine/bare/sched/test/simulator.h"

#include "kernel/core/test/unit.h"

static struct simulator simulator;

static const struct grove_schedule fair = {.class = GROVE_SCHEDULE_FAIR};

static struct grove_schedule fixed(int32_t priority) {
    return (struct grove_schedule){.class = GROVE_SCHEDULE_FIXED, .priority = priority};
}

/* ---- locks ---- */

enum { WORKS, LOCKS, HOLDS, LOCKED };

/* Work for cost_ns, hold thread->lock for sleep_ns, and again; late_ns is the longest wait for the lock. */
static void locker(struct simulator *machine, struct sim_thread *thread) {
    struct scheduler *scheduler = &machine->scheduler;
    thread->left_ns = 0;
    switch (thread->phase) {
    case WORKS:
        thread->phase = LOCKS;
        thread->left_ns = thread->cost_ns;
        return;
    case LOCKS:
        thread->release_ns = machine->now_ns;
        thread->phase = LOCKED;
        if (thread->lock->owner == NULL) {
            sched_lock_pass(scheduler, thread->lock, &thread->thread);
            return;
        }
        assert_int_equal(sched_block_on(scheduler, thread->lock, SCHED_NEVER), 0);
        sched_reschedule(scheduler);
        return;
    case LOCKED:
        assert_ptr_equal(thread->lock->owner, &thread->thread);
        if (machine->now_ns - thread->release_ns > thread->late_ns)
            thread->late_ns = machine->now_ns - thread->release_ns;
        thread->phase = HOLDS;
        thread->left_ns = thread->sleep_ns;
        return;
    default: {
        struct sched_thread *next = sched_lock_first(scheduler, thread->lock);
        thread->phase = WORKS;
        thread->jobs++;
        sched_lock_pass(scheduler, thread->lock, next);
        if (next != NULL)
            sched_wake(scheduler, next, 0);
        sched_reschedule(scheduler);
    }
    }
}

static struct sim_thread *start_locker(const struct grove_schedule *schedule, struct sched_lock *lock, uint64_t work_ns,
                                       uint64_t hold_ns) {
    struct sim_thread *thread = sim_start(&simulator, schedule, ALL_PROCESSORS, NULL, locker);
    thread->lock = lock;
    thread->cost_ns = work_ns;
    thread->sleep_ns = hold_ns;
    return thread;
}

/* A low thread holds what a high one wants while others of a middle priority would run for ever. */
static void inversion_lasts_no_longer_than_the_critical_section(void **state) {
    (void)state;
    static struct sched_lock lock;
    struct grove_schedule high = fixed(90), middle = fixed(50);
    for (uint64_t seed = 1; seed <= 8; seed++) {
        lock = (struct sched_lock){0};
        sim_open(&simulator, 1, seed);
        struct sim_thread *low = start_locker(&fair, &lock, 100 * US, 2 * MS);
        sim_run(&simulator, simulator.now_ns + sim_random(&simulator, 200 * US, 1900 * US));
        assert_ptr_equal(lock.owner, &low->thread);
        sim_start(&simulator, &middle, ALL_PROCESSORS, NULL, sim_hog);
        sim_run(&simulator, simulator.now_ns + 5 * MS);
        struct sim_thread *wanting = start_locker(&high, &lock, 10 * US, 100 * US);
        sim_run(&simulator, simulator.now_ns + 1 * US * 20);
        assert_ptr_equal(low->thread.using, &wanting->thread.own);
        sim_run(&simulator, simulator.now_ns + 20 * MS);
        assert_true(wanting->jobs > 0);
        assert_true(wanting->late_ns > 0 && wanting->late_ns <= 2 * MS);
        assert_ptr_equal(low->thread.using, &low->thread.own);
    }
}

/* Many on one lock: nobody waits longer than those before it hold the lock, whatever hogs there are. */
static void a_contended_lock_goes_to_the_highest(void **state) {
    (void)state;
    static struct sched_lock lock;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        lock = (struct sched_lock){0};
        sim_open(&simulator, 1u << seed % 3, seed);
        for (uint32_t i = 0; i < 6; i++) {
            struct grove_schedule schedule = fixed(90 - (int32_t)i * 5);
            start_locker(&schedule, &lock, sim_random(&simulator, 200 * US, 4 * MS), 50 * US);
        }
        start_locker(&fair, &lock, 100 * US, 300 * US);
        struct grove_schedule middle = fixed(40);
        for (uint32_t i = 0; i < 4; i++)
            sim_start(&simulator, &middle, ALL_PROCESSORS, NULL, sim_hog);
        sim_run(&simulator, simulator.now_ns + 500 * MS);
        /* One that holds it now; 300 us if that is the fair one. */
        assert_true(simulator.threads[0].jobs > 20 && simulator.threads[0].late_ns <= 300 * US);
    }
}

/* Threads that wait in a row: the last one, who runs, has the context of the first. */
static void chains_are_followed_and_bounded(void **state) {
    (void)state;
    static struct sched_lock locks[SCHED_DEPTH_MAX + 2];
    struct sim_thread *threads[SCHED_DEPTH_MAX + 2];
    sim_open(&simulator, 1, 1);
    for (uint32_t i = 0; i < SCHED_DEPTH_MAX + 2; i++) {
        struct grove_schedule schedule = fixed((int32_t)i + 1);
        locks[i] = (struct sched_lock){0};
        threads[i] = sim_start(&simulator, &schedule, ALL_PROCESSORS, NULL, sim_hog);
        sched_lock_pass(&simulator.scheduler, &locks[i], &threads[i]->thread);
        sched_reschedule(&simulator.scheduler);
        assert_ptr_equal(sim_current(&simulator), threads[i]);
        int status = i > 0 ? sched_block_on(&simulator.scheduler, &locks[i - 1], SCHED_NEVER) : 0;
        assert_int_equal(status, i <= SCHED_DEPTH_MAX ? 0 : GROVE_TOO_LARGE);
        sched_reschedule(&simulator.scheduler);
        assert_ptr_equal(sim_current(&simulator), i <= SCHED_DEPTH_MAX ? threads[0] : threads[i]);
        if (i <= SCHED_DEPTH_MAX)
            assert_ptr_equal(threads[0]->thread.using, &threads[i]->thread.own);
    }
    sched_thread_end(&simulator.scheduler, &threads[SCHED_DEPTH_MAX + 1]->thread);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sim_current(&simulator), threads[0]);
    assert_int_equal(sched_block_on(&simulator.scheduler, &locks[SCHED_DEPTH_MAX], SCHED_NEVER), GROVE_CYCLE);
    assert_int_equal(sched_block_on(&simulator.scheduler, &locks[0], SCHED_NEVER), GROVE_CYCLE);
    sim_run(&simulator, simulator.now_ns + 5 * MS);
    assert_int_equal(threads[SCHED_DEPTH_MAX]->thread.own.used_ns, 5 * MS);
    assert_int_equal(threads[0]->thread.run_ns, 5 * MS);
}

static void what_was_lent_goes_back_when_the_wait_ends(void **state) {
    (void)state;
    static struct sched_lock lock;
    lock = (struct sched_lock){0};
    sim_open(&simulator, 1, 1);
    struct grove_schedule low = fixed(10), high = fixed(20);
    struct sim_thread *holder = sim_start(&simulator, &low, ALL_PROCESSORS, NULL, sim_hog);
    sched_lock_pass(&simulator.scheduler, &lock, &holder->thread);
    struct sim_thread *waiter = sim_start(&simulator, &high, ALL_PROCESSORS, NULL, sim_hog);
    sched_reschedule(&simulator.scheduler);
    assert_int_equal(sched_block_on(&simulator.scheduler, &lock, simulator.now_ns + 3 * MS), 0);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(holder->thread.using, &waiter->thread.own);
    sim_run(&simulator, simulator.now_ns + 10 * MS);
    assert_int_equal(waiter->thread.result, GROVE_TIMED_OUT);
    assert_ptr_equal(holder->thread.using, &holder->thread.own);
    assert_int_equal(holder->thread.run_ns, 3 * MS);
    assert_int_equal(waiter->thread.own.used_ns, 10 * MS);
    assert_int_equal(holder->thread.own.used_ns, 0);
}

/* ---- calls ---- */

/* Serves: receive, work for cost_ns, reply. With a server of its own it passes the call on in between. */
static void server(struct simulator *machine, struct sim_thread *thread) {
    struct scheduler *scheduler = &machine->scheduler;
    thread->left_ns = 0;
    switch (thread->phase) {
    case 0: /* wait for a call */
        thread->phase = 1;
        sched_receive(scheduler);
        sched_reschedule(scheduler);
        return;
    case 1: /* work */
        thread->phase = thread->server != NULL ? 2 : 3;
        thread->left_ns = thread->cost_ns;
        return;
    case 2:
        thread->phase = 3;
        thread->server->client = thread;
        assert_int_equal(sched_call(scheduler, &thread->server->thread, SCHED_NEVER), 0);
        sched_reschedule(scheduler);
        return;
    default:
        thread->phase = 1;
        thread->jobs++;
        sched_reply(scheduler, &thread->client->thread, (int)thread->jobs);
        sched_receive(scheduler);
        sched_reschedule(scheduler);
    }
}

/* Works for cost_ns, then calls; late_ns is the longest time until the answer. */
static void caller(struct simulator *machine, struct sim_thread *thread) {
    thread->left_ns = thread->cost_ns;
    if (thread->phase == 1) {
        thread->release_ns = machine->now_ns;
        thread->left_ns = 0;
        thread->server->client = thread;
        assert_int_equal(sched_call(&machine->scheduler, &thread->server->thread, SCHED_NEVER), 0);
        sched_reschedule(&machine->scheduler);
    } else if (thread->phase == 2) {
        assert_true(thread->thread.result >= 0);
        thread->jobs++;
        if (machine->now_ns - thread->release_ns > thread->late_ns)
            thread->late_ns = machine->now_ns - thread->release_ns;
    }
    thread->phase = thread->phase % 2 + 1;
}

static void a_call_takes_the_processor_along_and_brings_it_back(void **state) {
    (void)state;
    static const struct grove_schedule classes[] = {
        {.class = GROVE_SCHEDULE_FAIR},
        {.class = GROVE_SCHEDULE_FIXED, .priority = 30},
        {.class = GROVE_SCHEDULE_DEADLINE, .runtime_ns = 8 * MS, .deadline_ns = 10 * MS, .period_ns = 10 * MS}};
    for (uint32_t i = 0; i < ITEMS(classes); i++) {
        sim_open(&simulator, 2, 1);
        struct sim_thread *last = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, server);
        struct sim_thread *first = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, server);
        first->server = last;
        first->cost_ns = last->cost_ns = 10 * US;
        sim_run(&simulator, simulator.now_ns + 1 * MS);
        struct sim_thread *client = sim_start(&simulator, &classes[i], ALL_PROCESSORS, NULL, caller);
        client->server = first;
        client->cost_ns = 20 * US;
        uint64_t begin = simulator.now_ns;
        sim_run(&simulator, begin + 7 * MS);
        assert_true(client->jobs > 150);
        assert_int_equal(client->late_ns, 20 * US);
        /* One context paid for all three, on one processor, which was never idle in between. */
        assert_int_equal(client->thread.own.used_ns, 7 * MS);
        assert_int_equal(first->thread.own.used_ns + last->thread.own.used_ns, 0);
        assert_int_equal(first->thread.processor, client->thread.processor);
        assert_int_equal(last->thread.processor, client->thread.processor);
    }
}

static void a_server_has_the_priority_of_its_caller(void **state) {
    (void)state;
    sim_open(&simulator, 1, 2);
    struct grove_schedule high = fixed(80), middle = fixed(50);
    struct sim_thread *served = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, server);
    served->cost_ns = 50 * US;
    sim_run(&simulator, simulator.now_ns + 1 * MS);
    sim_start(&simulator, &middle, ALL_PROCESSORS, NULL, sim_hog);
    struct sim_thread *client = sim_start(&simulator, &high, ALL_PROCESSORS, NULL, caller);
    client->server = served;
    client->cost_ns = 100 * US;
    sim_run(&simulator, simulator.now_ns + 100 * MS);
    assert_true(client->jobs > 600);
    assert_int_equal(client->late_ns, 50 * US);
}

static void a_caller_learns_of_its_servers_death_and_of_its_own_deadline(void **state) {
    (void)state;
    sim_open(&simulator, 1, 3);
    struct sim_thread *served = sim_start(&simulator, &fair, ALL_PROCESSORS, NULL, server);
    served->cost_ns = 500 * MS;
    sim_run(&simulator, simulator.now_ns + 1 * MS);
    struct grove_schedule high = fixed(80);
    struct sim_thread *client = sim_start(&simulator, &high, ALL_PROCESSORS, NULL, sim_hog);
    sched_reschedule(&simulator.scheduler);
    assert_int_equal(sched_call(&simulator.scheduler, &served->thread, simulator.now_ns + 5 * MS), 0);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sim_current(&simulator), served);
    sim_run(&simulator, simulator.now_ns + 10 * MS);
    assert_int_equal(client->thread.result, GROVE_TIMED_OUT);
    assert_ptr_equal(sim_current(&simulator), client);
    assert_ptr_equal(served->thread.using, &served->thread.own);
    assert_int_equal(sched_call(&simulator.scheduler, &served->thread, SCHED_NEVER), 0);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sim_current(&simulator), served);
    sched_thread_end(&simulator.scheduler, &served->thread);
    sched_reschedule(&simulator.scheduler);
    sched_drain(&served->thread);
    assert_ptr_equal(sim_current(&simulator), client);
    assert_int_equal(client->thread.result, GROVE_CLOSED);
    assert_int_equal(sched_call(&simulator.scheduler, &served->thread, SCHED_NEVER), GROVE_CLOSED);
    sim_run(&simulator, simulator.now_ns + 1 * MS);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(inversion_lasts_no_longer_than_the_critical_section),
        cmocka_unit_test(a_contended_lock_goes_to_the_highest),
        cmocka_unit_test(chains_are_followed_and_bounded),
        cmocka_unit_test(what_was_lent_goes_back_when_the_wait_ends),
        cmocka_unit_test(a_call_takes_the_processor_along_and_brings_it_back),
        cmocka_unit_test(a_server_has_the_priority_of_its_caller),
        cmocka_unit_test(a_caller_learns_of_its_servers_death_and_of_its_own_deadline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
