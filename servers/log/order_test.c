/* The order of stamps over a clock that is set: back, forward, between two instances, and where the file cannot be written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "servers/log/order.h"

#define SECOND_NS UINT64_C(1000000000)
#define HOUR_NS (3600 * SECOND_NS)
#define NOON_NS (UINT64_C(1767268800) * SECOND_NS)

struct fixture {
    char path[64];
    int folder;
    struct order order;
};

static int set_up(void **state) {
    static struct fixture fixture;
    (void)snprintf(fixture.path, sizeof fixture.path, "/tmp/grove-order-XXXXXX");
    if (mkdtemp(fixture.path) == NULL)
        return -1;
    fixture.folder = open(fixture.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    *state = &fixture;
    return order_open(&fixture.order, fixture.folder) ? 0 : -1;
}

static int tear_down(void **state) {
    struct fixture *fixture = *state;
    order_close(&fixture->order);
    (void)unlinkat(fixture->folder, ORDER_FILE, 0);
    (void)close(fixture->folder);
    return rmdir(fixture->path);
}

static bool is_before(const struct order_stamp *one, const struct order_stamp *other) {
    return one->steps != other->steps ? one->steps < other->steps : one->time_ns < other->time_ns;
}

/* The clock shows this; what is stamped must stand behind all before. */
static struct order_stamp at(struct fixture *fixture, uint64_t now_ns, bool is_set_back) {
    struct order_stamp before = fixture->order.last, stamp;
    assert_int_equal(order_next(&fixture->order, now_ns, &stamp), is_set_back);
    assert_true(is_before(&before, &stamp));
    return stamp;
}

static void open_again(struct fixture *fixture) {
    order_close(&fixture->order);
    assert_true(order_open(&fixture->order, fixture->folder));
}

static void a_clock_that_is_set_back_by_an_hour_begins_a_step(void **state) {
    struct fixture *fixture = *state;
    (void)at(fixture, NOON_NS, false);
    (void)at(fixture, NOON_NS + 1, false);
    struct order_stamp stamp = at(fixture, NOON_NS - HOUR_NS, true);
    assert_int_equal(stamp.steps, 1);
    assert_int_equal(stamp.time_ns, NOON_NS - HOUR_NS); /* what the clock shows, and not what it showed */
    stamp = at(fixture, NOON_NS - HOUR_NS + 5, false);
    assert_int_equal(stamp.time_ns, NOON_NS - HOUR_NS + 5);
    stamp = at(fixture, NOON_NS - 2 * HOUR_NS, true);
    assert_int_equal(stamp.steps, 2);
}

static void a_clock_that_is_set_forward_needs_nothing(void **state) {
    struct fixture *fixture = *state;
    (void)at(fixture, NOON_NS, false);
    struct order_stamp stamp = at(fixture, NOON_NS + HOUR_NS, false);
    assert_int_equal(stamp.steps, 0);
    stamp = at(fixture, NOON_NS + 1, true); /* and set right again */
    assert_int_equal(stamp.steps, 1);
}

static void a_little_back_is_waited_out(void **state) {
    struct fixture *fixture = *state;
    (void)at(fixture, NOON_NS, false);
    struct order_stamp stamp = at(fixture, NOON_NS - SECOND_NS, false);
    assert_int_equal(stamp.time_ns, NOON_NS + 1);
    stamp = at(fixture, NOON_NS, false); /* twice the same moment */
    assert_int_equal(stamp.time_ns, NOON_NS + 2);
    stamp = at(fixture, NOON_NS + SECOND_NS, false);
    assert_int_equal(stamp.time_ns, NOON_NS + SECOND_NS);
    assert_int_equal(stamp.steps, 0);
}

static void the_next_instance_goes_on(void **state) {
    struct fixture *fixture = *state;
    (void)at(fixture, NOON_NS, false);
    (void)at(fixture, NOON_NS - HOUR_NS, true);
    open_again(fixture);
    struct order_stamp stamp = at(fixture, NOON_NS - HOUR_NS + 1, false);
    assert_int_equal(stamp.steps, 1);
    open_again(fixture); /* set back while nobody ran */
    stamp = at(fixture, NOON_NS - 3 * HOUR_NS, true);
    assert_int_equal(stamp.steps, 2);
}

static void what_cannot_be_written_is_remembered_and_written_later(void **state) {
    struct fixture *fixture = *state;
    assert_int_equal(mkdirat(fixture->folder, ORDER_FILE, 0700), 0); /* root writes where it may not; not into this */
    (void)at(fixture, NOON_NS, false);
    (void)at(fixture, NOON_NS - HOUR_NS, true);
    assert_int_equal(fixture->order.file, -1);
    assert_int_equal(unlinkat(fixture->folder, ORDER_FILE, AT_REMOVEDIR), 0);
    (void)at(fixture, NOON_NS, false);
    open_again(fixture);
    assert_int_equal(fixture->order.last.steps, 1);
    assert_int_equal(fixture->order.last.time_ns, NOON_NS);
}

static void a_damaged_file_is_told_and_begun_anew(void **state) {
    struct fixture *fixture = *state;
    char bytes[ORDER_FILE_BYTES];
    struct order_stamp stamp;
    (void)at(fixture, NOON_NS, false);
    assert_int_equal(pread(fixture->order.file, bytes, sizeof bytes, 0), sizeof bytes);
    assert_true(order_decode(bytes, sizeof bytes, &stamp));
    assert_false(order_decode(bytes, sizeof bytes - 1, &stamp));
    for (size_t index = 0; index < sizeof bytes; index++) {
        bytes[index] ^= 4;
        assert_false(order_decode(bytes, sizeof bytes, &stamp));
        bytes[index] ^= 4;
    }
    assert_int_equal(ftruncate(fixture->order.file, 20), 0);
    order_close(&fixture->order);
    assert_false(order_open(&fixture->order, fixture->folder));
    assert_int_equal(fixture->order.last.time_ns, 0);
    (void)at(fixture, NOON_NS, false);
    open_again(fixture);
    assert_int_equal(fixture->order.last.time_ns, NOON_NS);
}

static void steps_end_before_they_overflow(void **state) {
    struct fixture *fixture = *state;
    (void)at(fixture, NOON_NS, false);
    fixture->order.last.steps = ORDER_STEPS_MAX;
    struct order_stamp stamp = at(fixture, NOON_NS - HOUR_NS, false);
    assert_int_equal(stamp.steps, ORDER_STEPS_MAX);
    assert_int_equal(stamp.time_ns, NOON_NS + 1);
}

int main(void) {
#define TEST(function) cmocka_unit_test_setup_teardown(function, set_up, tear_down)
    const struct CMUnitTest tests[] = {
        TEST(a_clock_that_is_set_back_by_an_hour_begins_a_step),
        TEST(a_clock_that_is_set_forward_needs_nothing),
        TEST(a_little_back_is_waited_out),
        TEST(the_next_instance_goes_on),
        TEST(what_cannot_be_written_is_remembered_and_written_later),
        TEST(a_damaged_file_is_told_and_begun_anew),
        TEST(steps_end_before_they_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
