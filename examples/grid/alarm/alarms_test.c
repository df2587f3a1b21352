/* Alarms: raised once, acknowledged, ended, kept in the history; repetitions; more than there is room for. */
#include "examples/grid/alarm/alarms.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static struct alarms *start(void) {
    struct alarms *alarms = calloc(1, sizeof *alarms);
    alarms_start(alarms);
    return alarms;
}

static int event(struct alarms *alarms, uint64_t sequence, uint16_t feeder, bool is_over) {
    struct alarm_event made = {.epoch = 1,
                               .sequence = sequence,
                               .wall_ns = 100 + sequence,
                               .kind = ALARM_TRIP,
                               .feeder = feeder,
                               .is_over = is_over};
    return alarms_event(alarms, &made);
}

static void the_life_of_an_alarm(void **state) {
    (void)state;
    struct alarms *alarms = start();
    struct alarm_record records[4];
    assert_int_equal(event(alarms, 1, 4, false), 0);
    assert_int_equal(event(alarms, 2, 4, false), 0); /* told again: still one */
    assert_int_equal(alarms_list(alarms, records, 4), 1);
    assert_int_equal(records[0].raised_wall_ns, 101);
    assert_int_equal(alarms_acknowledge(alarms, 77, 5), GROVE_NOT_FOUND);
    assert_int_equal(alarms_acknowledge(alarms, records[0].number, 150), 0);
    assert_int_equal(alarms_list(alarms, records, 4), 1);
    assert_int_equal(event(alarms, 3, 4, true), 0);
    assert_int_equal(alarms_list(alarms, records, 4), 0);
    assert_int_equal(alarms_list_history(alarms, records, 4), 1);
    assert_int_equal(records[0].ended_wall_ns, 103);
    assert_int_equal(records[0].acknowledged_wall_ns, 150);
    free(alarms);
}

static void over_before_it_is_acknowledged(void **state) {
    (void)state;
    struct alarms *alarms = start();
    struct alarm_record records[4];
    event(alarms, 1, 4, false);
    event(alarms, 2, 4, true);
    assert_int_equal(alarms_list(alarms, records, 4), 1);
    event(alarms, 3, 4, false); /* a new alarm beside the old one */
    assert_int_equal(alarms_list(alarms, records, 4), 2);
    assert_true(records[0].number > records[1].number);
    assert_int_equal(alarms_acknowledge(alarms, 0, 9), 0);
    assert_int_equal(alarms_list(alarms, records, 4), 1);
    free(alarms);
}

static void repetitions_and_nonsense(void **state) {
    (void)state;
    struct alarms *alarms = start();
    struct alarm_event wrong = {.epoch = 1, .sequence = 1, .kind = ALARM_KIND_END};
    assert_int_equal(alarms_event(alarms, &wrong), GROVE_INVALID);
    assert_int_equal(event(alarms, 1, 4, false), 0);
    assert_int_equal(event(alarms, 2, 4, true), 0);
    assert_int_equal(event(alarms, 1, 4, false), GROVE_EXISTS);
    struct alarm_record records[4];
    assert_int_equal(alarms_list(alarms, records, 4), 1);
    assert_true(records[0].ended_wall_ns != 0);
    alarms_start(alarms); /* a next instance */
    assert_int_equal(alarms_list(alarms, records, 4), 1);
    free(alarms);
}

static void more_than_there_is_room_for(void **state) {
    (void)state;
    struct alarms *alarms = start();
    static struct alarm_record records[ALARMS_ACTIVE_MAX + 8];
    uint64_t sequence = 1;
    for (uint16_t feeder = 1; feeder <= ALARMS_ACTIVE_MAX + 1; feeder++)
        event(alarms, sequence++, feeder, false);
    assert_int_equal(alarms_list(alarms, records, ALARMS_ACTIVE_MAX + 8), ALARMS_ACTIVE_MAX);
    assert_int_equal(alarms->overflowed, 1);
    event(alarms, sequence++, 5, true);
    event(alarms, sequence++, 500, false); /* takes the place of the one that is over */
    assert_int_equal(alarms_list(alarms, records, ALARMS_ACTIVE_MAX + 8), ALARMS_ACTIVE_MAX);
    assert_int_equal(records[0].feeder, 500);
    free(alarms);
}

static void the_history_is_a_ring(void **state) {
    (void)state;
    struct alarms *alarms = start();
    struct alarm_record records[ALARM_REPLY_MAX];
    for (uint64_t i = 0; i < ALARMS_HISTORY_MAX + 10; i++) {
        event(alarms, 2 * i + 1, 1, false);
        event(alarms, 2 * i + 2, 1, true);
        alarms_acknowledge(alarms, 0, 1);
    }
    assert_int_equal(alarms_list_history(alarms, records, ALARM_REPLY_MAX), ALARM_REPLY_MAX);
    assert_int_equal(records[0].number, ALARMS_HISTORY_MAX + 10);
    assert_int_equal(records[1].number, ALARMS_HISTORY_MAX + 9);
    free(alarms);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_life_of_an_alarm),     cmocka_unit_test(over_before_it_is_acknowledged),
        cmocka_unit_test(repetitions_and_nonsense), cmocka_unit_test(more_than_there_is_room_for),
        cmocka_unit_test(the_history_is_a_ring),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
