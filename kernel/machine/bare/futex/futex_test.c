/*
 * Futexes on virtual processors: each operation by itself, and programs of mutexes of both kinds that are cancelled, run
 * out of time and end while they hold them: two never have one, none is lost, and no waiter is forgotten.
 */
#include "kernel/machine/bare/futex/futex.h"

#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/sched/test/simulator.h"

#include <string.h>

#define WORDS 64u
#define MUTEXES 3u
#define SEEDS 40u

static struct simulator simulator;
static struct futex_table table;
static struct futex_thread futexes[SIM_THREADS];
static uint32_t words[WORDS]; /* the memory of the program, from address 0 on */
static bool is_away; /* the page is not in memory */

static const struct grove_schedule fair = {.class = GROVE_SCHEDULE_FAIR};
static const struct grove_schedule middle = {.class = GROVE_SCHEDULE_FIXED, .priority = 50};
static const struct grove_schedule high = {.class = GROVE_SCHEDULE_FIXED, .priority = 90};

static int check_address(uint64_t address) {
    if (address % 4 != 0 || address / 4 >= WORDS)
        return GROVE_INVALID;
    return is_away ? GROVE_WRONG_STATE : 0;
}

static int identify(struct futex_space *space, uint64_t address, struct futex_key *key) {
    *key = (struct futex_key){.object = (uint64_t)(uintptr_t)space, .offset = address};
    return check_address(address) == GROVE_INVALID ? GROVE_INVALID : 0;
}

static int load(struct futex_space *space, uint64_t address, uint32_t *value) {
    (void)space;
    int status = check_address(address);
    if (status == 0)
        *value = words[address / 4];
    return status;
}

static int exchange(struct futex_space *space, uint64_t address, uint32_t *expected, uint32_t wanted) {
    uint32_t value = 0;
    int status = load(space, address, &value);
    if (status == 0 && value == *expected)
        words[address / 4] = wanted;
    if (status == 0)
        *expected = value;
    return status;
}

static int touch(struct futex_space *space, uint64_t address) {
    (void)space;
    is_away = false;
    return check_address(address);
}

static int load_long(struct futex_space *space, uint64_t address, uint64_t *value) {
    (void)space;
    if (address % 8 != 0 || address / 4 + 1 >= WORDS)
        return GROVE_INVALID;
    memcpy(value, &words[address / 4], sizeof(*value));
    return 0;
}

static struct futex_thread *find(struct futex_space *space, uint32_t number) {
    (void)space;
    bool is_there =
        number >= 1 && number <= simulator.count && simulator.threads[number - 1].thread.state != SCHED_ENDED;
    return is_there ? &futexes[number - 1] : NULL;
}

static const struct futex_memory memory = {
    .identify = identify, .load = load, .exchange = exchange, .touch = touch, .load_long = load_long, .find = find};
static struct futex_space space = {.memory = &memory};

static void open_machine(uint32_t processors, uint64_t seed) {
    sim_open(&simulator, processors, seed);
    futex_init(&table, &simulator.scheduler);
    memset(words, 0, sizeof(words));
    is_away = false;
}

static struct futex_thread *futex_of(const struct sim_thread *thread) {
    return &futexes[thread - simulator.threads];
}

static struct sim_thread *start(const struct grove_schedule *schedule,
                                void (*next)(struct simulator *machine, struct sim_thread *thread)) {
    struct sim_thread *thread = sim_start(&simulator, schedule, ALL_PROCESSORS, NULL, next);
    futex_thread_init(futex_of(thread), &thread->thread, simulator.count);
    return thread;
}

/* A thread that is the current one of the only processor, as it has just been started with the highest priority. */
static struct futex_thread *start_now(int32_t priority) {
    struct grove_schedule schedule = {.class = GROVE_SCHEDULE_FIXED, .priority = priority};
    struct sim_thread *thread = start(&schedule, sim_hog);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sim_current(&simulator), thread);
    return futex_of(thread);
}

