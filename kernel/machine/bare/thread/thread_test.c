/* Unit tests of sleeping, and of the system calls about threads, time, scheduling and words. */
#include "kernel/core/test/unit.h"
#include "kernel/machine/bare/process/calls.h"
#include "kernel/machine/bare/thread/clone.h"
#include "kernel/machine/bare/thread/moment.h"
#include "kernel/machine/bare/thread/test/world.h"
#include "kernel/services/vfs/errors.h"

#include <string.h>

#define CALL(name, ...) system_call_##name((const uint64_t[6]){__VA_ARGS__})
#define MS UINT64_C(1000000)

static int set_up(void **state) {
    (void)state;
    world_open();
    return 0;
}

static void put_time(uint32_t word, int64_t seconds, int64_t ns) {
    const struct linux_time time = {seconds, ns};
    memcpy(&world.words[word], &time, sizeof(time));
}

static struct linux_time time_at(uint32_t word) {
    struct linux_time time;
    memcpy(&time, &world.words[word], sizeof(time));
    return time;
}

/* ---- sleeping ---- */

static struct wait_queue queue;
static struct spinlock lock;

static void wake_queue(struct world *self) {
    (void)self;
    assert_int_equal(lock.is_held, 0); /* it was given up */
    wait_wake(&queue);
}

static void interrupt_first(struct world *self) {
    thread_interrupt(&self->first);
}

static void wake_first(struct world *self) {
    thread_wake(&self->first);
}

static void a_sleep_ends_by_its_queue_its_time_or_an_interruption(void **state) {
    (void)state;
    world.idle = wake_queue;
    spinlock_lock(&lock);
    assert_int_equal(thread_sleep(&queue, &lock, WAIT_FOREVER), 0);
    assert_int_equal(lock.is_held, 1);
    spinlock_unlock(&lock);
    assert_int_equal(thread_sleep(&queue, NULL, world.now_ns + 5 * MS), -LINUX_ETIMEDOUT);
    world.idle = interrupt_first;
    assert_int_equal(thread_sleep(&queue, NULL, WAIT_FOREVER), -LINUX_EINTR);
    assert_null(queue.first); /* nobody is left in it */
}

static void who_is_interrupted_does_not_sleep_but_firmly(void **state) {
    static const bool never;
    (void)state;
    thread_interrupt(&world.first);
    uint64_t before = world.now_ns;
    assert_int_equal(thread_sleep(&queue, NULL, before + MS), -LINUX_EINTR);
    assert_int_equal(thread_sleep_unless(&never, before + MS), -LINUX_EINTR);
    assert_int_equal(world.now_ns, before);
    world.idle = wake_queue;
    thread_sleep_firmly(&queue, NULL);
    assert_int_equal(thread_sleep(&queue, NULL, WAIT_FOREVER), -LINUX_EINTR);
}

static void a_flag_that_is_set_keeps_from_sleeping(void **state) {
    static const bool always = true, never;
    (void)state;
    assert_int_equal(thread_sleep_unless(&always, WAIT_FOREVER), 0);
    world.idle = wake_first;
    assert_int_equal(thread_sleep_unless(&never, WAIT_FOREVER), 0);
}

/* ---- clocks ---- */

static void clocks_tell_their_time(void **state) {
    (void)state;
    world.now_ns = 3 * NS_PER_SECOND + 17;
    assert_int_equal(CALL(clock_gettime, 1, world_word(0)), 0);
    assert_int_equal(time_at(0).seconds, 3);
    assert_int_equal(time_at(0).ns, 17);
    assert_int_equal(CALL(clock_gettime, 0, world_word(0)), 0);
    assert_int_equal(time_at(0).seconds, clock_wall_ns() / (int64_t)NS_PER_SECOND);
    assert_int_equal(CALL(clock_gettime, 1, 8), -LINUX_EFAULT);
    assert_int_equal(CALL(clock_gettime, 10, world_word(0)), -LINUX_EINVAL);
    assert_int_equal(CALL(clock_getres, 1, 0), 0);
    assert_int_equal(CALL(clock_getres, 99, 0), -LINUX_EINVAL);
    uint64_t own = (uint64_t)(int64_t)((~1 * 8) | 6), none = (uint64_t)(int64_t)((~3 * 8) | 6);
    assert_int_equal(CALL(clock_gettime, own, world_word(0)), 0);
    assert_int_equal(CALL(clock_gettime, none, world_word(0)), -LINUX_EINVAL);
    assert_int_equal(CALL(clock_gettime, own | 3, world_word(0)), -LINUX_EINVAL);
    assert_int_equal(CALL(time, 0), clock_wall_ns() / (int64_t)NS_PER_SECOND);
    assert_int_equal(CALL(gettimeofday, world_word(4), world_word(8)), 0);
}

