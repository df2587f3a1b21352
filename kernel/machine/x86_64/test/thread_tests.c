/* Threads on the machine itself: that they switch, sleep, are replaced and end on all of its processors. See tests.h. */
#include "kernel/machine/x86_64/console/console.h"
#include "kernel/machine/x86_64/cpu/processor.h"
#include "kernel/machine/x86_64/mm/memory.h"
#include "kernel/machine/x86_64/smp/processors.h"
#include "kernel/machine/x86_64/test/tests.h"
#include "kernel/machine/x86_64/thread/machine.h"
#include "kernel/services/vfs/errors.h"

#include <stddef.h>

/* A thread of the kernel that runs on these processors. NULL: there is no memory. */
static struct thread *start(void (*function)(void *argument), void *argument, uint64_t affinity) {
    struct thread *thread;
    if (thread_create_kernel(function, argument, &thread) < 0)
        return NULL;
    threads_set_affinity(thread, affinity);
    thread_start(thread);
    return thread;
}

/* How many of the threads of a test are done, and who waits for that. */
struct finish {
    struct spinlock lock;
    struct wait_queue changed;
    uint32_t done;
};

static void finished(struct finish *finish) {
    spinlock_lock(&finish->lock);
    finish->done++;
    wait_wake(&finish->changed);
    spinlock_unlock(&finish->lock);
}

static void wait_for(struct finish *finish, uint32_t count) {
    spinlock_lock(&finish->lock);
    while (finish->done < count)
        thread_sleep_firmly(&finish->changed, &finish->lock);
    spinlock_unlock(&finish->lock);
}

/* ---- two threads that hand a turn to each other ---- */

#define TURNS 200u /* between processors each is a wake-up of another thread of QEMU */

struct game {
    struct finish finish;
    struct spinlock lock;
    struct wait_queue turned;
    uint32_t turn;
};

static void play(struct game *game, uint32_t self) {
    for (uint32_t i = 0; i < TURNS; i++) {
        spinlock_lock(&game->lock);
        while (game->turn % 2 != self)
            thread_sleep_firmly(&game->turned, &game->lock);
        game->turn++;
        wait_wake(&game->turned);
        spinlock_unlock(&game->lock);
    }
    finished(&game->finish);
}

static void play_first(void *argument) {
    play(argument, 0);
}

static void play_second(void *argument) {
    play(argument, 1);
}

/* On each pair of processors, by switches where both are the same one and by kicks where they are not. */
const char *self_test_switching(void) {
    for (uint32_t i = 0; i < processors_count(); i++)
        for (uint32_t j = 0; j <= i; j++) {
            struct game game = {.turn = 0};
            if (start(play_first, &game, UINT64_C(1) << i) == NULL ||
                start(play_second, &game, UINT64_C(1) << j) == NULL)
                return "there is no memory";
            wait_for(&game.finish, 2);
            if (game.turn != 2 * TURNS)
                return "a turn was lost";
        }
    return NULL;
}

/* ---- many that sleep for times of their own ---- */

#define SLEEPERS 32u
#define SLEEPS 8u
#define STEP_NS UINT64_C(700000)

struct sleeper {
    struct finish *finish;
    uint32_t number;
    bool is_early, is_wrong;
};

static void sleep_often(void *argument) {
    static struct wait_queue nothing;
    struct sleeper *sleeper = argument;
    for (uint32_t i = 0; i < SLEEPS; i++) {
        uint64_t until = clock_now_ns() + (1 + (sleeper->number * 7 + i) % 5) * STEP_NS;
        int status = thread_sleep(&nothing, NULL, until);
        sleeper->is_wrong = sleeper->is_wrong || status != -LINUX_ETIMEDOUT;
        sleeper->is_early = sleeper->is_early || clock_now_ns() < until;
    }
    finished(sleeper->finish);
}