static struct futex_thread *wait_on(uint64_t address, uint32_t bits, uint64_t timeout_ns) {
    struct futex_thread *waiter = start_now(50);
    assert_int_equal(futex_wait(&table, waiter, &space, address, words[address / 4], bits, timeout_ns), 0);
    sched_reschedule(&simulator.scheduler);
    return waiter;
}

static void the_word_decides_and_bits_choose(void **state) {
    (void)state;
    uint32_t woken = 9;
    open_machine(1, 1);
    struct futex_thread *self = start_now(10);
    is_away = true;
    assert_int_equal(futex_wait(&table, self, &space, 8, 5, FUTEX_ALL_BITS, SCHED_NEVER), GROVE_AGAIN);
    assert_int_equal(futex_wait(&table, self, &space, 7, 0, FUTEX_ALL_BITS, SCHED_NEVER), GROVE_INVALID);
    assert_int_equal(futex_wait(&table, self, &space, 8, 0, 0, SCHED_NEVER), GROVE_INVALID);
    is_away = true;
    struct futex_thread *a = wait_on(8, 1, SCHED_NEVER), *b = wait_on(8, 2, SCHED_NEVER),
                        *c = wait_on(8, 3, SCHED_NEVER);
    assert_int_equal(futex_wake(&table, &space, 12, 9, FUTEX_ALL_BITS, &woken), 0);
    assert_int_equal(woken, 0);
    assert_int_equal(futex_wake(&table, &space, 8, 1, 2, &woken), 0);
    assert_true(woken == 1 && b->own.bucket == NULL && a->own.bucket != NULL && c->own.bucket != NULL);
    assert_int_equal(futex_wake(&table, &space, 8, 9, FUTEX_ALL_BITS, &woken), 0);
    assert_int_equal(woken, 2);
    assert_int_equal(futex_finish(&table, a), 0);
    sim_run(&simulator, simulator.now_ns + 1 * MS);
}

static void a_key_wakes_all_who_wait_for_its_word(void **state) {
    struct futex_thread *waiters[20];
    struct futex_key key = {.object = (uint64_t)(uintptr_t)&space, .offset = 8};
    (void)state;
    open_machine(1, 1);
    start_now(10);
    for (uint32_t i = 0; i < 20; i++)
        waiters[i] = wait_on(8, 1u << i, SCHED_NEVER);
    struct futex_thread *other = wait_on(12, FUTEX_ALL_BITS, SCHED_NEVER);
    futex_wake_key(&table, &key);
    for (uint32_t i = 0; i < 20; i++)
        assert_null(waiters[i]->own.bucket);
    assert_non_null(other->own.bucket);
    key.object++;
    key.offset = 12;
    futex_wake_key(&table, &key); /* nobody's */
    assert_non_null(other->own.bucket);
}

static void a_timeout_ends_the_wait(void **state) {
    (void)state;
    uint32_t woken = 9;
    open_machine(1, 2);
    start_now(10);
    struct futex_thread *late = wait_on(8, 1, simulator.now_ns + 1 * MS);
    struct futex_thread *both = wait_on(8, 2, simulator.now_ns + 1 * MS);
    sim_run(&simulator, simulator.now_ns + 2 * MS);
    assert_int_equal(futex_finish(&table, late), GROVE_TIMED_OUT);
    /* A wake-up that found it still waiting counts, and is not lost on it. */
    assert_int_equal(futex_wake(&table, &space, 8, 9, FUTEX_ALL_BITS, &woken), 0);
    assert_int_equal(woken, 1);
    assert_int_equal(futex_finish(&table, both), 0);
}