static void sleeping_takes_its_time(void **state) {
    (void)state;
    put_time(0, 2, 5);
    uint64_t before = world.now_ns;
    assert_int_equal(CALL(nanosleep, world_word(0), 0), 0);
    assert_int_equal(world.now_ns, before + 2 * NS_PER_SECOND + 5);
    put_time(0, 1, 0); /* that moment has passed */
    before = world.now_ns;
    assert_int_equal(CALL(clock_nanosleep, 1, 1, world_word(0)), 0);
    assert_int_equal(world.now_ns, before);
    struct linux_time wall = moment_split((uint64_t)clock_wall_ns() + MS);
    put_time(0, wall.seconds, wall.ns);
    assert_int_equal(CALL(clock_nanosleep, 0, 1, world_word(0)), 0);
    assert_int_equal(world.now_ns, before + MS);
}

static void what_is_no_time_is_refused(void **state) {
    static const struct { int64_t seconds, ns; } wrong[] = {{-1, 0}, {0, -1}, {0, NS_PER_SECOND}};
    (void)state;
    for (unsigned i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
        put_time(0, wrong[i].seconds, wrong[i].ns);
        assert_int_equal(CALL(nanosleep, world_word(0), 0), -LINUX_EINVAL);
    }
    assert_int_equal(CALL(nanosleep, 16, 0), -LINUX_EFAULT);
    put_time(0, 0, 1);
    assert_int_equal(CALL(clock_nanosleep, 3, 0, world_word(0)), -LINUX_EINVAL);
    assert_int_equal(CALL(clock_nanosleep, 5, 0, world_word(0)), -LINUX_EOPNOTSUPP);
    assert_int_equal(CALL(clock_nanosleep, 50, 0, world_word(0)), -LINUX_EINVAL);
    uint64_t ns = 0;
    const struct linux_time late = {INT64_MAX, 0};
    assert_int_equal(moment_check(&late, &ns), 0);
    assert_int_equal(ns, MOMENT_LAST);
}

static void interrupt_half_way(struct world *self) {
    self->now_ns += MS;
    thread_interrupt(&self->first);
}

static void an_interrupted_sleep_tells_what_is_left(void **state) {
    (void)state;
    thread_interrupt(&world.first);
    put_time(0, 4, 0);
    assert_int_equal(CALL(nanosleep, world_word(0), world_word(8)), -LINUX_EINTR);
    assert_int_equal(time_at(8).seconds, 4);
    assert_int_equal(CALL(clock_nanosleep, 1, 1, world_word(0), world_word(16)), -LINUX_EINTR);
    assert_int_equal(time_at(16).seconds, 0); /* a moment stays what it is */
}

/* ---- words ---- */

enum {
    WAIT = 0,
    WAKE = 1,
    REQUEUE = 3,
    COMPARE_REQUEUE = 4,
    WAKE_OPERATION = 5,
    LOCK = 6,
    UNLOCK = 7,
    TRY = 8,
    WAIT_BITS = 9
};
#define WALL 256u

