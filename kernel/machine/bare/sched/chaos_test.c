/*
 * Everything at once, from seeds: threads of all classes in groups with quotas compute, sleep, lock in any order, call
 * servers that call others, run out of time, are cancelled, moved, changed and ended at any moment. The simulator checks
 * queues, trees, choices and accounts after every step; at the end everybody who is left can still be brought to an end.
 */
#include "kernel/machine/bare/sched/test/simulator.h"

#include "kernel/core/test/unit.h"

#define SEEDS 60u
#define LOCKS 5u
#define GROUPS 4u
#define SERVERS 4u

static struct simulator simulator;
static struct sched_lock locks[LOCKS];
static struct sched_group groups[GROUPS];

static struct grove_schedule random_schedule(void) {
    struct grove_schedule schedule = {.class = (uint32_t)sim_random(&simulator, 0, 4)};
    schedule.priority = (int32_t)sim_random(&simulator, 1, 19);
    if (schedule.class == GROVE_SCHEDULE_DEADLINE) {
        schedule.period_ns = sim_random(&simulator, 1, 20) * MS;
        schedule.deadline_ns = sim_random(&simulator, schedule.period_ns / 2, schedule.period_ns);
        schedule.runtime_ns = sim_random(&simulator, 1 * US, schedule.deadline_ns / 3);
    }
    return schedule;
}

static uint64_t random_affinity(void) {
    uint64_t all = simulator.scheduler.online;
    uint64_t some = sim_random(&simulator, 1, all);
    return sim_random(&simulator, 0, 2) > 0 ? all : some;
}

static uint64_t random_timeout_ns(void) {
    return sim_random(&simulator, 0, 3) == 0 ? SCHED_NEVER : simulator.now_ns + sim_random(&simulator, 0, 8 * MS);
}

static struct sim_thread *random_thread(void) {
    return &simulator.threads[sim_random(&simulator, 0, simulator.count - 1)];
}

static void release(struct sched_lock *lock) {
    struct sched_thread *next = sched_lock_first(&simulator.scheduler, lock);
    sched_lock_pass(&simulator.scheduler, lock, next);
    if (next != NULL)
        sched_wake(&simulator.scheduler, next, 0);
}

/* End a thread that does not run on another processor. */
static void end(struct sim_thread *thread) {
    for (uint32_t i = 0; i < LOCKS; i++)
        if (locks[i].owner == &thread->thread)
            release(&locks[i]);
    sched_thread_end(&simulator.scheduler, &thread->thread);
    sched_drain(&thread->thread);
}

static void take(struct sim_thread *thread, struct sched_lock *lock) {
    if (lock->owner == NULL) {
        sched_lock_pass(&simulator.scheduler, lock, &thread->thread);
        return;
    }
    int status = sched_block_on(&simulator.scheduler, lock, random_timeout_ns());
    assert_true(status == 0 || status == GROVE_CYCLE || status == GROVE_TOO_LARGE);
    assert_true(lock->owner != &thread->thread || status == GROVE_CYCLE);
}

static void call(struct sim_thread *thread, uint32_t lowest) {
    struct sim_thread *server = &simulator.threads[sim_random(&simulator, lowest, SERVERS - 1)];
    int status = sched_call(&simulator.scheduler, &server->thread, random_timeout_ns());
    assert_true(status == 0 || status == GROVE_CLOSED || status == GROVE_TOO_LARGE || status == GROVE_CYCLE);
    assert_true(status == 0 || thread->thread.state == SCHED_READY);
}

static void meddle(struct sim_thread *other) {
    struct grove_schedule schedule = random_schedule();
    switch (sim_random(&simulator, 0, 3)) {
    case 0:
        sched_wake(&simulator.scheduler, &other->thread, GROVE_CANCELLED);
        break;
    case 1:
        if (other->thread.state != SCHED_ENDED)
            (void)sched_thread_set(&simulator.scheduler, &other->thread, &schedule, random_affinity());
        break;
    case 2:
        if (!other->thread.is_running && other->thread.state != SCHED_ENDED && sim_random(&simulator, 0, 3) == 0)
            end(other);
        break;
    default:
        (void)sched_group_set(&simulator.scheduler, &groups[sim_random(&simulator, 0, GROUPS - 1)],
                              sim_random(&simulator, 0, 3) * MS, sim_random(&simulator, 4, 9) * MS);
        break;
    }
}

