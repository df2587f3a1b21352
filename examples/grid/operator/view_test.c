/* The view: cut to the window, says what matters; what counts as lost. */
#include "examples/grid/operator/summary.h"
#include "examples/grid/operator/view.h"

#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

static struct snapshot snapshot_of_test(void) {
    struct snapshot snapshot = {.acquire = {.feeders = 2, .taken = 40},
                                .protect = {.feeders = 2, .frequency_hz = 48.9f}};
    snapshot.latest[0] = (struct reading){.feeder = 1, .voltage_v = 10000, .breaker_closed = 1};
    snapshot.latest[1] = (struct reading){.feeder = 4, .quality = QUALITY_UNREACHABLE};
    snapshot.protected_feeder[0] =
        (struct protect_feeder){.feeder = 1, .breaker = BREAKER_TRIPPED, .cause = CAUSE_SHEDDING};
    snapshot.protected_feeder[1] = (struct protect_feeder){.feeder = 4};
    snapshot.alarm[0] = (struct alarm_record){.number = 7, .kind = ALARM_SHED, .feeder = 1};
    snapshot.alarm_count = 1;
    snapshot.protect.settings = 12;
    snapshot.protect.followed = 1;
    snapshot.bus.dead_letters = 3;
    snapshot.health.status = GROVE_HEALTH_DEGRADED;
    snapshot.ill = (struct grove_health_record){
        .name = {"grid.acquire"}, .status = GROVE_HEALTH_DEGRADED, .reason = "feeder-4-suburb: it is gone"};
    return snapshot;
}

static bool shows(const struct view *view, const char *text) {
    for (unsigned i = 0; i < view->count; i++)
        if (strstr(view->line[i], text) != NULL)
            return true;
    return false;
}

static void what_matters_is_there(void **state) {
    (void)state;
    static struct view view;
    struct snapshot snapshot = snapshot_of_test();
    view = (struct view){.columns = 120, .alarms_most = 3};
    view_make(&view, &snapshot, NULL, 5 * GROVE_SECOND);
    static const char *const wanted[] = {"48.900 Hz",
                                         "TRIPPED",
                                         "load shedding",
                                         "unreachable",
                                         "taken 40",
                                         "feeder shed",
                                         "no answer from: acquire protect historian alarm system.health system.bus",
                                         "change 12   intents 1 of 2   dead letters 3",
                                         "degraded   grid.acquire: feeder-4-suburb: it is gone"};
    for (unsigned i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
        if (!shows(&view, wanted[i]))
            fail_msg("'%s' is not shown", wanted[i]);
    char line[VIEW_LINE_BYTES];
    view_line(line, sizeof line, &snapshot, 3);
    assert_non_null(strstr(line, "tripped 1"));
    assert_non_null(strstr(line, "settings 12  health degraded  dead letters 3"));
}

static void nothing_is_wider_than_the_window(void **state) {
    (void)state;
    static struct view view;
    struct snapshot snapshot = snapshot_of_test();
    for (unsigned columns = 1; columns < 130; columns += 7) {
        view = (struct view){.columns = columns, .alarms_most = 3};
        view_make(&view, &snapshot, NULL, 1);
        for (unsigned i = 0; i < view.count; i++)
            assert_true(strlen(view.line[i]) <= columns);
    }
}

static void what_counts_as_lost(void **state) {
    (void)state;
    const struct reading numbered[] = {{.feeder = 1, .epoch = 9, .sequence = 10},
                                       {.feeder = 2, .epoch = 9, .sequence = 10}};
    struct historian_feeder stored[] = {{.feeder = 2, .epoch = 9, .sequence = 12},
                                        {.feeder = 1, .epoch = 9, .sequence = 7}};
    assert_int_equal(summary_lost(numbered, 2, stored, 2), 3);
    stored[1].sequence = 10;
    assert_int_equal(summary_lost(numbered, 2, stored, 2), 0);
    stored[1].epoch = 8; /* an older numbering says nothing about this one */
    assert_int_equal(summary_lost(numbered, 2, stored, 2), 10);
    assert_int_equal(summary_lost(numbered, 2, stored, 0), 20);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(what_matters_is_there),
                                       cmocka_unit_test(nothing_is_wider_than_the_window),
                                       cmocka_unit_test(what_counts_as_lost)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