static void waiting_on_a_word(void **state) {
    (void)state;
    uint64_t word = world_word(0), time = world_word(4);
    put_time(4, 0, 5);
    assert_int_equal(CALL(futex, word, WAIT, 1, 0), -LINUX_EAGAIN);
    assert_int_equal(CALL(futex, word, WAIT, 0, time), -LINUX_ETIMEDOUT);
    assert_int_equal(CALL(futex, word, WAIT_BITS, 0, time, 0, 0), -LINUX_EINVAL);
    assert_int_equal(CALL(futex, word, WAIT_BITS, 0, time, 0, 1), -LINUX_ETIMEDOUT);
    assert_int_equal(CALL(futex, word, WAIT_BITS | WALL, 0, time, 0, 1), -LINUX_ETIMEDOUT);
    assert_int_equal(CALL(futex, word, WAKE | WALL, 0), -LINUX_ENOSYS);
    assert_int_equal(CALL(futex, word + 2, WAIT, 0, 0), -LINUX_EINVAL);
    assert_int_equal(CALL(futex, 16, WAIT, 0, 0), -LINUX_EFAULT);
    assert_int_equal(CALL(futex, word, WAIT, 0, 8), -LINUX_EFAULT);
    assert_int_equal(CALL(futex, word, 77, 0, 0), -LINUX_ENOSYS);
    world.idle = interrupt_half_way;
    assert_int_equal(CALL(futex, word, WAIT, 0, 0), -LINUX_EINTR);
    assert_int_equal(CALL(futex, word, WAKE, 9), 0);
}

static void operations_on_the_second_word(void **state) {
    /* What is done: set, add, or, and not, exclusive or; with what; the shift. */
    static const struct {
        uint32_t kind, with, before, after;
    } changes[] = {
        {0, 7, 1, 7}, {1, 0xfff, 1, 0}, {2, 6, 1, 7}, {3, 3, 7, 4}, {4, 5, 1, 4}, {8 + 2, 5, 0, 32},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
        world.words[1] = changes[i].before;
        uint64_t code = changes[i].kind << 28 | changes[i].with << 12;
        assert_int_equal(CALL(futex, world_word(0), WAKE_OPERATION, 1, 1, world_word(1), code), 0);
        assert_int_equal(world.words[1], changes[i].after);
    }
    assert_int_equal(CALL(futex, world_word(0), WAKE_OPERATION, 1, 1, world_word(1), 5u << 28), -LINUX_ENOSYS);
    assert_int_equal(CALL(futex, world_word(0), WAKE_OPERATION, 1, 1, world_word(1), 9u << 24), -LINUX_ENOSYS);
    assert_int_equal(CALL(futex, world_word(0), WAKE_OPERATION, 1, 1, 16, 0), -LINUX_EFAULT);
    assert_int_equal(CALL(futex, world_word(0), REQUEUE, 1, 1, world_word(1) + 1, 0), -LINUX_EINVAL);
    assert_int_equal(CALL(futex, world_word(0), REQUEUE, UINT32_MAX, 1, world_word(1), 0), -LINUX_EINVAL);
    assert_int_equal(CALL(futex, world_word(0), COMPARE_REQUEUE, 1, 1, world_word(1), 1), -LINUX_EAGAIN);
    assert_int_equal(CALL(futex, world_word(0), COMPARE_REQUEUE, 1, 1, world_word(1), 0), 0);
}

static void words_that_inherit(void **state) {
    (void)state;
    uint64_t word = world_word(0);
    assert_int_equal(CALL(futex, word, LOCK, 0, 0), 0);
    assert_int_equal(world.words[0], 1);
    assert_int_equal(CALL(futex, word, LOCK, 0, 0), -LINUX_EDEADLK);
    assert_int_equal(CALL(futex, word, TRY, 0, 0), -LINUX_EDEADLK);
    assert_int_equal(CALL(futex, word, UNLOCK, 0, 0), 0);
    assert_int_equal(CALL(futex, word, UNLOCK, 0, 0), -LINUX_EPERM);
    world.words[0] = 4;
    assert_int_equal(CALL(futex, word, LOCK, 0, 0), -LINUX_ESRCH);
    assert_int_equal(CALL(futex, word, TRY, 0, 0), -LINUX_EAGAIN);
}

