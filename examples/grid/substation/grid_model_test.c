/* The grid: balance holds the frequency, lost generation lets it fall, shed load brings it back, a fault draws current. */
#include "examples/grid/substation/grid_model.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define SECOND UINT64_C(1000000000)
static const char text[] = "loop 100s\n"
                           "system base 10000 inertia 4 droop 5 reserve 400\n"
                           "at 0s feeder 1 load 6000\n"
                           "at 0s feeder 2 load 4000\n"
                           "at 0s feeder 2 fault 0\n"
                           "at 50s feeder 2 fault 1500\n"
                           "at 0s generation 10000\n"
                           "at 10s generation 7000\n";

static struct profile *load(void) {
    struct profile *profile = malloc(sizeof *profile);
    struct problem problem;
    assert_int_equal(profile_parse("p", text, strlen(text), profile, &problem), 0);
    return profile;
}

static void advance(struct grid_state *state, const struct profile *profile, uint64_t to_ns) {
    for (uint64_t at = state->now_ns; at < to_ns; at += SECOND / 50)
        model_advance(state, profile, at + SECOND / 50);
}

static void frequency_follows_the_balance(void **context) {
    (void)context;
    struct profile *profile = load();
    struct grid_state state = {0};
    model_start(&state, 5);
    advance(&state, profile, 9 * SECOND);
    assert_true(state.frequency_hz > 49.99 && state.frequency_hz < 50.01);
    advance(&state, profile, 11 * SECOND);
    double low = state.frequency_hz;
    assert_true(low < 49.5);
    state.is_open[1] = 1;
    advance(&state, profile, 20 * SECOND);
    assert_true(state.frequency_hz > low + 0.5);
    assert_true(state.frequency_hz < 51.5);
    free(profile);
}

static void breakers_and_faults(void **context) {
    (void)context;
    struct profile *profile = load();
    struct grid_state state = {0};
    model_start(&state, 0);
    struct feeder_values normal = model_feeder(&state, profile, 1);
    assert_true(normal.is_closed && normal.current_a > 200 && normal.current_a < 300);
    state.now_ns = 51 * SECOND;
    assert_true(model_feeder(&state, profile, 1).current_a > 1500);
    state.is_open[1] = 1;
    struct feeder_values open = model_feeder(&state, profile, 1);
    assert_true(!open.is_closed && open.current_a == 0 && open.power_kw == 0);
    free(profile);
}

static void a_restart_goes_on(void **context) {
    (void)context;
    struct profile *profile = load();
    struct grid_state state = {0};
    model_start(&state, SECOND);
    state.is_open[0] = 1;
    advance(&state, profile, 3 * SECOND);
    struct grid_state kept = state;
    model_start(&state, 4 * SECOND);
    assert_memory_equal(&kept, &state, sizeof state);
    state.frequency_hz = 0;
    model_start(&state, 4 * SECOND);
    assert_true(state.start_ns == 4 * SECOND && !state.is_open[0]);
    model_advance(&state, profile, 1000 * SECOND);
    assert_true(1000 * SECOND - state.now_ns < SECOND / 100);
    free(profile);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(frequency_follows_the_balance),
                                       cmocka_unit_test(breakers_and_faults), cmocka_unit_test(a_restart_goes_on)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
