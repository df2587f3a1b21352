/* Profiles: values over time, the loop, and a complaint with its line for each mistake. */
#include "examples/grid/substation/profile.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)

static struct profile *parse(const char *text, int expected, struct problem *problem) {
    struct profile *profile = malloc(sizeof *profile);
    assert_int_equal(profile_parse("p", text, strlen(text), profile, problem), expected);
    return profile;
}

static double load_at(const struct profile *profile, uint64_t time_ns) {
    return profile_value(profile, &profile->feeder[1][PROFILE_LOAD], time_ns, -1);
}

static void values_over_time(void **state) {
    (void)state;
    struct problem problem = {""};
    struct profile *profile = parse("loop 10s\n"
                                    "at 1s feeder 2 load 100\n"
                                    "at 2s feeder 2 load 200 ramp 2s\n"
                                    "at 9s feeder 2 load 0 ramp 2s\n",
                                    0, &problem);
    assert_int_equal(profile->feeder_count, 2);
    assert_true(load_at(profile, 1 * SECOND) == 100);
    assert_true(load_at(profile, 3 * SECOND) == 150);
    assert_true(load_at(profile, 5 * SECOND) == 200);
    assert_true(load_at(profile, 10 * SECOND) == 100);
    assert_true(load_at(profile, 0) == 0);
    assert_true(load_at(profile, 10 * SECOND + SECOND / 2) == 50);
    assert_true(load_at(profile, 13 * SECOND) == 150);
    assert_true(profile_value(profile, &profile->generation, 0, 77) == 77);
    free(profile);
}

static void one_event_is_constant(void **state) {
    (void)state;
    struct problem problem = {""};
    struct profile *profile = parse("loop 1s\nat 500ms feeder 2 load 7 ramp 100ms", 0, &problem);
    for (uint64_t at = 0; at < 3 * SECOND; at += 10000000)
        assert_true(load_at(profile, at) == 7);
    free(profile);
}

static void complaints(void **state) {
    (void)state;
    static const struct {
        const char *text, *complaint;
    } wrong[] = {
        {"", "no feeder"},
        {"loop 0s", "p:1: write: loop"},
        {"fly 1", "'fly' is unknown"},
        {"at 1s", "write: at TIME"},
        {"at 1s feeder 0 load 1", "1 to 64"},
        {"at 1s feeder 65 load 1", "1 to 64"},
        {"at 1s feeder 1.5 load 1", "write: at TIME feeder NUMBER"},
        {"at 1s feeder 1 colour 1", "'colour' is no quantity"},
        {"at 1s feeder 1 load -1", "out of range"},
        {"at 1s feeder 1 load 1 ramp", "ramp needs a value"},
        {"at 2s feeder 1 load 1\nat 1s feeder 1 load 1", "p:2: 1s is not after"},
        {"loop 1s\nat 2s feeder 1 load 1", "after the end of the loop"},
        {"at 1x feeder 1 load 1", "not a duration"},
    };
    for (unsigned i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct problem problem = {""};
        free(parse(wrong[i].text, GROVE_INVALID, &problem));
        if (strstr(problem.sentence, wrong[i].complaint) == NULL)
            fail_msg("'%s' does not say '%s'", problem.sentence, wrong[i].complaint);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_over_time), cmocka_unit_test(one_event_is_constant),
                                       cmocka_unit_test(complaints)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