static void waiters_move_to_another_word(void **state) {
    (void)state;
    uint32_t woken = 0, moved = 0, expected = 1;
    open_machine(1, 3);
    start_now(10);
    for (uint32_t i = 0; i < 5; i++)
        wait_on(8, FUTEX_ALL_BITS, SCHED_NEVER);
    assert_int_equal(futex_requeue(&table, &space, 8, 16, 1, 9, &expected, &woken, &moved), GROVE_AGAIN);
    expected = 0;
    is_away = true;
    assert_int_equal(futex_requeue(&table, &space, 8, 16, 1, 2, &expected, &woken, &moved), 0);
    assert_true(woken == 1 && moved == 2);
    assert_int_equal(futex_wake(&table, &space, 16, 9, FUTEX_ALL_BITS, &woken), 0);
    assert_int_equal(woken, 2);
    assert_int_equal(futex_requeue(&table, &space, 8, 8, 0, 9, NULL, &woken, &moved), 0);
    assert_true(woken == 0 && moved == 0);
    assert_int_equal(futex_wake(&table, &space, 8, 9, FUTEX_ALL_BITS, &woken), 0);
    assert_int_equal(woken, 2);
}

static void an_owner_inherits_and_hands_on(void **state) {
    (void)state;
    bool waits = false;
    open_machine(1, 4);
    struct futex_thread *low = start_now(10);
    assert_int_equal(futex_lock(&table, low, &space, 8, SCHED_NEVER, false, &waits), 0);
    assert_true(!waits && words[2] == low->number);
    assert_int_equal(futex_lock(&table, low, &space, 8, SCHED_NEVER, false, &waits), GROVE_CYCLE);
    struct futex_thread *waiters[3];
    for (int32_t i = 0; i < 3; i++) {
        waiters[i] = start_now(20 + i);
        assert_int_equal(futex_unlock(&table, waiters[i], &space, 8), GROVE_DENIED);
        assert_int_equal(futex_lock(&table, waiters[i], &space, 8, SCHED_NEVER, true, &waits), GROVE_AGAIN);
        is_away = i == 1;
        assert_int_equal(futex_lock(&table, waiters[i], &space, 8, SCHED_NEVER, false, &waits), 0);
        assert_true(waits && words[2] == (low->number | FUTEX_WAITERS));
        sched_reschedule(&simulator.scheduler);
        assert_ptr_equal(sched_current(&simulator.scheduler), low->thread);
    }
    assert_ptr_equal(low->thread->using, &waiters[2]->thread->own);
    assert_int_equal(futex_unlock(&table, low, &space, 8), 0);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sched_current(&simulator.scheduler), waiters[2]->thread);
    assert_int_equal(futex_finish(&table, waiters[2]), 0);
    assert_int_equal(words[2], waiters[2]->number | FUTEX_WAITERS);
    assert_ptr_equal(low->thread->using, &low->thread->own);
    futex_exit(&table, waiters[2], &space, 0); /* it dies with the word */
    sched_thread_end(&simulator.scheduler, waiters[2]->thread);
    sched_reschedule(&simulator.scheduler);
    assert_ptr_equal(sched_current(&simulator.scheduler), waiters[1]->thread);
    assert_int_equal(futex_finish(&table, waiters[1]), 0);
    assert_int_equal(words[2], waiters[1]->number | FUTEX_WAITERS | FUTEX_OWNER_DIED);
}

static void what_a_program_writes_into_words_is_not_believed(void **state) {
    (void)state;
    bool waits = false;
    open_machine(1, 5);
    struct futex_thread *low = start_now(10), *self = start_now(20);
    words[2] = 77;
    assert_int_equal(futex_lock(&table, self, &space, 8, SCHED_NEVER, false, &waits), GROVE_NOT_FOUND);
    words[2] = low->number;
    assert_int_equal(futex_lock(&table, self, &space, 8, SCHED_NEVER, false, &waits), 0);
    sched_reschedule(&simulator.scheduler);
    words[2] = self->number;
    struct futex_thread *third = start_now(30);
    assert_int_equal(futex_lock(&table, third, &space, 8, SCHED_NEVER, false, &waits), GROVE_CORRUPT);
    words[2] = third->number;
    assert_int_equal(futex_unlock(&table, third, &space, 8), GROVE_CORRUPT);
    sched_wake(&simulator.scheduler, self->thread, GROVE_CANCELLED);
    assert_int_equal(futex_finish(&table, self), GROVE_CANCELLED);
    assert_true(self->spare != NULL && list_is_empty(&low->owned));
}