static void the_end_of_a_thread(void **state) {
    /* A list of one entry, whose word lies eight bytes behind it. */
    uint64_t head = world_word(16), entry = world_word(32), list[3] = {entry, 8, 0}, next = head;
    (void)state;
    memcpy(&world.words[16], list, sizeof(list));
    memcpy(&world.words[32], &next, sizeof(next));
    world.words[34] = 1; /* it has that one */
    world.words[40] = 1;
    assert_int_equal(CALL(set_robust_list, head, 12), -LINUX_EINVAL);
    assert_int_equal(CALL(set_robust_list, head, 24), 0);
    assert_int_equal(CALL(get_robust_list, 0, world_word(44), world_word(46)), 0);
    assert_memory_equal(&world.words[44], &head, sizeof(head));
    assert_int_equal(CALL(get_robust_list, 3, world_word(44), world_word(46)), -LINUX_ESRCH);
    assert_int_equal(CALL(set_tid_address, world_word(40)), 1);
    thread_end_words(&world.first);
    assert_int_equal(world.words[34], FUTEX_OWNER_DIED);
    assert_int_equal(world.words[40], 0);
}

/* ---- another thread ---- */

#define THREAD (CLONE_MEMORY | CLONE_FOLDERS | CLONE_FILES | CLONE_SIGNALS | CLONE_THREAD)

static void clone_makes_a_thread(void **state) {
    (void)state;
    uint64_t flags = THREAD | CLONE_POINTER | CLONE_PARENT_NUMBER | CLONE_CHILD_NUMBER | CLONE_CHILD_CLEAR;
    assert_int_equal(thread_clone(flags, 0x5000, world_word(0), world_word(1), 0x7000), 2);
    assert_int_equal(world.words[0], 2);
    assert_int_equal(world.words[1], 2);
    assert_int_equal(world.stack, 0x5000);
    assert_int_equal(world.pointer, 0x7000);
    assert_int_equal(world.result, 0);
    assert_int_equal(world.made.clear_at, world_word(1));
    assert_int_equal(world.made.sched.state, SCHED_READY);
    assert_int_equal(CALL(gettid, 0), 1);
}

static void clone_refuses_and_leaves_nothing(void **state) {
    (void)state;
    assert_int_equal(thread_clone(THREAD & ~CLONE_SIGNALS, 0, 0, 0, 0), -LINUX_EINVAL);
    assert_int_equal(thread_clone(THREAD | UINT64_C(0x1000), 0, 0, 0, 0), -LINUX_EINVAL);
    assert_false(world.is_made);
    world.process.is_full = true;
    assert_int_equal(thread_clone(THREAD, 0, 0, 0, 0), -LINUX_EAGAIN);
    assert_true(world.is_discarded);
    assert_int_equal(thread_clone(THREAD, 0, 0, 0, 0), -LINUX_ENOMEM);
}

/* ---- how it is scheduled ---- */

