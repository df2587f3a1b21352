/*
 * Waiting for several words, and handing the processor over to whom one wakes: each by itself, and pairs that call each other
 * among others who never rest.
 */
#include "kernel/machine/bare/futex/test/program.h"

#define SEEDS 40u

static void one_of_several_words_ends_the_wait(void **state) {
    (void)state;
    const struct futex_word all[] = {{8, 0}, {16, 0}, {24, 0}}, other[] = {{8, 0}, {16, 7}};
    struct futex_waiter waiters[ITEMS(all)];
    uint32_t woken = 9, which = 9;
    open_machine(1, 8);
    start_now(10);
    struct futex_thread *self = start_now(50);
    assert_int_equal(futex_wait_many(&table, self, &space, all, 0, waiters, SCHED_NEVER), GROVE_INVALID);
    assert_int_equal(futex_wait_many(&table, self, &space, other, 2, waiters, SCHED_NEVER), GROVE_AGAIN);
    assert_true(self->thread->state == SCHED_READY && waiters[0].bucket == NULL);
    is_away = true;
    assert_int_equal(futex_wait_many(&table, self, &space, all, 3, waiters, simulator.now_ns + 1 * MS), 0);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_not_equal(sched_current(&simulator.scheduler), self->thread);
    assert_int_equal(futex_wake(&table, &space, 16, 9, FUTEX_ALL_BITS, &woken), 0);
    assert_int_equal(woken, 1);
    sched_reschedule(&simulator.scheduler);
    assert_int_equal(futex_finish_many(&table, self, &which), 0);
    assert_int_equal(which, 1);
    assert_true(waiters[0].bucket == NULL && waiters[2].bucket == NULL);
    assert_int_equal(futex_wait_many(&table, self, &space, all, 3, waiters, simulator.now_ns + 1 * MS), 0);
    sched_reschedule(&simulator.scheduler);
    sim_run(&simulator, simulator.now_ns + 2 * MS);
    assert_int_equal(futex_finish_many(&table, self, &which), GROVE_TIMED_OUT);
    assert_int_equal(futex_wake(&table, &space, 24, 9, FUTEX_ALL_BITS, &woken), 0);
    assert_int_equal(woken, 0);
}

static int hand_over(struct futex_thread *self, uint64_t wake_at, uint64_t wait_at, uint32_t expected, bool lends) {
    const struct futex_word word = {wait_at, expected};
    const struct futex_hand_over what = {
        .wake_at = wake_at, .words = &word, .count = 1, .lends = lends, .timeout_ns = simulator.now_ns + 50 * MS};
    return futex_hand_over(&table, self, &space, &what);
}

static void a_call_goes_to_the_server_and_comes_back(void **state) {
    (void)state;
    uint32_t which = 9;
    open_machine(1, 9);
    struct futex_thread *server = start_now(10);
    assert_int_equal(hand_over(server, 8, 16, 0, false), 0); /* nobody waits yet */
    sched_reschedule(&simulator.scheduler);
    start_now(50);
    struct futex_thread *client = start_now(90);
    assert_int_equal(hand_over(client, 16, 8, 5, true),
                     GROVE_AGAIN); /* the word is another: the server is only woken */
    assert_true(server->thread->state == SCHED_READY && client->thread->state == SCHED_READY);
    assert_int_equal(futex_finish_many(&table, server, &which), 0);
    sched_thread_end(&simulator.scheduler, client->thread);
    sched_reschedule(&simulator.scheduler);
    sim_run(&simulator, simulator.now_ns + 1 * MS);
    open_machine(1, 10);
    server = start_now(10);
    assert_int_equal(hand_over(server, 8, 16, 0, false), 0);
    sched_reschedule(&simulator.scheduler);
    struct futex_thread *between = start_now(50);
    client = start_now(90);
    is_away = true;
    assert_int_equal(hand_over(client, 16, 8, 0, true), 0);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sched_current(&simulator.scheduler), server->thread); /* and not the one between */
    assert_ptr_equal(server->thread->using, &client->thread->own);
    assert_int_equal(futex_finish_many(&table, server, &which), 0);
    const struct futex_word both[] = {{16, 0}, {24, 0}};
    struct futex_waiter waiters[ITEMS(both)];
    const struct futex_hand_over reply = {
        .wake_at = 8, .words = both, .waiters = waiters, .count = 2, .timeout_ns = SCHED_NEVER};
    assert_int_equal(futex_hand_over(&table, server, &space, &reply), 0);
    assert_ptr_equal(server->thread->using, &server->thread->own);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sched_current(&simulator.scheduler), client->thread);
    assert_int_equal(futex_finish_many(&table, client, &which), 0);
    assert_int_equal(hand_over(client, 24, 8, 0, true), 0);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sched_current(&simulator.scheduler), server->thread);
    assert_int_equal(futex_finish_many(&table, server, &which), 0);
    assert_int_equal(which, 1);
    sim_run(&simulator, simulator.now_ns + 60 * MS); /* no reply: the client's time is over, and it lends no more */
    assert_int_equal(futex_finish_many(&table, client, &which), GROVE_TIMED_OUT);
    assert_ptr_equal(server->thread->using, &server->thread->own);
    assert_true(between->thread->waits_for == NULL);
}

/* Thread 2n calls thread 2n + 1: word 2n is the question, and 2n + 1 the reply, each a count. */
static void caller_or_server(struct simulator *machine, struct sim_thread *thread) {
    struct futex_thread *self = futex_of(thread);
    const uint32_t number = self->number - 1, pair = number / 2;
    const bool is_client = number % 2 == 0;
    const uint64_t question = 8 * pair, reply = question + 4;
    uint32_t which = 0;
    thread->left_ns = sim_random(machine, 1 * US, 200 * US);
    if (thread->phase == 1 && futex_finish_many(&table, self, &which) == 0)
        thread->jobs++;
    thread->phase = 0;
    if (is_client)
        words[question / 4]++;
    else if (words[question / 4] != words[reply / 4])
        words[reply / 4] = words[question / 4];
    const uint64_t own = is_client ? question : reply, peer = is_client ? reply : question;
    const struct futex_word seen[] = {{peer, words[peer / 4]}, {8 * (WORDS / 2 - 1), 0}};
    static struct futex_waiter waiters[SIM_THREADS][2];
    const struct futex_hand_over what = {.wake_at = own,
                                         .words = seen,
                                         .waiters = waiters[number],
                                         .count = (uint32_t)sim_random(machine, 1, 2),
                                         .lends = is_client,
                                         .timeout_ns = machine->now_ns + sim_random(machine, 1 * US, 3 * MS)};
    if (futex_hand_over(&table, self, &space, &what) == 0)
        thread->phase = 1;
}

static void pairs_call_each_other_among_hogs(void **state) {
    (void)state;
    const struct grove_schedule *schedules[] = {&fair, &high, &fair, &fair, &middle, &fair, &high, &middle};
    uint64_t calls = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        open_machine(1u << seed % 3, seed);
        for (uint32_t i = 0; i < ITEMS(schedules); i++)
            start(schedules[i], caller_or_server);
        for (uint32_t i = 0; i < seed % 4; i++)
            start(&fair, sim_hog);
        sim_run(&simulator, simulator.now_ns + 50 * MS);
        for (uint32_t i = 0; i < ITEMS(schedules); i++)
            calls += simulator.threads[i].jobs;
    }
    assert_true(calls > SEEDS * UINT64_C(50));
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_of_several_words_ends_the_wait),
        cmocka_unit_test(a_call_goes_to_the_server_and_comes_back),
        cmocka_unit_test(pairs_call_each_other_among_hogs),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