static void put_long(uint64_t address, uint64_t value) {
    memcpy(&words[address / 4], &value, sizeof(value));
}

static void a_robust_list_is_walked_and_bounded(void **state) {
    (void)state;
    open_machine(1, 6);
    struct futex_thread *dying = start_now(10);
    struct futex_thread *waiter = wait_on(48, FUTEX_ALL_BITS, SCHED_NEVER);
    struct futex_thread *pending = wait_on(80, FUTEX_ALL_BITS, SCHED_NEVER);
    put_long(96, 40); /* the head: two entries, of which the second inherits, in a circle that never ends */
    put_long(104, 8);
    put_long(112, 72);
    put_long(40, 56 | 1);
    put_long(56, 40);
    words[48 / 4] = dying->number | FUTEX_WAITERS;
    words[64 / 4] = dying->number;
    words[80 / 4] = 0; /* given back, but nobody woken yet */
    futex_exit(&table, dying, &space, UINT64_C(1) << 20); /* nothing is there */
    for (uint32_t i = 0; i < 2; i++) { /* the second time nothing is its own any more */
        is_away = true;
        futex_exit(&table, dying, &space, 96);
        assert_int_equal(words[48 / 4], FUTEX_WAITERS | FUTEX_OWNER_DIED);
        assert_int_equal(words[64 / 4], FUTEX_OWNER_DIED);
        assert_true(waiter->own.bucket == NULL && pending->own.bucket == NULL);
    }
}

/* ---- programs ---- */

static struct futex_thread *holders[2 * MUTEXES];

/* Word n is mutex n: those below MUTEXES inherit, the others are 0, 1, or 2 with waiters. */
static bool inherits(uint32_t mutex) {
    return mutex < MUTEXES;
}

static void enter(struct sim_thread *thread, uint32_t mutex) {
    assert_null(holders[mutex]);
    holders[mutex] = futex_of(thread);
    thread->cost_ns |= UINT64_C(1) << mutex;
}

static void leave(struct sim_thread *thread, uint32_t mutex) {
    assert_ptr_equal(holders[mutex], futex_of(thread));
    holders[mutex] = NULL;
    thread->cost_ns &= ~(UINT64_C(1) << mutex);
}

static uint64_t random_timeout_ns(void) {
    return sim_random(&simulator, 0, 2) == 0 ? SCHED_NEVER : simulator.now_ns + sim_random(&simulator, 0, 3 * MS);
}

static void lock_one(struct sim_thread *thread, uint32_t mutex) {
    struct futex_thread *self = futex_of(thread);
    bool waits = false;
    thread->phase = mutex + 1;
    if (inherits(mutex)) {
        int status = futex_lock(&table, self, &space, UINT64_C(4) * mutex, random_timeout_ns(), false, &waits);
        assert_true(status == 0 || status == GROVE_CYCLE);
        if (status == 0 && !waits)
            enter(thread, mutex);
    } else if (words[mutex] == 0) {
        words[mutex] = 1;
        enter(thread, mutex);
    } else {
        words[mutex] = 2;
        waits = futex_wait(&table, self, &space, UINT64_C(4) * mutex, 2, FUTEX_ALL_BITS, random_timeout_ns()) == 0;
    }
    if (!waits)
        thread->phase = 0;
}

static void unlock_one(struct sim_thread *thread, uint32_t mutex) {
    uint32_t woken;
    leave(thread, mutex);
    if (inherits(mutex)) {
        assert_int_equal(futex_unlock(&table, futex_of(thread), &space, UINT64_C(4) * mutex), 0);
    } else {
        words[mutex] = 0;
        assert_int_equal(futex_wake(&table, &space, UINT64_C(4) * mutex, 1, FUTEX_ALL_BITS, &woken), 0);
    }
}