static void policies_are_classes(void **state) {
    static const struct {
        int32_t policy, priority;
        uint32_t class;
        int64_t status;
    } rows[] = {
        {1, 5, GROVE_SCHEDULE_FIXED, 0},
        {2, 99, GROVE_SCHEDULE_ROUND_ROBIN, 0},
        {3, 0, GROVE_SCHEDULE_FAIR, 0},
        {5, 0, GROVE_SCHEDULE_IDLE, 0},
        {0, 0, GROVE_SCHEDULE_FAIR, 0},
        {1, 0, GROVE_SCHEDULE_FAIR, -LINUX_EINVAL},
        {1, 100, GROVE_SCHEDULE_FAIR, -LINUX_EINVAL},
        {0, 3, GROVE_SCHEDULE_FAIR, -LINUX_EINVAL},
        {4, 0, GROVE_SCHEDULE_FAIR, -LINUX_EINVAL},
        {6, 0, GROVE_SCHEDULE_FAIR, -LINUX_EINVAL},
    };
    (void)state;
    for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        world.words[0] = (uint32_t)rows[i].priority;
        assert_int_equal(CALL(sched_setscheduler, 0, (uint64_t)rows[i].policy, world_word(0)), rows[i].status);
        assert_int_equal(world.first.schedule.class, rows[i].class);
        if (rows[i].status == 0) {
            assert_int_equal(CALL(sched_getscheduler, 1), rows[i].policy);
            assert_int_equal(CALL(sched_getparam, 0, world_word(1)), 0);
            assert_int_equal(world.words[1], rows[i].priority);
        }
    }
    assert_int_equal(CALL(sched_setscheduler, 0, 0, 16), -LINUX_EFAULT);
    assert_int_equal(CALL(sched_setscheduler, 9, 0, world_word(8)), -LINUX_ESRCH);
    assert_int_equal(CALL(sched_setscheduler, UINT64_MAX, 0, world_word(0)), -LINUX_EINVAL);
    assert_int_equal(CALL(sched_get_priority_max, 1), 99);
    assert_int_equal(CALL(sched_get_priority_min, 1), 1);
    assert_int_equal(CALL(sched_get_priority_min, 0), 0);
    assert_int_equal(CALL(sched_get_priority_max, 9), -LINUX_EINVAL);
}

/* As struct sched_attr: size, policy; flags; nice, priority; runtime, deadline, period. */
static void put_attributes(uint32_t policy, uint32_t nice, uint64_t runtime, uint64_t deadline, uint64_t period) {
    const uint64_t times[] = {runtime, deadline, period};
    const uint32_t words[] = {48, policy, 0, 0, nice, 0};
    memcpy(world.words, words, sizeof(words));
    memcpy(&world.words[6], times, sizeof(times));
}

static void attributes_hold_deadlines_and_nice_values(void **state) {
    (void)state;
    put_attributes(6, 0, 2 * MS, 5 * MS, 10 * MS);
    assert_int_equal(CALL(sched_setattr, 0, world_word(0), 0), 0);
    assert_int_equal(world.first.schedule.class, GROVE_SCHEDULE_DEADLINE);
    assert_int_equal(CALL(sched_getattr, 0, world_word(32), 48, 0), 0);
    assert_int_equal(world.words[33], 6);
    put_attributes(6, 0, 20 * MS, 5 * MS, 10 * MS);
    assert_int_equal(CALL(sched_setattr, 0, world_word(0), 0), -LINUX_EINVAL);
    put_attributes(6, 0, 10 * MS, 10 * MS, 10 * MS); /* all of a processor is given to nobody */
    assert_int_equal(CALL(sched_setattr, 0, world_word(0), 0), -LINUX_EBUSY);
    put_attributes(0, (uint32_t)-50, 0, 0, 0);
    assert_int_equal(CALL(sched_setattr, 0, world_word(0), 0), 0);
    assert_int_equal(CALL(getpriority, 0, 0), 40);
    world.words[0] = 20;
    assert_int_equal(CALL(sched_setattr, 0, world_word(0), 0), -LINUX_EINVAL);
    assert_int_equal(CALL(sched_getattr, 0, world_word(32), 40, 0), -LINUX_EINVAL);
}

static void nice_values_and_who_may(void **state) {
    (void)state;
    assert_int_equal(CALL(setpriority, 0, 0, 7), 0);
    assert_int_equal(CALL(getpriority, 0, 1), 13);
    world.process.is_denied = true;
    assert_int_equal(CALL(setpriority, 0, 0, 9), 0);
    assert_int_equal(CALL(setpriority, 0, 0, 3), -LINUX_EACCES);
    world.words[0] = 4;
    assert_int_equal(CALL(sched_setscheduler, 0, 1, world_word(0)), -LINUX_EPERM);
    assert_int_equal(CALL(setpriority, 5, 0, 3), -LINUX_EINVAL);
    assert_int_equal(CALL(getpriority, 0, 77), -LINUX_ESRCH);
    assert_int_equal(CALL(setpriority, 1, 0, 12), 0);
    assert_int_equal(CALL(getpriority, 1, 1), 8);
    assert_int_equal(CALL(setpriority, 1, 0, 3), -LINUX_EACCES);
    assert_int_equal(CALL(getpriority, 2, 0), 8);
    assert_int_equal(CALL(setpriority, 1, 9, 12), -LINUX_ESRCH);
    assert_int_equal(CALL(getpriority, 2, 9), -LINUX_ESRCH);
}