const char *self_test_sleeping(void) {
    struct finish finish = {.done = 0};
    struct sleeper sleepers[SLEEPERS];
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        sleepers[i] = (struct sleeper){.finish = &finish, .number = i};
        if (start(sleep_often, &sleepers[i], UINT64_MAX) == NULL)
            return "there is no memory";
    }
    wait_for(&finish, SLEEPERS);
    for (uint32_t i = 0; i < SLEEPERS; i++) {
        if (sleepers[i].is_early)
            return "a thread woke before its time";
        if (sleepers[i].is_wrong)
            return "a sleep did not end by time";
    }
    return NULL;
}

/* ---- threads that never give up a processor by themselves ---- */

struct hogs {
    struct finish finish;
    uint32_t rounds[2]; /* atomic */
    bool is_over; /* atomic */
};

/* Until both had the processor several times in turn, which only an interrupt can give them. */
static void compute(struct hogs *hogs, uint32_t self) {
    uint32_t seen = 0, other = 1 - self;
    while (!__atomic_load_n(&hogs->is_over, __ATOMIC_RELAXED)) {
        uint32_t now = __atomic_load_n(&hogs->rounds[other], __ATOMIC_RELAXED);
        if (now != seen || (self == 0 && seen == 0)) {
            seen = now;
            if (__atomic_add_fetch(&hogs->rounds[self], 1, __ATOMIC_RELAXED) >= 5)
                __atomic_store_n(&hogs->is_over, true, __ATOMIC_RELAXED);
        }
    }
    finished(&hogs->finish);
}

static void compute_first(void *argument) {
    compute(argument, 0);
}

static void compute_second(void *argument) {
    compute(argument, 1);
}

static void be_urgent(void *argument) {
    struct hogs *hogs = argument;
    __atomic_store_n(&hogs->is_over, true, __ATOMIC_RELAXED);
    finished(&hogs->finish);
}

/* A thread of a higher class runs at once, whatever computes there: nothing but it ends the computing. */
static const char *urgent_goes_first(void) {
    static const struct grove_schedule urgent = {.class = GROVE_SCHEDULE_FIXED, .priority = 50};
    uint32_t number = processors_count() - 1;
    struct hogs hogs = {.rounds = {1, 1}};
    struct thread *thread;
    if (start(compute_second, &hogs, UINT64_C(1) << number) == NULL ||
        thread_create_kernel(be_urgent, &hogs, &thread) < 0)
        return "there is no memory";
    if (sched_thread_set(&thread_scheduler, &thread->sched, &urgent, UINT64_C(1) << number) < 0)
        return "a thread cannot be made urgent";
    thread_start(thread);
    wait_for(&hogs.finish, 2);
    return NULL;
}

const char *self_test_preemption(void) {
    for (uint32_t i = 0; i < processors_count(); i++) {
        struct hogs hogs = {.rounds = {0, 0}};
        if (start(compute_first, &hogs, UINT64_C(1) << i) == NULL ||
            start(compute_second, &hogs, UINT64_C(1) << i) == NULL)
            return "there is no memory";
        wait_for(&hogs.finish, 2);
    }
    return urgent_goes_first();
}

/* ---- how late an urgent thread comes, beside two that never rest ---- */

#define WAKE_UPS 100u
#define PERIOD_NS UINT64_C(1000000)

struct lateness {
    struct finish finish;
    bool is_over; /* atomic */
    bool is_early;
    uint64_t late_ns[WAKE_UPS];
};

static void never_rest(void *argument) {
    struct lateness *lateness = argument;
    while (!__atomic_load_n(&lateness->is_over, __ATOMIC_RELAXED)) {
    }
    finished(&lateness->finish);
}

static void wake_each_period(void *argument) {
    static struct wait_queue nothing;
    struct lateness *lateness = argument;
    uint64_t next = clock_now_ns();
    for (uint32_t i = 0; i < WAKE_UPS; i++) {
        next += PERIOD_NS;
        (void)thread_sleep(&nothing, NULL, next);
        uint64_t now = clock_now_ns();
        lateness->is_early = lateness->is_early || now < next;
        lateness->late_ns[i] = now > next ? now - next : 0;
        next = now > next + PERIOD_NS ? now : next; /* it missed more than one: from here on */
    }
    __atomic_store_n(&lateness->is_over, true, __ATOMIC_RELAXED);
    finished(&lateness->finish);
}

