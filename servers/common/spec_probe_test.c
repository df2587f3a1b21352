/* A probe has its service's rights and another program, and is a valid spec. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "grove/abi/status.h"
#include "servers/common/spec_probe.h"
#include "servers/common/test_spec.h"

static const struct test_interface provided[] = {{"grid.database", {1, 0, 0, 0}, {0}, 0}, {0}};

static void runs_the_command_under_another_name(void **state) {
    (void)state;
    struct grove_spec *spec = test_spec("grid.database", provided, NULL);
    struct grove_spec *probe;
    assert_int_equal(spec_probe(spec, "  /usr/bin/pg_isready   -q ", &probe), 0);
    assert_string_equal(grove_spec_text(probe, probe->name), "grid.database-probe");
    assert_string_equal(grove_spec_text(probe, probe->project), "grid");
    assert_string_equal(grove_spec_text(probe, probe->executable), "/usr/bin/pg_isready");
    assert_int_equal(probe->arguments.count, 2);
    assert_string_equal(grove_spec_argument(probe, 1), "-q");
    assert_int_equal(probe->provides.count, 0);
    assert_int_equal(probe->restart.policy, GROVE_RESTART_NEVER);
    free(probe);
    free(spec);
}

static void refuses_what_is_no_command(void **state) {
    (void)state;
    struct grove_spec *spec = test_spec("grid.database", provided, NULL);
    struct grove_spec *probe = NULL;
    assert_int_equal(spec_probe(spec, "   ", &probe), GROVE_INVALID);
    assert_int_equal(spec_probe(spec, "pg_isready", &probe), GROVE_INVALID);
    char many[256];
    memset(many, ' ', sizeof many);
    for (size_t index = 1; index < sizeof many; index += 2)
        many[index] = '/';
    many[sizeof many - 1] = '\0';
    assert_int_equal(spec_probe(spec, many, &probe), GROVE_TOO_LARGE);
    assert_null(probe);
    free(spec);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(runs_the_command_under_another_name),
        cmocka_unit_test(refuses_what_is_no_command),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
