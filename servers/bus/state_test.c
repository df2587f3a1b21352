/* What an earlier instance of the bus left in doubt, and the numbers that its successor gives. */
#include "servers/bus/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

#define ARENA_BYTES (UINT64_C(1) << 20)

static void *memory;

static int set_up(void **state) {
    (void)state;
    memory = calloc(1, state_bytes(ARENA_BYTES));
    return memory == NULL;
}

static int tear_down(void **state) {
    (void)state;
    free(memory);
    return 0;
}

static struct state opened(bool is_fresh) {
    struct state state;
    assert_int_equal(state_open(&state, memory, state_bytes(ARENA_BYTES), is_fresh), 0);
    return state;
}

/* An instance that gave numbers up to 7 and died while it took a publication, or right after. Returns the next one's newest. */
static uint64_t newest_after_death(bool is_done) {
    struct state state = opened(true);
    state.head->sequence = is_done ? 8 : 7;
    state.head->doubt = (struct state_doubt){.channel = 1, .number = 2, .sequence = 8, .is_done = is_done};
    state_close(&state);
    state = opened(false);
    uint64_t newest = state.head->sequence;
    bool is_remembered = false;
    for (unsigned at = 0; at < STATE_DOUBTS; at++)
        is_remembered = is_remembered || state.head->earlier[at].sequence == 8;
    assert_true(is_remembered);
    state_close(&state);
    return newest;
}

static void the_number_in_doubt_is_given_to_nobody_else(void **state) {
    (void)state;
    assert_int_equal(newest_after_death(false), 8);
}

static void a_number_that_was_given_stays_so(void **state) {
    (void)state;
    assert_int_equal(newest_after_death(true), 8);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(the_number_in_doubt_is_given_to_nobody_else, set_up, tear_down),
        cmocka_unit_test_setup_teardown(a_number_that_was_given_stays_so, set_up, tear_down),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