static uint64_t latest_but_one(struct lateness *lateness) {
    uint64_t most = 0, second = 0;
    for (uint32_t i = 0; i < WAKE_UPS; i++) {
        uint64_t late = lateness->late_ns[i];
        second = late > most ? most : late > second ? late : second;
        most = late > most ? late : most;
    }
    return second;
}

/* That it is late is no fault here, as this computer may be busy; what is told is for people. */
const char *self_test_lateness(void) {
    static const struct grove_schedule urgent = {.class = GROVE_SCHEDULE_FIXED, .priority = 50};
    struct lateness *lateness = memory_take(sizeof(*lateness));
    struct thread *thread;
    uint64_t last = UINT64_C(1) << (processors_count() - 1);
    if (lateness == NULL || start(never_rest, lateness, last) == NULL || start(never_rest, lateness, last) == NULL ||
        thread_create_kernel(wake_each_period, lateness, &thread) < 0)
        return "there is no memory";
    if (sched_thread_set(&thread_scheduler, &thread->sched, &urgent, last) < 0)
        return "a thread cannot be made urgent";
    thread_start(thread);
    wait_for(&lateness->finish, 3);
    console_print("self-test: an urgent thread was %lu ns late, or less, 99 times of 100\n", latest_but_one(lateness));
    bool is_early = lateness->is_early;
    memory_give_back(lateness);
    return is_early ? "a thread woke before its time" : NULL;
}

/* ---- beginnings and ends by the hundred ---- */

#define BATCHES 10u
#define BATCH 64u

static void count(void *argument) {
    finished(argument);
}

const char *self_test_storm(void) {
    for (uint32_t i = 0; i < BATCHES; i++) {
        struct finish finish = {.done = 0};
        for (uint32_t j = 0; j < BATCH; j++)
            if (start(count, &finish, UINT64_MAX) == NULL)
                return "there is no memory";
        wait_for(&finish, BATCH);
    }
    return NULL;
}

/* ---- sleeps that are ended ---- */

struct victim {
    struct finish finish, interrupted, slept;
    bool is_woken; /* atomic */
    int first, second, third;
};

static void sleep_for_ever(void *argument) {
    static struct wait_queue nothing;
    static const bool never;
    struct victim *victim = argument;
    struct thread *self = thread_current();
    victim->first = thread_sleep(&nothing, NULL, WAIT_FOREVER);
    victim->second = thread_sleep_unless(&never, WAIT_FOREVER); /* it is interrupted still */
    wait_for(&victim->interrupted, 1); /* else the rest of it would wake the next sleep */
    __atomic_store_n(&self->is_interrupted, false, __ATOMIC_SEQ_CST);
    finished(&victim->slept);
    victim->third = thread_sleep_unless(&victim->is_woken, WAIT_FOREVER);
    finished(&victim->finish);
}

const char *self_test_interrupting(void) {
    for (uint32_t i = 0; i < processors_count(); i++) {
        struct victim victim = {.first = 1, .second = 1, .third = 1};
        struct thread *thread = start(sleep_for_ever, &victim, UINT64_C(1) << i);
        if (thread == NULL)
            return "there is no memory";
        thread_interrupt(thread);
        finished(&victim.interrupted);
        wait_for(&victim.slept, 1);
        hold_begin(); /* so that the thread stays, though it may end at once */
        __atomic_store_n(&victim.is_woken, true, __ATOMIC_SEQ_CST);
        thread_wake(thread);
        hold_end();
        wait_for(&victim.finish, 1);
        if (victim.first != -LINUX_EINTR || victim.second != -LINUX_EINTR)
            return "an interruption did not end a sleep";
        if (victim.third != 0)
            return "a thread was not simply woken";
    }
    return NULL;
}