static void anything(struct simulator *machine, struct sim_thread *thread) {
    thread->left_ns = sim_random(machine, 0, 2 * MS);
    switch (sim_random(machine, 0, 11)) {
    case 0:
    case 1:
        sched_block(&machine->scheduler, machine->now_ns + sim_random(machine, 0, 5 * MS));
        break;
    case 2:
    case 3:
        take(thread, &locks[sim_random(machine, 0, LOCKS - 1)]);
        break;
    case 4:
    case 5:
    case 6:
        for (uint32_t i = 0; i < LOCKS; i++)
            if (locks[i].owner == &thread->thread)
                release(&locks[i]);
        break;
    case 7:
        call(thread, 0);
        break;
    case 8:
        sched_give_way(&machine->scheduler);
        break;
    case 9:
        meddle(random_thread());
        break;
    case 10:
        if (sim_random(machine, 0, 9) == 0)
            end(thread);
        break;
    default:
        break;
    }
    sched_reschedule(&machine->scheduler);
}

/* Answers the best caller, and sometimes calls one of the servers behind it first. */
static void serve(struct simulator *machine, struct sim_thread *thread) {
    uint32_t number = (uint32_t)(thread - machine->threads);
    struct sched_thread *client = sched_lock_first(&machine->scheduler, &thread->thread.calls);
    thread->left_ns = sim_random(machine, 0, 500 * US);
    if (thread->phase == 1 && client != NULL) {
        thread->phase = 0;
        assert_true(sched_reply(&machine->scheduler, client, 0));
        client = sched_lock_first(&machine->scheduler, &thread->thread.calls);
    }
    if (client == NULL) {
        thread->phase = 0;
        sched_receive(&machine->scheduler);
    } else {
        thread->phase = 1;
        if (number + 1 < SERVERS && sim_random(machine, 0, 1) == 0)
            call(thread, number + 1);
        else if (sim_random(machine, 0, 3) == 0)
            sched_block(&machine->scheduler, machine->now_ns + 100 * US);
    }
    sched_reschedule(&machine->scheduler);
}

static void start(void (*next)(struct simulator *machine, struct sim_thread *thread)) {
    struct grove_schedule schedule = random_schedule();
    struct sched_group *group =
        sim_random(&simulator, 0, 2) > 0 ? &groups[sim_random(&simulator, 0, GROUPS - 1)] : NULL;
    (void)sim_start(&simulator, &schedule, random_affinity(), group, next);
}

static void open_groups(void) {
    static const uint64_t quotas[GROUPS] = {0, 2 * MS, 7 * MS, 1 * MS};
    for (uint32_t i = 0; i < GROUPS; i++) {
        struct sched_group *parent = i >= 2 ? &groups[i - 2] : NULL;
        assert_int_equal(sched_group_init(&simulator.scheduler, &groups[i], parent, quotas[i], 10 * MS), 0);
    }
}

/* What the members of a group and of those below it used is its account. */
static void check_groups(struct simulator *machine) {
    uint64_t used[GROUPS] = {0};
    sched_account(&machine->scheduler);
    for (uint32_t i = 0; i < machine->count; i++) {
        const struct sched_group *group = machine->threads[i].thread.own.group;
        for (; group != NULL; group = group->parent)
            used[group - groups] += machine->threads[i].thread.own.used_ns;
    }
    for (uint32_t i = 0; i < GROUPS; i++)
        assert_int_equal(used[i], groups[i].used_ns);
}

static void end_all(void) {
    for (uint32_t i = 0; i < simulator.count; i++) {
        struct sim_thread *thread = &simulator.threads[i];
        if (thread->thread.state == SCHED_ENDED)
            continue;
        if (thread->thread.is_running)
            simulator.here = thread->thread.processor;
        end(thread);
        sim_run(&simulator, simulator.now_ns + 10 * US);
    }
    for (uint32_t i = 0; i < simulator.scheduler.count; i++) {
        assert_int_equal(simulator.processors[i].waiting, 0);
        assert_int_equal(simulator.processors[i].admitted_ppm, 0);
        assert_ptr_equal(simulator.processors[i].current, &simulator.processors[i].idle);
    }
    for (uint32_t i = 0; i < LOCKS; i++)
        assert_null(locks[i].waiters.first);
}

static void everything_holds_at_every_step(void **state) {
    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        sim_open(&simulator, 1u << seed % 3, seed);
        for (uint32_t i = 0; i < LOCKS; i++)
            locks[i] = (struct sched_lock){0};
        open_groups();
        for (uint32_t i = 0; simulator.count < SERVERS; i++)
            start(serve);
        while (simulator.count < SIM_THREADS) {
            for (uint32_t i = 0; i < 12 && simulator.count < SIM_THREADS; i++)
                start(anything);
            sim_run(&simulator, simulator.now_ns + 40 * MS);
            check_groups(&simulator);
        }
        end_all();
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(everything_holds_at_every_step)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
