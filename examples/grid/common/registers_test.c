/* Types, word order and scale; grouping of neighbours into requests. */
#include "examples/grid/common/registers.h"
#include "grove/abi/status.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void values(void **state) {
    (void)state;
    static const struct {
        struct register_point point;
        uint16_t words[2];
        double value;
    } cases[] = {
        {{.type = TYPE_U16, .scale = 0.1}, {65535, 0}, 6553.5},
        {{.type = TYPE_S16, .scale = 1}, {0xffff, 0}, -1},
        {{.type = TYPE_U32, .scale = 1}, {1, 2}, 65538},
        {{.type = TYPE_U32, .scale = 1, .is_low_first = true}, {1, 2}, 131073},
        {{.type = TYPE_S32, .scale = 1}, {0xffff, 0xfffe}, -2},
        {{.type = TYPE_F32, .scale = 2}, {0x4248, 0x0000}, 100},
        {{.type = TYPE_F32, .scale = 1, .is_low_first = true}, {0x0000, 0x4248}, 50},
        {{.type = TYPE_BIT, .scale = 1}, {1, 0}, 1},
        {{.type = TYPE_BIT, .scale = 1, .is_inverted = true}, {1, 0}, 0},
    };
    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        double off = register_value(&cases[i].point, cases[i].words) - cases[i].value;
        assert_true(off < 1e-6 && off > -1e-6);
    }
}

static struct register_map bay(void) {
    struct register_map map = {0};
    map.point[QUANTITY_VOLTAGE] = (struct register_point){.is_mapped = true, .table = TABLE_INPUT, .type = TYPE_U16};
    map.point[QUANTITY_CURRENT] =
        (struct register_point){.is_mapped = true, .table = TABLE_INPUT, .type = TYPE_U16, .address = 1};
    map.point[QUANTITY_POWER] =
        (struct register_point){.is_mapped = true, .table = TABLE_INPUT, .type = TYPE_S32, .address = 2};
    map.point[QUANTITY_FREQUENCY] =
        (struct register_point){.is_mapped = true, .table = TABLE_INPUT, .type = TYPE_U16, .address = 4};
    map.point[QUANTITY_BREAKER] = (struct register_point){.is_mapped = true, .table = TABLE_DISCRETE, .type = TYPE_BIT};
    map.point[QUANTITY_TRIP] = (struct register_point){.is_mapped = true, .table = TABLE_COIL, .type = TYPE_BIT};
    return map;
}

static void neighbours_are_read_together(void **state) {
    (void)state;
    struct register_map map = bay();
    struct register_plan plan;
    assert_int_equal(register_plan(&map, 100, &plan), 0);
    assert_int_equal(plan.count, 2);
    assert_int_equal(plan.request[0].table, TABLE_DISCRETE);
    assert_int_equal(plan.request[1].address, 100);
    assert_int_equal(plan.request[1].count, 5);
    assert_int_equal(plan.request[1].offset[QUANTITY_FREQUENCY], 4);
    assert_int_equal(plan.request[1].quantities, 0xf);
}

static void gaps_are_not_read(void **state) {
    (void)state;
    struct register_map map = bay();
    map.point[QUANTITY_FREQUENCY].address = 5;
    struct register_plan plan;
    assert_int_equal(register_plan(&map, 0, &plan), 0);
    assert_int_equal(plan.count, 3);
    assert_int_equal(plan.request[2].address, 5);
}

static void the_end_of_the_table(void **state) {
    (void)state;
    struct register_map map = bay();
    struct register_plan plan = {.count = 99};
    assert_int_equal(register_plan(&map, 65531, &plan), 0);
    assert_int_equal(register_plan(&map, 65532, &plan), GROVE_INVALID);
    assert_int_equal(plan.count, 2);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values),
        cmocka_unit_test(neighbours_are_read_together),
        cmocka_unit_test(gaps_are_not_read),
        cmocka_unit_test(the_end_of_the_table),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
