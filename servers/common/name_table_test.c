/* The table by name, against a plain array as the model, with 10,000 names coming and going. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "grove/abi/status.h"
#include "servers/common/name_table.h"

#define NAMES 10000
static char names[NAMES][32];
static int is_in[NAMES];

static void finds_what_is_in_and_nothing_else(void **state) {
    (void)state;
    struct name_table table = {0};
    assert_null(name_table_find(&table, "absent"));
    assert_null(name_table_remove(&table, "absent"));
    for (int index = 0; index < NAMES; index++)
        (void)snprintf(names[index], sizeof names[index], "project.service-%d", index);
    uint32_t random = 12345;
    for (int turn = 0; turn < 6 * NAMES; turn++) {
        random = random * 1664525u + 1013904223u;
        int index = (int)((random >> 8) % NAMES);
        if (is_in[index]) {
            assert_int_equal(name_table_add(&table, names[index], names[index]), GROVE_EXISTS);
            assert_ptr_equal(name_table_remove(&table, names[index]), names[index]);
        } else {
            assert_int_equal(name_table_add(&table, names[index], names[index]), 0);
        }
        is_in[index] = !is_in[index];
    }
    size_t count = 0;
    for (int index = 0; index < NAMES; index++) {
        assert_ptr_equal(name_table_find(&table, names[index]), is_in[index] ? names[index] : NULL);
        count += (size_t)is_in[index];
    }
    assert_int_equal(table.used, count);
    name_table_deinit(&table);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_what_is_in_and_nothing_else)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