static void adjustments_are_read_and_refused(void **state) {
    (void)state;
    memset(world.words, 0xff, sizeof(world.words));
    world.words[0] = 0;
    assert_int_equal(CALL(adjtimex, world_word(0)), 5);
    assert_int_equal(world.words[22], 10000); /* microseconds of a tick */
    assert_int_equal(CALL(clock_adjtime, 0, world_word(0)), 5);
    assert_int_equal(CALL(clock_adjtime, 1, world_word(0)), -LINUX_EOPNOTSUPP);
    assert_int_equal(CALL(clock_adjtime, 10, world_word(0)), -LINUX_EINVAL);
    assert_int_equal(CALL(adjtimex, 8), -LINUX_EFAULT);
    world.words[0] = 0x10;
    assert_int_equal(CALL(adjtimex, world_word(0)), -LINUX_EPERM);
    world.words[0] = 0x8000;
    assert_int_equal(CALL(adjtimex, world_word(0)), -LINUX_EINVAL);
}

static void affinity_is_among_the_processors_there_are(void **state) {
    (void)state;
    const uint64_t most = UINT64_MAX, none = UINT64_C(6);
    memcpy(world.words, &most, sizeof(most));
    assert_int_equal(CALL(sched_setaffinity, 0, 8, world_word(0)), 0);
    assert_int_equal(CALL(sched_getaffinity, 0, 128, world_word(4)), 8);
    assert_int_equal(world.words[4], 1);
    memcpy(world.words, &none, sizeof(none));
    assert_int_equal(CALL(sched_setaffinity, 0, 8, world_word(0)), -LINUX_EINVAL);
    assert_int_equal(CALL(sched_getaffinity, 0, 4, world_word(4)), -LINUX_EINVAL);
    assert_int_equal(CALL(sched_getaffinity, 8, 8, world_word(4)), -LINUX_ESRCH);
    world.words[0] = 1;
    assert_int_equal(CALL(getcpu, world_word(0), world_word(1)), 0);
    assert_int_equal(world.words[0], 0);
    assert_int_equal(CALL(sched_yield, 0), 0);
    assert_int_equal(CALL(sched_rr_get_interval, 0, world_word(0)), 0);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_sleep_ends_by_its_queue_its_time_or_an_interruption, set_up),
        cmocka_unit_test_setup(who_is_interrupted_does_not_sleep_but_firmly, set_up),
        cmocka_unit_test_setup(a_flag_that_is_set_keeps_from_sleeping, set_up),
        cmocka_unit_test_setup(clocks_tell_their_time, set_up),
        cmocka_unit_test_setup(sleeping_takes_its_time, set_up),
        cmocka_unit_test_setup(what_is_no_time_is_refused, set_up),
        cmocka_unit_test_setup(an_interrupted_sleep_tells_what_is_left, set_up),
        cmocka_unit_test_setup(waiting_on_a_word, set_up),
        cmocka_unit_test_setup(operations_on_the_second_word, set_up),
        cmocka_unit_test_setup(words_that_inherit, set_up),
        cmocka_unit_test_setup(the_end_of_a_thread, set_up),
        cmocka_unit_test_setup(clone_makes_a_thread, set_up),
        cmocka_unit_test_setup(clone_refuses_and_leaves_nothing, set_up),
        cmocka_unit_test_setup(policies_are_classes, set_up),
        cmocka_unit_test_setup(attributes_hold_deadlines_and_nice_values, set_up),
        cmocka_unit_test_setup(nice_values_and_who_may, set_up),
        cmocka_unit_test_setup(adjustments_are_read_and_refused, set_up),
        cmocka_unit_test_setup(affinity_is_among_the_processors_there_are, set_up),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