static void come_back(struct sim_thread *thread) {
    uint32_t mutex = thread->phase - 1;
    int status = futex_finish(&table, futex_of(thread));
    thread->phase = 0;
    thread->jobs++;
    if (status == 0 && inherits(mutex))
        enter(thread, mutex);
    else if (!inherits(mutex) && words[mutex] == 0) { /* others may wait, whoever was woken */
        words[mutex] = 2;
        enter(thread, mutex);
    }
}

static void die(struct sim_thread *thread) {
    for (uint32_t i = 0; i < 2 * MUTEXES; i++)
        if ((thread->cost_ns >> i & 1) != 0 && !inherits(i))
            unlock_one(thread, i);
        else if ((thread->cost_ns >> i & 1) != 0 && (words[i] & FUTEX_WAITERS) == 0)
            unlock_one(thread, i); /* without a waiter the kernel does not know of it */
        else if ((thread->cost_ns >> i & 1) != 0)
            leave(thread, i);
    is_away = sim_random(&simulator, 0, 1) == 0;
    futex_exit(&table, futex_of(thread), &space, 0);
    for (uint32_t i = 0; i < MUTEXES; i++) /* nobody waited any more: what a robust list is for */
        if ((words[i] & FUTEX_OWNER) == futex_of(thread)->number)
            words[i] = 0;
    sched_thread_end(&simulator.scheduler, &thread->thread);
}

static void program(struct simulator *machine, struct sim_thread *thread) {
    thread->left_ns = sim_random(machine, 1 * US, 700 * US);
    if (thread->phase != 0) {
        come_back(thread);
        return;
    }
    uint32_t mutex = (uint32_t)sim_random(machine, 0, 2 * MUTEXES - 1);
    is_away = sim_random(machine, 0, 3) == 0;
    if ((thread->cost_ns >> mutex & 1) != 0)
        unlock_one(thread, mutex);
    else if (inherits(mutex) || thread->cost_ns == 0) /* only those that inherit can tell a deadlock */
        lock_one(thread, mutex);
    else if (sim_random(machine, 0, 40) == 0 && machine->count > 12)
        die(thread);
    else
        sched_wake(&machine->scheduler, &machine->threads[sim_random(machine, 0, machine->count - 1)].thread,
                   GROVE_CANCELLED);
    if (thread->phase != 0)
        thread->left_ns = 0;
    sched_reschedule(&machine->scheduler);
}

static void programs_exclude_each_other_and_go_on(void **state) {
    (void)state;
    uint64_t waits = 0;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        open_machine(1u << seed % 3, seed);
        memset(holders, 0, sizeof(holders));
        while (simulator.count + 4 <= SIM_THREADS) {
            const struct grove_schedule *schedules[] = {&fair, &fair, &middle, &high};
            for (uint32_t i = 0; i < ITEMS(schedules); i++)
                start(schedules[i], program);
            sim_run(&simulator, simulator.now_ns + 20 * MS);
        }
        for (uint32_t i = 0; i < simulator.count; i++)
            waits += simulator.threads[i].jobs;
    }
    assert_true(waits > 100 * UINT64_C(40));
}

/* ---- several words, and handing over ---- */

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
        cmocka_unit_test(the_word_decides_and_bits_choose),
        cmocka_unit_test(a_key_wakes_all_who_wait_for_its_word),
        cmocka_unit_test(a_timeout_ends_the_wait),
        cmocka_unit_test(waiters_move_to_another_word),
        cmocka_unit_test(an_owner_inherits_and_hands_on),
        cmocka_unit_test(what_a_program_writes_into_words_is_not_believed),
        cmocka_unit_test(a_robust_list_is_walked_and_bounded),
        cmocka_unit_test(programs_exclude_each_other_and_go_on),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
